"""Requests in many circumstances, as kinds of a simulation and as a router is asked them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from router_ml import Router
from router_ml.allocation.context import Contexts
from router_ml.config import RouterConfig
from router_ml.contract import Previous, RouteDecision, RouteRequest
from router_ml.offline.simulation.policies.policy import Moment
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.offline.simulation.traffic.rows import LUCK, Rows
from router_ml.offline.simulation.world.world import Phase, World
from router_ml.ruling.case import build_case, contexts
from router_ml.state.arms import Arms
from router_ml.state.budgets import Standing
from router_ml.state.learning import versions_learned
from router_ml.state.remembered import Remembered
from router_ml.storage.bundle import Bundle
from router_ml.understanding.understand import Understanding

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CORPORA = ("everyday", "guarded", "regulated", "office")
_UNDERSTOOD: list[list[Understanding]] = []


def requests(root: Path, count: int = 36) -> list[RouteRequest]:
    """Authored texts, each in other circumstances than its neighbours."""
    texts: list[str] = []
    for name in CORPORA:
        lines = (root / "data" / "corpus" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        step = max(len(lines) * len(CORPORA) // count, 1)
        texts += [json.loads(line)["text"] for line in lines[::step]][: count // len(CORPORA)]
    texts[1] = "Please refund my order"
    around: Iterator[dict[str, Any]] = itertools.cycle(
        [
            {},
            {"channel": "web", "allowed_tools": ["refund", "order_lookup"]},
            {"metadata": {"region": "eu", "org": "acme"}, "channel": "app"},
            {"channel": "batch"},
            {"constraints": {"max_cost_usd": 0.0008}},
            {"constraints": {"max_latency_ms": 4000, "deny_lanes": ["fast"]}},
            {"metadata": {"region": "us"}, "constraints": {"explore": False}},
            {"traffic_class": "default", "constraints": {"boundary": "private"}},
            {"traffic_class": "default"},
            {"constraints": {"allow_lanes": []}},
            {"traffic_class": "default", "constraints": {"allow_lanes": ["openai", "anthropic", "code"]}},
        ]
    )
    return [RouteRequest.parse({"text": text, **circumstances}) for text, circumstances in zip(texts, around)]  # noqa: B905 - endless


@dataclass(frozen=True)
class Asked:
    """The same requests for both: ``kinds``, and what the router makes of each."""

    router: Router
    requests: Sequence[RouteRequest]
    understood: Sequence[Understanding]
    kinds: Kinds
    world: World

    def decide(self, row: int, rows: Rows, moment: Moment, probes: Mapping[str, float]) -> RouteDecision:
        """What the router decides of one of ``rows`` at a moment, from the state that this is."""
        kind, lanes, router = int(rows.kind[row]), self.world.lanes, self.router
        request, understood = self.requests[kind], self.understood[kind]
        if rows.turn[row] > 0:
            lane = lanes[moment.incumbent[row]] if moment.incumbent[row] >= 0 else None
            cached = int(moment.cached[row]) if lane else 0
            previous = Previous(decision_id="before", lane=lane, cached_tokens=cached, turn=int(rows.turn[row]))
            request = request.model_copy(update={"previous": previous})
            understood = replace(understood, tokens_in=understood.tokens_in + int(rows.held[row]))
        remembered = Remembered(
            health={lane: "down" for lane, down in zip(lanes, moment.down.tolist(), strict=True) if down},
            pinned=frozenset(),
            standing=moment.money.get,
            probes=probes,
            explore_left=None,
        )
        force = router.rules.at(moment.at)
        return router.conclude(force, request, understood, remembered, stamp=(row, moment.at, f"d{row}"))


def asked(root: Path, bundle: Bundle, config: RouterConfig, *, online: bool = False) -> Asked:
    """Requests before a router with this configuration."""
    router, given = Router(config, bundle=bundle, online=online), requests(root)
    if not _UNDERSTOOD:
        _UNDERSTOOD.append(router.understand(given))  # once for all tests
    understood = _UNDERSTOOD[0]
    cases = [
        build_case(config, request, one, router.scan(request), pinned=frozenset())
        for request, one in zip(given, understood, strict=True)
    ]
    lanes, many = tuple(config.lanes), np.ones((len(given), len(config.lanes)))
    decisions = [router.decide(request, one, seed=1) for request, one in zip(given, understood, strict=True)]
    kinds = Kinds(
        contexts=Contexts.stack([contexts(one) for one in understood]),
        facts=tuple(case.facts for case in cases),
        constraints=tuple(request.constraints for request in given),
        traffic_class=tuple(request.traffic_class for request in given),
        asks_back=np.array([decision.action == "clarify" for decision in decisions]),
        lanes=lanes,
        tokens_out=many * 300,
        quality=many * 0.8,
        cost_usd=many * 0.001,
        latency_ms=many * 1000,
        cluster=np.arange(len(given)),
        weight=np.full(len(given), 1 / len(given)),
        truth="believed",
        in_sample=False,
        source="tests",
    )
    return Asked(router, given, understood, kinds, world(config, kinds))


def world(config: RouterConfig, kinds: Kinds, *later: Phase) -> World:
    """A world in which every lane of a configuration does what the kinds say."""
    first = Phase(0.0, dict(config.lanes), kinds.quality, kinds.cost_usd, kinds.latency_ms)
    return World(tuple(config.lanes), {}, (first, *later), ())


def rows_of(kinds: Sequence[int], *, held: Sequence[int] | None = None, turn: Sequence[int] | None = None) -> Rows:
    """Requests of these kinds, one after another."""
    count = len(kinds)
    nothing = np.zeros(count, np.int64)
    return Rows(
        number=np.arange(count),
        kind=np.array(kinds, np.int64),
        hour=np.zeros(count),
        session=nothing - 1,
        turn=nothing if turn is None else np.array(turn, np.int64),
        before=nothing - 1,
        held=nothing if held is None else np.array(held, np.int64),
        luck=np.random.default_rng(0).random((count, LUCK)),
    )


def moment_of(
    rows: Rows,
    world: World,
    *,
    down: Sequence[bool] | None = None,
    money: Mapping[str, Standing] | None = None,
    incumbent: Sequence[int] | None = None,
    cached: Sequence[int] | None = None,
    at: datetime = NOON,
) -> Moment:
    """What is known when they come."""
    nothing = np.zeros(len(rows), np.int64)
    return Moment(
        at=at,
        hour=0.0,
        down=np.zeros(len(world.lanes), bool) if down is None else np.array(down),
        money=money or {},
        incumbent=nothing - 1 if incumbent is None else np.array(incumbent, np.int64),
        cached=nothing if cached is None else np.array(cached, np.int64),
    )


def arms_of(bundle: Bundle, config: RouterConfig) -> Arms:
    """Probes owed as a router that keeps a log owes them."""
    return Arms(config.lanes, learned=versions_learned(bundle.allocation))
