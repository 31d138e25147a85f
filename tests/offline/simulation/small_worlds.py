"""Small random worlds, a policy that is quick to weigh, and a simulation of them one request at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from router_ml.config import Lane, RouterConfig
from router_ml.config.execution import Breaker, Endpoint
from router_ml.config.load import load_config
from router_ml.config.schema import ClassLimits, Latency, Price, Probe
from router_ml.contract import Constraints
from router_ml.guardrails.rules.conditions import Facts
from router_ml.offline.simulation.playing.carried import FATES, Carried
from router_ml.offline.simulation.playing.play import play
from router_ml.offline.simulation.policies.policy import Moment, Policy, Told, Weighed
from router_ml.offline.simulation.scenarios.scenario import Behaviour, Ratings, Scenario, Sessions, Traffic
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.traffic.rows import LUCK, Rows
from router_ml.offline.simulation.world.world import Phase, Weather, World
from router_ml.state.arms import Arms
from router_ml.storage.loading import shipped_bundle

START = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)
SHIPPED = load_config(shipped_bundle() / "router.yaml")
LANES = ("a", "b", "c", "d")
PROVIDERS = ("one", "one", "two", "three")


@dataclass
class Setting:
    """A world with its traffic."""

    config: RouterConfig
    kinds: Kinds
    world: World
    scenario: Scenario
    rows: Rows
    batch: int = 65_536
    start: datetime = START
    hours: float = 4.0

    @property
    def requests(self) -> int:
        return len(self.rows)

    def batches(self) -> Iterator[Rows]:
        for low in range(0, len(self.rows), self.batch):
            yield self.rows.take(slice(low, low + self.batch))


def lanes(random: np.random.Generator, *, timeout_ms: float) -> dict[str, Lane]:
    """Two lanes of one provider, and two others."""
    usual = SHIPPED.lanes["fast"]
    return {
        name: usual.model_copy(
            update={
                "provider": provider,
                "failure_domain": provider,
                "price": Price(
                    input_per_mtok=float(random.uniform(1, 9)),
                    output_per_mtok=1.0,
                    cached_input_per_mtok=0.5 if name != "c" else None,
                    batch_discount=0.5,
                ),
                "latency": Latency(base_ms=float(random.uniform(50, 900)), ms_per_output_token=1.0),
                "endpoint": Endpoint(timeout_ms=timeout_ms),
                "probe": Probe(share=0.2, requests=7, max_cost_usd=1.0) if name == "d" else Probe(share=0.0),
            }
        )
        for name, provider in zip(LANES, PROVIDERS, strict=True)
    }


def setting(
    seed: int,
    *,
    requests: int = 400,
    hours: float = 1.0,
    trouble: float = 0.5,
    sessions: bool = True,
    budget: float | None = None,
    limits: bool = False,
    attempts: int = 1,
) -> Setting:
    """A random world: phases, weathers that come and go, impatient classes, breakers that open soon."""
    random = np.random.default_rng(seed)
    k, width = 6, len(LANES)
    usual = lanes(random, timeout_ms=float(random.choice([4_000, 30_000])))
    promise = SHIPPED.traffic_classes["default"]
    classes = {
        "hasty": promise.model_copy(update={"limits": ClassLimits(deadline_ms=6_000), "budget_usd_per_day": budget}),
        "calm": promise.model_copy(update={"limits": ClassLimits(), "batch_prices": True}),
    }
    rules = SHIPPED.execution.model_copy(
        update={"breaker": Breaker(failures=2, least=4, window_ms=20_000, open_ms=3_000, max_open_ms=60_000)}
    )
    again_and_again = SHIPPED.fallback.model_copy(update={"attempts": attempts})
    config = SHIPPED.model_copy(
        update={"lanes": usual, "traffic_classes": classes, "execution": rules, "fallback": again_and_again}
    )
    phases = tuple(
        Phase(
            hour,
            usual,
            random.uniform(0.2, 1.0, (k, width)),
            random.uniform(0.001, 0.01, (k, width)),
            random.uniform(100, 3_000, (k, width)),
        )
        for hour in (0.0, hours * 0.6)
    )
    edges = np.concatenate([[0.0], np.sort(random.uniform(0, hours, 5)), [hours]])
    weathers = tuple(
        Weather(
            float(low),
            float(high),
            np.where(random.random(width) < trouble, random.choice([0.3, 1.0, 0.6], width), 0.02),
            np.where(random.random(width) < 0.2, 3.0, 1.0),
            random.random(width) < 0.3,
            "",
        )
        for low, high in itertools.pairwise(edges)
    )
    behaviour = {"default": Behaviour(error_rate=0.02, spread=0.5)}
    if limits:
        behaviour["a"] = Behaviour(spread=0.5, requests_per_minute=6, max_concurrency=2)
        behaviour["c"] = Behaviour(spread=0.5, max_concurrency=1)
        behaviour["d"] = Behaviour(spread=0.5, requests_per_minute=9)
    scenario = Scenario(
        name="small",
        traffic=Traffic(sessions=Sessions(cached=0.9)),
        ratings=Ratings(share=0.5, delay_hours=0.05, every_hours=0.1),
    )
    world = World(LANES, behaviour, phases, weathers)
    rows = _rows(random, requests, hours, k, sessions=sessions)
    return Setting(config, kinds(random, k, width), world, scenario, rows, hours=hours)


def kinds(random: np.random.Generator, k: int, width: int) -> Kinds:
    """Kinds whose contents nobody reads."""
    none = np.zeros((k, 1), np.float32)
    facts = tuple(
        Facts(
            intent="qa",
            domain="general",
            mode="batch" if index == 1 else "chat",
            channel="batch" if index == 2 else "web",
            org=None,
            region=None,
            risks=frozenset(),
            tier="low",
            findings=frozenset(),
            guard_state="clean",
            tools=(),
            write_tool=False,
            language_validated=True,
        )
        for index in range(k)
    )
    return Kinds(
        contexts=Contexts(none, none, none, none, random.integers(10, 2_000, k)),
        facts=facts,
        constraints=tuple(Constraints(max_latency_ms=5_000.0 if index == 3 else None) for index in range(k)),
        traffic_class=(None,) * k,
        asks_back=np.zeros(k, np.bool_),
        lanes=LANES,
        tokens_out=np.ones((k, width)),
        quality=np.ones((k, width)),
        cost_usd=np.ones((k, width)),
        latency_ms=np.ones((k, width)),
        cluster=np.arange(k),
        weight=np.full(k, 1 / k),
        truth="believed",
        in_sample=False,
        source="made up",
    )


def _rows(random: np.random.Generator, n: int, hours: float, k: int, *, sessions: bool) -> Rows:
    session, before, turn = np.full(n, -1), np.full(n, -1), np.zeros(n, np.int64)
    if sessions:
        session = np.where(random.random(n) < 0.7, random.integers(0, max(n // 5, 1), n), -1)
        latest: dict[int, int] = {}
        for row, one in enumerate(session.tolist()):
            if one >= 0:
                before[row] = latest.get(one, -1)
                turn[row] = turn[before[row]] + 1 if before[row] >= 0 else 0
                latest[one] = row
    return Rows(
        number=np.arange(n),
        kind=random.integers(0, k, n),
        hour=np.sort(random.uniform(0, hours, n)),
        session=session,
        turn=turn,
        before=before,
        held=turn * 700,
        luck=random.random((n, LUCK)),
    )


class Toy:
    """Weighs by tables; reads all that a ``Moment`` says."""

    def __init__(
        self, setting: Setting, seed: int, *, learns: bool = False, probes: bool = False, everywhere: bool = False
    ) -> None:
        random, shape = np.random.default_rng(seed + 1), (len(setting.kinds), len(LANES))
        self.name, self.config, self.falls_back, self.learns = "toy", setting.config, True, learns
        self._taste = random.uniform(0.1, 1.0, shape)
        self._allowed = (random.random(shape) < 0.8) | everywhere
        self._class = random.integers(0, 2, len(setting.kinds))
        self._fate = np.where(random.random(len(setting.kinds)) < 0.1, FATES.index("review"), -1)
        self.told: list[Told] = []
        self.arms = Arms(setting.config.lanes if probes else {}, learned={})

    def enter(self, phase: Phase) -> None:
        self._bias = float(phase.quality[0, 0])

    def weigh(self, rows: Rows, moment: Moment) -> Weighed:
        eligible = self._allowed[rows.kind] & ~moment.down
        klass, names = self._class[rows.kind], list(self.config.traffic_classes)
        taste = self._taste[rows.kind] + self._bias
        for index, name in enumerate(names):
            money = moment.money.get(name)
            if money is not None:
                short = 5.0 if money.capped else money.spent_usd / money.budget_usd
                taste = np.where((klass == index)[:, None], taste * np.exp(-short * np.arange(len(LANES))), taste)
        if "d" in self.arms.owed:
            taste = taste + np.array([0, 0, 0, 3.0])
        stays = moment.incumbent >= 0
        taste[stays, moment.incumbent[stays]] += 2.0 + moment.cached[stays] / 1e4
        share = np.where(eligible, taste, 0.0)
        total = share.sum(axis=1, keepdims=True)
        none = total[:, 0] == 0
        fate = np.where(self._fate[rows.kind] >= 0, self._fate[rows.kind], np.where(none, FATES.index("no_lane"), -1))
        share = np.where((fate >= 0)[:, None], 0.0, share / np.maximum(total, 1e-9))
        exploit = np.where(fate < 0, share.argmax(axis=1), -1)
        return Weighed(share, exploit, eligible, taste, fate, stays, klass)

    def learn(self, told: Told) -> None:
        self.told.append(told)
        for kind, lane, good in zip(told.kind, told.lane, told.quality, strict=True):
            self._taste[kind, lane] *= 1.02 if good else 0.98

    def took(self, rows: Rows, lane: NDArray[np.int64]) -> int:
        owed, sent = self.arms.owed, np.flatnonzero(lane == 3)
        if "d" not in owed:
            return len(rows)
        enough = self.arms.lasts("d", [0.0] * len(sent))
        changes = 0 < enough <= len(sent) and self._left() <= len(sent)
        last = int(sent[enough - 1]) + 1 if changes else len(rows)
        self.arms.count_many("d", [0.0] * int((sent < last).sum()))
        return last

    def _left(self) -> int:
        return 7 - int(self.arms.state()["d"]["requests"])


def carried(policy: Policy, setting: Setting) -> dict[str, NDArray[Any]]:
    """All columns of what became of the requests."""
    parts: list[Carried] = []
    play(policy, setting, setting.world, setting.scenario, count=parts.append)
    names = [item.name for item in fields(Carried) if item.name not in ("rows", "classes")]
    numbers = np.concatenate([part.rows.number for part in parts])
    assert (numbers == setting.rows.number).all()
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
