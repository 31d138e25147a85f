"""What lanes lack to be known to reach the floors of traffic classes, which suites would give it, and at what cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from router_ml.allocation.estimate import Allocation
from router_ml.allocation.quality import believe
from router_ml.config import RouterConfig
from router_ml.config.planning import ClassWhen
from router_ml.contract.missing import Missing, missing
from training.evals.priors.answers import Answer
from training.evals.priors.estimating import Estimated
from training.evals.suite import Suite


@dataclass(frozen=True)
class Lack:
    """A lane whose lower bound in a cell is below the floor of a class.

    ``answers``: evaluated there; ``outcomes``: of traffic and packs there; ``lacks``: what is missing, None where any
    answer would do; ``suites``: cases of the cell by suite; ``usd``: about what the missing answers cost, None where
    that is not known or no number is enough.
    """

    traffic_class: str
    floor: float
    lane: str
    intent: str
    domain: str
    low: float
    answers: int
    outcomes: float
    lacks: Missing | None
    suites: Mapping[str, int]
    usd: float | None

    @property
    def more(self) -> int | None:
        """Further answers that are needed; None where no number is enough."""
        return 1 if self.lacks is None else self.lacks.more

    @property
    def words(self) -> str:
        """As a sentence."""
        given = ", ".join(f"{name} ({cases} cases)" for name, cases in self.suites.items()) or "none has cases there"
        cost = "" if self.usd is None else f", about ${money(self.usd)}"
        wants = "any answer" if self.lacks is None else self.lacks.words
        return (
            f"lane {self.lane}: lower bound {self.low:.2f} < floor {self.floor:.2f} of class {self.traffic_class} in "
            f"({self.intent}, {self.domain}): {self.answers} answers; missing: {wants}{cost}; suites that would give "
            f"it: {given}"
        )


def lacking(
    found: Estimated,
    config: RouterConfig,
    *,
    answers: Sequence[Answer] = (),
    suites: Mapping[str, Suite] | None = None,
    allocation: Allocation | None = None,
) -> tuple[Lack, ...]:
    """What is missing, by class, lane and cell that was evaluated or has cases; the cheapest gap of a class first.

    Args:
        answers: whose mean cost says what further ones would cost. allocation: whose outcomes count beside priors.
    """
    price = _prices(answers)
    where = _cases(suites or {})
    seen = {(row.lane, row.intent, row.domain): row for row in found.rows}
    wanted = sorted({(row.intent, row.domain) for row in found.rows} | set(where))
    gaps = []
    for name, promised in config.traffic_classes.items():
        for lane, intent, domain in _places(found, config, wanted, promised.when):
            low, high, outcomes = _bounds(found, lane, (intent, domain), allocation)
            row = seen.get((lane, intent, domain))
            lacks = missing(low, high, promised.floor)
            if lacks is None and (row is not None or outcomes > 0):
                continue
            more = 1 if lacks is None else lacks.more
            usd = None if more is None or lane not in price else more * price[lane]
            given = where.get((intent, domain), {})
            many = 0 if row is None else row.answers
            gaps.append(Lack(name, promised.floor, lane, intent, domain, low, many, outcomes, lacks, given, usd))
    order = list(config.traffic_classes)
    return tuple(sorted(gaps, key=lambda gap: (order.index(gap.traffic_class), gap.more is None, gap.more or 0)))


def _places(
    found: Estimated, config: RouterConfig, cells: Sequence[tuple[str, str]], when: ClassWhen
) -> Iterator[tuple[str, str, str]]:
    for intent, domain in cells:
        if (when.intent is None or intent in when.intent) and (when.domain is None or domain in when.domain):
            yield from ((lane, intent, domain) for lane in found.priors.lanes if config.lanes[lane].enabled)


def _bounds(
    found: Estimated, lane: str, cell: tuple[str, str], allocation: Allocation | None
) -> tuple[float, float, float]:
    """Bounds as the router will have them in this cell, and the outcomes behind them beside the prior."""
    priors = found.priors
    if cell[0] not in priors.intents or cell[1] not in priors.domains:
        return 0.0, 1.0, 0.0
    at = priors.intents.index(cell[0]), priors.domains.index(cell[1])
    mean, strength = (float(table[*at, priors.lanes.index(lane)]) for table in (priors.quality, priors.strength))
    outcomes, usual = 0.0, mean
    if allocation is not None and lane in allocation.quality.lanes:
        column = allocation.quality.lanes.index(lane)
        outcomes = float(allocation.quality.counts[*at, column])
        usual = float(allocation.quality.cells[*at, column])
    one = believe(np.array([[usual]]), np.array([[outcomes]]), prior=np.array([mean]), strength=np.array([strength]))
    return float(one.low[0, 0]), float(one.high[0, 0]), outcomes


def _prices(answers: Sequence[Answer]) -> dict[str, float]:
    costs: dict[str, list[float]] = defaultdict(list)
    for one in answers:
        if one.cost_usd is not None:
            costs[one.lane].append(one.cost_usd)
    return {lane: float(np.mean(each)) for lane, each in costs.items()}


def _cases(suites: Mapping[str, Suite]) -> dict[tuple[str, str], dict[str, int]]:
    where: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for name, suite in suites.items():
        for case in suite.cases:
            if suite.file.quality and case.decided is None:
                where[case.cell][name] = where[case.cell].get(name, 0) + 1
    return where


def money(usd: float) -> str:
    """USD, with the digits that small sums need."""
    return f"{usd:.2f}" if usd >= 0.1 else f"{usd:.2g}"
