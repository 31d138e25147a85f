"""A seeded stream of requests over an outcome matrix in which lanes change: the world of the online study.

A few prompts have been run on every lane before go-live. The others, of other groups, arrive one by one; a share of the
answers is rated. Five events divide the stream: the price of the best lane is cut, the lane in use silently gets worse
for half of the prompts, a new lane appears, an unused lane is upgraded under a new version, the lane in use is removed.
Which lanes these are follows from the truth alone, so that every router meets the same stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from router_ml.config import Lane
from router_ml.config.schema import Latency, Price, Prior
from training.allocation import Outcomes
from training.outcomes import Pack

Floats = NDArray[np.float64]
Kind = Literal["price cut", "regression", "new lane", "upgrade", "removal"]

EVENTS: tuple[Kind, ...] = ("price cut", "regression", "new lane", "upgrade", "removal")
EVALUATED = 300  # prompts run on every lane before go-live
RATED = 0.3
CUT = 0.02  # of the price is left
WORSE, WORSE_SHARE = 0.5, 0.5  # of the quality is left, for this share of the prompts
NEW_ERRORS, UPGRADED_ERRORS = 0.5, 0.15  # of the errors that its column of the matrix makes
FLOOR_BELOW = 0.1  # the mean of the lanes that are there at first
TOKENS_OUT = 300.0  # a price per token that makes a lane's mean cost out of so many


@dataclass(frozen=True)
class Phase:
    """From ``start`` on, after ``event`` on ``lane``: configured lanes, and what each would get and cost, (m, L) over
    the prompts of the stream and all lanes of the matrix."""

    start: int
    event: Kind | None
    lane: str | None
    lanes: Mapping[str, Lane]
    quality: Floats
    cost_usd: Floats


@dataclass(frozen=True)
class World:
    """A stream: ``row`` (T,) of ``prompts`` that arrive, ``rated`` (T,), ``draw`` (T,) seeds; what was ``evaluated``
    first (over the lanes of the first phase); phases; floor and lambda of the traffic."""

    prompts: Pack
    evaluated: Outcomes
    phases: tuple[Phase, ...]
    row: NDArray[np.intp]
    rated: NDArray[np.bool_]
    draw: NDArray[np.int64]
    floor: float
    quality_per_usd: float

    @property
    def names(self) -> tuple[str, ...]:
        """All lanes of the matrix, those that come later too."""
        return self.prompts.lanes

    def ends(self) -> list[int]:
        """The request after the last one of each phase."""
        return [*(phase.start for phase in self.phases[1:]), len(self.row)]


def make_world(pack: Pack, *, requests: int, quality_per_usd: float, seed: int) -> World:
    """A stream of ``requests`` over the prompts of ``pack``, which need 2 * ``EVALUATED`` rows and three lanes."""
    random = np.random.default_rng([seed, 5])
    first, prompts = pack.split(EVALUATED / len(pack.group), seed=seed)
    late = _second_best(pack.quality.mean(axis=0), pack.cost_usd.mean(axis=0), quality_per_usd)
    start = [index for index in range(len(pack.lanes)) if index != late]
    floor = float(first.quality[:, start].mean() - FLOOR_BELOW)
    lanes = {
        name: _lane(name, first.cost_usd[:, index].mean(), prior=first.quality[:, start].mean())
        for index, name in enumerate(pack.lanes)
    }
    evaluated = Outcomes(
        first.contexts, first.quality[:, start], first.cost_usd[:, start], np.ones((len(first.group), len(start)))
    )
    phases = _phases(prompts, lanes, late, requests, quality_per_usd, random)
    return World(
        prompts=prompts,
        evaluated=evaluated,
        phases=tuple(phases),
        row=random.integers(0, len(prompts.group), requests),
        rated=random.random(requests) < RATED,
        draw=random.integers(0, 2**31, requests),
        floor=floor,
        quality_per_usd=quality_per_usd,
    )


def _phases(
    prompts: Pack, lanes: dict[str, Lane], late: int, requests: int, quality_per_usd: float, random: np.random.Generator
) -> list[Phase]:
    names = list(lanes)
    now = {name: lane for name, lane in lanes.items() if name != names[late]}
    phases = [Phase(0, None, None, now, prompts.quality, prompts.cost_usd)]
    groups, of_row = np.unique(prompts.group, return_inverse=True)
    hit = (random.random(len(groups)) < WORSE_SHARE)[of_row]
    for number, event in enumerate(EVENTS, start=1):
        last = phases[-1]
        there = [names.index(name) for name in last.lanes]
        utility = (last.quality - quality_per_usd * last.cost_usd).mean(axis=0)
        used = max(there, key=lambda index: utility[index])
        quality, cost, now = last.quality.copy(), last.cost_usd.copy(), dict(last.lanes)
        if event == "price cut":
            lane = max((i for i in there if i != used), key=lambda index: last.quality[:, index].mean())
            cost[:, lane] *= CUT
            now[names[lane]] = _cheaper(now[names[lane]], CUT)
        elif event == "regression":
            lane = used
            quality[hit, lane] *= WORSE
        elif event == "new lane":
            lane = late
            quality[:, lane] = 1 - NEW_ERRORS * (1 - quality[:, lane])
            now = {name: spec for name, spec in lanes.items() if name in now or name == names[lane]} | now
        elif event == "upgrade":
            lane = min((i for i in there if i != used), key=lambda index: prompts.quality[:, index].mean())
            quality[:, lane] = 1 - UPGRADED_ERRORS * (1 - prompts.quality[:, lane])
            now[names[lane]] = now[names[lane]].model_copy(update={"version": "2"})
        else:
            lane = used
            del now[names[lane]]
        phases.append(Phase(requests * number // (len(EVENTS) + 1), event, names[lane], now, quality, cost))
    return phases


def _second_best(quality: Floats, cost: Floats, quality_per_usd: float) -> int:
    return int(np.argsort(-(quality - quality_per_usd * cost), kind="stable")[1])


def _lane(name: str, mean_cost: float, *, prior: float) -> Lane:
    """A lane whose price makes its mean cost out of ``TOKENS_OUT`` tokens: a matrix has costs and no prices."""
    return Lane(
        model=name,
        provider=name,
        failure_domain=name,
        region="eu",
        boundary="vendor",
        price=Price(input_per_mtok=0.0, output_per_mtok=mean_cost * 1e6 / TOKENS_OUT),
        latency=Latency(base_ms=0.0, ms_per_output_token=0.0),
        prior=Prior(quality=prior),
        context_window=10**9,
        max_output_tokens=10**6,
    )


def _cheaper(lane: Lane, factor: float) -> Lane:
    price = lane.price.model_copy(update={"output_per_mtok": lane.price.output_per_mtok * factor})
    return lane.model_copy(update={"price": price})
