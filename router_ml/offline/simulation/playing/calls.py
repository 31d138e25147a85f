"""What calls come to at a time: how long they take, whether they fail, what they cost.

A call that fails says so when a first token would have come (``base_ms``), or hangs until it is given up. One that
takes longer than its time fails as well. A failure costs nothing; what was given up costs what was sent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.config import Lane, RouterConfig
from router_ml.contract import FailureKind
from router_ml.guardrails.rules.limits import smallest
from router_ml.offline.simulation.scenarios.scenario import Behaviour
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.traffic.luck import normal
from router_ml.offline.simulation.world.world import Phase, Weather, World

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
_MTOK = 1e6


@dataclass(frozen=True)
class Terms:
    """What the classes of a policy say of each kind, (k, c): seconds until its deadline, and whether batch prices
    hold."""

    deadline_s: Floats
    batched: NDArray[np.bool_]

    @classmethod
    def of(cls, kinds: Kinds, config: RouterConfig) -> Terms:
        """By the limits of each class and of the caller."""
        classes = list(config.traffic_classes.values())
        patience = [
            [smallest(one.limits.deadline_ms, asked.max_latency_ms) for one in classes] for asked in kinds.constraints
        ]
        batched = [[one.batched(channel=facts.channel, mode=facts.mode) for one in classes] for facts in kinds.facts]
        deadline = np.array([[np.inf if ms is None else ms / 1000 for ms in row] for row in patience], np.float64)
        shape = len(kinds), len(classes)
        return cls(deadline.reshape(shape), np.array(batched, np.bool_).reshape(shape))


def behaviours(world: World) -> list[Behaviour]:
    """How each lane of the world behaves."""
    usual = world.behaviour.get("default", Behaviour())
    return [world.behaviour.get(lane, usual) for lane in world.lanes]


class Calls:
    """Calls to the L lanes under one phase and one weather."""

    def __init__(self, kinds: Kinds, world: World, phase: Phase, weather: Weather) -> None:
        lanes: list[Lane] = [phase.lanes[name] for name in world.lanes]
        self.phase, self.weather = phase, weather
        self.closed = world.closed(phase)
        self.timeout_s = np.array([lane.endpoint.timeout_ms / 1000 for lane in lanes])
        self.base_s = np.array([lane.latency.base_ms / 1000 for lane in lanes])
        self._tokens_in = kinds.contexts.tokens_in
        self._spread = np.array([one.spread for one in behaviours(world)])
        self._fresh = np.array([lane.price.input_per_mtok for lane in lanes]) / _MTOK
        held = [lane.price.cached_input_per_mtok for lane in lanes]
        self._cached = np.array([price / _MTOK if price is not None else np.nan for price in held])
        self._cached = np.where(np.isnan(self._cached), self._fresh, self._cached)
        self._discounted = np.array([1 - lane.price.batch_discount for lane in lanes])

    def fails(self, lane: Integers, luck: Floats) -> NDArray[np.bool_]:
        """Whether calls are answered with an error or not at all, (n,)."""
        return np.asarray(luck < self.weather.error_rate[lane])

    def seconds(self, kind: Integers, lane: Integers, luck: Floats) -> Floats:
        """How long calls take that do not fail, (n,): log-normal about what is expected of them."""
        spread = self._spread[lane]
        expected = self.phase.latency_ms[kind, lane] * self.weather.slow[lane] / 1000
        return np.asarray(expected * np.exp(spread * normal(luck) - spread * spread / 2))

    def end(self, lane: int, *, fails: bool, seconds: float, limit_s: float) -> tuple[FailureKind | None, float]:
        """How a call ends, and after how many seconds; ``limit_s``: when it is given up."""
        if fails and self.weather.hangs[lane]:
            return "timeout", limit_s
        if fails:
            seconds = float(self.base_s[lane] * self.weather.slow[lane])
        if seconds > limit_s:
            return "timeout", limit_s
        return ("server_error" if fails else None), seconds

    def usd(
        self, kind: Integers, lane: Integers, *, held: Integers, cached: Integers, batched: NDArray[np.bool_]
    ) -> Floats:
        """Expected true cost of answers, (n,).

        Args:
            held: tokens of the conversation on top of the request. cached: tokens of these that the lane still holds.
        """
        more = (held - cached) * self._fresh[lane] + cached * self._cached[lane]
        whole = self.phase.cost_usd[kind, lane] + more
        return np.asarray(np.where(batched, whole * self._discounted[lane], whole))

    def usd_in(self, kind: int, lane: int, *, held: int, cached: int, batched: bool) -> float:
        """What a call costs that was given up: its tokens in."""
        fresh = int(self._tokens_in[kind]) + held - cached
        usd = float(fresh * self._fresh[lane] + cached * self._cached[lane])
        return usd * float(self._discounted[lane]) if batched else usd
