"""An event log with as many decisions as wanted, written straight into its tables: it is only good for reading."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sql

from router_ml import Router, RouteRequest
from router_ml.contract import Execution, Outcome, RouteDecision
from router_ml.contract.executed import Hop
from router_ml.storage.database import tables
from router_ml.storage.database.entries import of_decision, of_execution, of_outcome
from router_ml.storage.database.rows import row_of, stored
from router_ml.storage.eventlog import EventLog

TEXTS = (
    "What is the difference between an ETF and a mutual fund?", "Rewrite this sentence so that it sounds friendlier.",
    "Write a Python function that merges two sorted lists.", "Where can I see my invoices of last year?",
    "Is it normal to feel tired after a vaccination?", "Summarize: the board met on Monday and approved the budget.",
    "Which notice period holds for a rental contract?", "Draft a job advert for a warehouse manager.",
    "Plan a launch email for our new running shoes.", "Why does ice float on water?", "Hi, how are you today?",
    "Extract all dates from: we met on 3 May and on 9 June 2025.", "Refund order 8812 and write to me afterwards.",
    "Translate to German: the meeting moved to Thursday.", "Prove that the square root of two is irrational.",
)  # fmt: skip
ORGS = ("acme", "globex", "initech", None)
FAILURES = ("timeout", "rate_limit", "server_error", "schema")
PAGE = 2_000


def fill(log: EventLog, router: Router, *, decisions: int, until: datetime, days: float, seed: int = 0) -> None:
    """Add decisions that end at ``until``, more of them by day than by night; four of five were carried out, one of ten
    rated."""
    rng = random.Random(seed)
    asked = [(text, {"org": org} if org else {}) for text in TEXTS for org in ORGS]
    made = [
        router.preview(RouteRequest(text=text, metadata=said, channel=rng.choice(["web", "api"])), seed=index)
        for index, (text, said) in enumerate(asked)
    ]
    templates = [(decision, _row(decision)) for decision in made]
    times = _times(decisions, until, days, rng)
    with log.session.engine.begin() as connection:
        for first in range(0, decisions, PAGE):
            rows = _page(first, times[first : first + PAGE], templates, rng)
            for table, found in zip((tables.decisions, tables.executions, tables.outcomes), rows, strict=True):
                connection.execute(sql.insert(table), found)


def _row(decision: RouteDecision) -> dict[str, Any]:
    return dict(row_of(stored(of_decision(decision))))


def _times(count: int, until: datetime, days: float, rng: random.Random) -> list[datetime]:
    found = []
    while len(found) < count:
        at = until - timedelta(days=days * rng.random())
        if rng.random() < (1.0 if 7 <= at.hour < 19 else 0.25):
            found.append(at)
    return sorted(found)


def _page(
    first: int, times: Sequence[datetime], templates: Sequence[tuple[RouteDecision, dict[str, Any]]], rng: random.Random
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    decided, executed, learned = [], [], []
    for index, at in enumerate(times, first):
        decision, row = rng.choice(templates)
        name = f"dec_{index:012d}"
        record = str(row["record"]).replace(decision.decision_id, name)
        lane = decision.lane
        if lane is not None and rng.random() < 0.3:
            lane = rng.choice(decision.eligible)
            record = record.replace(f'"lane":"{decision.lane}"', f'"lane":"{lane}"', 1)
        decided.append(
            {**row, "decision_id": name, "created_at": at.replace(tzinfo=None), "record": record, "lane": lane}
        )
        if lane is not None and rng.random() < 0.8:
            executed += _rows(of_execution(_execution(name, lane, decision, at, rng), at))
        if lane is not None and rng.random() < 0.1:
            quality = min(max(rng.gauss(decision.estimates[lane].quality, 0.15), 0.0), 1.0)
            outcome = Outcome(decision_id=name, quality=quality, rated_probability=0.1, executed_lane=lane, at=at)
            learned += _rows(of_outcome(outcome))
    return decided, executed, learned


def _rows(entry: Any) -> Iterator[dict[str, Any]]:
    yield dict(row_of(stored(entry)))


def _execution(name: str, lane: str, decision: RouteDecision, at: datetime, rng: random.Random) -> Execution:
    known = decision.estimates[lane]
    took, usd = known.latency_ms * rng.lognormvariate(-0.2, 0.5), known.cost_usd * rng.uniform(0.5, 1.5)
    place = {"provider": "p", "region": "eu", "boundary": "vendor"}
    hop = Hop(lane=lane, **place, served_model="m", latency_ms=took, tokens_in=60, tokens_out=200, cost_usd=usd)
    done = Execution(decision_id=name, execution_id=f"exe_{name}", at=at, status="answered", hops=(hop,),
                     final_lane=lane, latency_ms=took, cost_usd=usd)  # fmt: skip
    if rng.random() > 0.04:
        return done
    failed = _failed(hop, rng.choice(FAILURES))
    if rng.random() < 0.2:
        ended = {"status": "failed", "error": failed.kind, "hops": (failed,), "final_lane": None, "cost_usd": None}
        return done.model_copy(update=ended)
    other = rng.choice(decision.eligible)
    hops = (failed, hop.model_copy(update={"lane": other, "attempt": 2}))
    return done.model_copy(update={"hops": hops, "final_lane": other, "latency_ms": 2 * took})


def _failed(hop: Hop, kind: str) -> Hop:
    """The same call, failed."""
    return hop.model_copy(update={"kind": kind, "error": kind, "cost_usd": None, "served_model": None, "tokens_out": 0})
