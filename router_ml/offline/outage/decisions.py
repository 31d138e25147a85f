"""What the router decides on each kind of request, before an outage and during it, by the lines that serve.

``rule_case``, ``terms`` and ``chosen`` are those of ``deciding``; what they need of a request that is not there any
more is in its ``Kinds``. Budgets are taken as not spent, and nothing is probed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Allocation, Estimates, Typical, estimate
from router_ml.allocation.quality import Belief
from router_ml.config import RouterConfig, prices_sha256
from router_ml.contract import Constraints, Label, ModeLabel, Risk, RouteRequest
from router_ml.contract.understood import Language
from router_ml.deciding.terms import chosen, terms
from router_ml.guardrails import Scan
from router_ml.guardrails.policy import Ruling
from router_ml.guardrails.rules.conditions import Facts
from router_ml.offline.simulation.playing.carried import Fate
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.planning.plan import Situation, fallback, traffic_class
from router_ml.ruling.case import Case
from router_ml.ruling.of_request import rule_case
from router_ml.storage.bundle import Bundle
from router_ml.understanding.understand import Understanding

Floats = NDArray[np.float64]
_One = tuple[Fate, Floats, Ruling, tuple[str, ...]]
Vector = NDArray[np.float32]
_STAND_IN = "not kept"
_NO_VECTOR = np.zeros(0, np.float32)


@dataclass(frozen=True)
class Decided:
    """What becomes of k kinds. ``fate``: of each; ``served`` are those that a lane answers. ``shares``: (k, L) of the
    lanes, 0 where none answers. ``rulings``: what the rules left of each. ``rankings``: lanes, best first, empty where
    none answers."""

    fate: tuple[Fate, ...]
    shares: Floats
    rulings: tuple[Ruling, ...]
    rankings: tuple[tuple[str, ...], ...]

    @property
    def served(self) -> NDArray[np.bool_]:
        """Kinds that a lane answers, (k,)."""
        return np.array([fate == "served" for fate in self.fate])

    def one(self, index: int) -> _One:
        """A kind."""
        return self.fate[index], self.shares[index], self.rulings[index], self.rankings[index]


@dataclass(frozen=True)
class Weighing:
    """Kinds with everything that deciding them takes, and what is believed of each lane of ``config`` for them."""

    config: RouterConfig
    cases: tuple[Case, ...]
    asks_back: NDArray[np.bool_]
    estimates: Estimates
    certified: tuple[float | None, ...]
    now: datetime

    @property
    def lanes(self) -> tuple[str, ...]:
        """All that are configured, in the order of the columns."""
        return tuple(self.config.lanes)

    def decide(
        self, health: Mapping[str, str], *, dark: Collection[str] = (), before: Decided | None = None
    ) -> Decided:
        """What becomes of each kind while ``health`` is known, which is that the ``dark`` lanes are down. Of kinds that
        none of them was left for ``before``, nothing changes, so that is not worked out again."""
        made = [
            before.one(index)
            if before is not None and not set(before.rulings[index].eligible) & set(dark)
            else self._one(index, health)
            for index in range(len(self.cases))
        ]
        return Decided(
            fate=tuple(one[0] for one in made),
            shares=np.array([one[1] for one in made]).reshape(len(made), len(self.lanes)),
            rulings=tuple(one[2] for one in made),
            rankings=tuple(one[3] for one in made),
        )

    def _one(self, index: int, health: Mapping[str, str]) -> _One:
        config, case, row = self.config, self.cases[index], row_of(self.estimates, index)
        ruling = rule_case(config, case, row, health=health)
        fate = _without_lane(ruling) or ("asked_back" if self.asks_back[index] else None)
        if fate is not None:
            return fate, np.zeros(len(self.lanes)), ruling, ()
        asked = terms(config, case, ruling, row, None, now=self.now, probes={}, certified=self.certified[index])
        choice = chosen(config, ruling, row, asked, seed=0)
        assert choice is not None  # a lane is left, and no money is spent
        shares = np.array([choice.propensities.get(lane, 0.0) for lane in self.lanes])
        return "served", shares, ruling, choice.ranking


def _without_lane(ruling: Ruling) -> Fate | None:
    """What becomes of a request that the rules leave no lane; None of one that they do."""
    if ruling.refuse:
        return "refused"
    if ruling.human_review:
        return "review"
    return None if ruling.eligible else "no_lane"


def rescues(config: RouterConfig, decided: Decided, dark: Collection[str]) -> Floats:
    """Of each kind, (k,): where a dark lane is drawn, with which probability a lane that is not dark is among those to
    fall back on; 0 where none is drawn."""
    names, result = list(config.lanes), np.zeros(len(decided.fate))
    for at, ranking in enumerate(decided.rankings):
        drawn = {lane: float(decided.shares[at, names.index(lane)]) for lane in ranking if lane in dark}
        total = sum(drawn.values())
        for lane, share in drawn.items():
            steps = fallback(config, (lane, *(other for other in ranking if other != lane))).lanes()
            if share > 0 and not steps <= set(dark):
                result[at] += share / total
    return result


def weighing(config: RouterConfig, bundle: Bundle | None, kinds: Kinds, *, now: datetime) -> Weighing:
    """Everything that deciding kinds takes; each is estimated once."""
    contexts = kinds.contexts
    arrays = zip(contexts.embedding, contexts.surface, contexts.intent, contexts.domain, strict=True)
    cases = tuple(
        case_of(config, facts, constraints, named=named, tokens_in=int(tokens), arrays=vectors)
        for facts, constraints, named, tokens, vectors in zip(
            kinds.facts, kinds.constraints, kinds.traffic_class, contexts.tokens_in, arrays, strict=True
        )
    )
    batched = np.array([case.promise.batched(channel=case.facts.channel, mode=case.facts.mode) for case in cases])
    prices, allocation = prices_sha256(config), bundle.allocation if bundle else None
    return Weighing(
        config=config,
        cases=cases,
        asks_back=kinds.asks_back,
        estimates=_estimates(config, allocation, kinds, batched),
        certified=tuple(
            bundle.promises.largest(case.class_name, case.promise, prices_sha256=prices) if bundle else None
            for case in cases
        ),
        now=now,
    )


def _estimates(
    config: RouterConfig, allocation: Allocation | None, kinds: Kinds, batched: NDArray[np.bool_]
) -> Estimates:
    """Estimates of all kinds, at batch prices where these count."""
    normal = estimate(allocation, config.lanes, kinds.contexts)
    if not batched.any():
        return normal
    cheaper = estimate(allocation, config.lanes, kinds.contexts, batch=True)
    cost = np.where(batched[:, None], cheaper.cost_usd, normal.cost_usd)
    usual = np.where(batched[:, None], cheaper.typical.cost_usd, normal.typical.cost_usd)
    typical = Typical(normal.typical.quality, usual)
    return Estimates(normal.belief, cost, normal.latency_ms, normal.tokens_out, normal.predicted, typical)


def row_of(estimates: Estimates, index: int) -> Estimates:
    """One row, as the estimates of a batch of one."""
    rows = slice(index, index + 1)
    belief = Belief(**{item.name: getattr(estimates.belief, item.name)[rows] for item in fields(Belief)})
    typical = Typical(estimates.typical.quality[rows], estimates.typical.cost_usd[rows])
    cost, slow = estimates.cost_usd[rows], estimates.latency_ms[rows]
    return Estimates(belief, cost, slow, estimates.tokens_out[rows], estimates.predicted[rows], typical)


def case_of(
    config: RouterConfig,
    facts: Facts,
    constraints: Constraints,
    *,
    named: str | None,
    tokens_in: int,
    arrays: tuple[Vector, Vector, Vector, Vector] = (_NO_VECTOR,) * 4,
) -> Case:
    """A request that rules and terms can look at, although its text is not there.

    Args:
        named: the class that it names. arrays: embedding, surface, and probabilities of intent and domain.
    """
    request = RouteRequest(
        text=_STAND_IN,
        channel=facts.channel,
        allowed_tools=facts.tools,
        constraints=constraints,
        traffic_class=named,
    )
    situation = Situation(facts.intent, facts.domain, facts.mode, facts.channel, facts.org)
    class_name, promise = traffic_class(config, request, situation)
    understood = Understanding(
        *arrays,
        tokens_in=tokens_in,
        intent_label=Label(label=facts.intent, probabilities={facts.intent: 1.0}),
        domain_label=Label(label=facts.domain, probabilities={facts.domain: 1.0}),
        mode_label=ModeLabel(label=facts.mode, probabilities={facts.mode: 1.0}),
        risks=(),
        language=Language(code=facts.language, validated=facts.language_validated),
        language_characters=0,
    )
    risks = tuple(Risk(name=name, probability=1.0, source="rule") for name in sorted(facts.risks))
    scanned = Scan(facts.guard_state, (), (), (), tuple(sorted(facts.missed)))
    tier = facts.tier
    return Case(request, understood, scanned, risks, tier, situation, class_name, promise, facts, frozenset())
