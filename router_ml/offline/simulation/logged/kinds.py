"""Logged decisions as kinds: what was asked, by whom and where, and what every lane would make of it by the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.cost import latency
from router_ml.allocation.estimate import Estimates, estimate
from router_ml.config import RouterConfig
from router_ml.contract import Constraints
from router_ml.errors import OfflineDataError
from router_ml.guardrails.rules.conditions import ELSEWHERE, Facts
from router_ml.offline.gating.champion import logged_contexts
from router_ml.offline.simulation.logged.behaviour import LEAST_TIMES, Measured, plan_times
from router_ml.offline.simulation.logged.beside import Beside, facts_alone
from router_ml.offline.simulation.logged.models import Ratings
from router_ml.offline.simulation.logged.stream import LogStream, as_it_came
from router_ml.offline.simulation.logged.truth import logged_truth
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.storage.database.records import LoggedData, utc
from router_ml.understanding.surface import NAMES

if TYPE_CHECKING:
    from router_ml.storage.bundle import Bundle

Floats = NDArray[np.float64]
Cluster = Literal["person", "org", "day", "none"]


def kinds_from_log(
    data: LoggedData,
    bundle: Bundle,
    *,
    beside: Beside | None = None,
    measured: Mapping[str, Measured] | None = None,
    ratings: Ratings = "auto",
    cluster: Cluster = "person",
    reward_model: Floats | None = None,
    seed: int = 0,
) -> tuple[Kinds, LogStream]:
    """Every logged decision that kept its embedding as a kind of its own, and these as they came.

    Rules hold as they are configured in the bundle, on the facts of the record; where a record does not hold all that
    rules looked at, the lanes that were eligible then are an upper bound, laid down as a constraint.

    Args:
        beside: what records hold beside the arrays (``read_log``); without it nothing but those lanes is known.
        measured: lanes by their own calls, for how long they take.
        reward_model: (n, L) over the configured lanes, of the decisions with an embedding, instead of a regression.

    Raises:
        OfflineDataError: no decision kept its embedding, features of another bundle, or nothing was drawn and rated.
    """
    config = bundle.config
    beside = facts_alone(data) if beside is None else beside
    keep = playable(data)
    if keep.sum() < 2:
        raise OfflineDataError(
            f"{int(keep.sum())} of {len(data)} logged decisions kept their embedding under this encoder. Log with "
            "log_level embedding, or take the bundle that logged them."
        )
    part, aside = data.select(keep), beside.select(keep)
    spec = bundle.classifier.spec
    contexts = logged_contexts(part, (len(NAMES), len(spec.intent.labels), len(spec.domain.labels)))
    expected = estimate(bundle.allocation, config.lanes, contexts)
    who = clusters(part, cluster)
    truth = logged_truth(part, config, expected, cluster=who, ratings=ratings, reward_model=reward_model, seed=seed)
    kinds = Kinds(
        contexts=contexts,
        facts=tuple(_known_facts(config, each) for each in aside.facts),
        constraints=_constraints(config, part, aside),
        traffic_class=tuple(name if name in config.traffic_classes else None for name in part.traffic_class.tolist()),
        asks_back=aside.asks_back,
        lanes=tuple(config.lanes),
        tokens_out=expected.tokens_out,
        quality=truth.quality,
        cost_usd=truth.cost_usd,
        latency_ms=_latency(part, config, expected, measured or {}),
        cluster=who,
        weight=np.full(len(part), 1 / len(part)),
        truth="logged",
        in_sample=learned_from(bundle, part),
        source=f"{len(part)} of {len(data)} logged decisions",
        log=truth,
    )
    return kinds, as_it_came(kinds, part.created_at, seed=seed)


def playable(data: LoggedData) -> NDArray[np.bool_]:
    """Decisions that kept their embedding, so that a policy can be asked about them, (n,)."""
    return np.asarray(np.isfinite(data.embeddings).all(axis=1) & (data.embeddings.shape[1] > 0))


def unplayed(data: LoggedData) -> tuple[str, ...]:
    """Of which tiers and classes decisions without embedding are, in sentences: a policy that keeps no embedding of its
    most sensitive requests takes all of these out of what is compared."""
    away, said = ~playable(data), []
    for what, of in (("tier", data.risk_tier), ("class", data.traffic_class)):
        names, group = np.unique(of.astype(str), return_inverse=True)
        count, gone = np.bincount(group), np.bincount(group, away).astype(np.int64)
        named = [f"{what} {name}" if name else f"no {what}" for name in names.tolist()]
        whole = [f"{name} ({n})" for name, n, k in zip(named, count.tolist(), gone.tolist(), strict=True) if k == n]
        part = [
            f"{k} of {n} of {name}"
            for name, n, k in zip(named, count.tolist(), gone.tolist(), strict=True)
            if 0 < k < n
        ]
        if whole:
            said.append(
                f"NOT PLAYED AT ALL: {', '.join(whole)}. None of these kept an embedding, so no number here, spend, "
                "quality or success, speaks of them."
            )
        if part:
            said.append(f"Left out, since they kept no embedding: {', '.join(part)}.")
    return tuple(said)


def clusters(data: LoggedData, by: Cluster) -> NDArray[np.int64]:
    """Decisions that depend on each other, (n,); of nobody known each stands alone."""
    alone = -1 - np.arange(len(data), dtype=np.int64)
    if by == "none":
        return alone
    days = data.created_at.astype("datetime64[D]").astype(str)
    name = {"person": data.subject, "org": data.org, "day": days}[by].astype(str)
    member = np.unique(name, return_inverse=True)[1].reshape(len(data)).astype(np.int64)
    return np.where(name != "", member, alone)


def learned_from(bundle: Bundle, data: LoggedData) -> bool:
    """Whether the bundle has learned from some of these decisions, as far as its manifest says."""
    training = bundle.manifest.training
    stop = training.get("until")
    if stop is None and (training.get("outcomes_from_log") or training.get("log_sha256")):
        stop = bundle.manifest.created_at
    if stop is None or not len(data):
        return False
    return bool((data.created_at < np.datetime64(utc(datetime.fromisoformat(stop)), "us")).any())


def _known_facts(config: RouterConfig, facts: Facts) -> Facts:
    """Facts that this configuration can rule on: tools that are gone were allowed then, and are not there now."""
    tools = tuple(tool for tool in facts.tools if tool in config.tools)
    region = facts.region
    if config.regions and region not in (None, ELSEWHERE, *config.regions):
        region = ELSEWHERE
    return facts if tools == facts.tools and region == facts.region else replace(facts, tools=tools, region=region)


def _constraints(config: RouterConfig, data: LoggedData, beside: Beside) -> tuple[Constraints, ...]:
    """What callers allowed, in words that this configuration knows; with the lanes that were eligible then where rules
    cannot be asked again."""
    places = config.regions or tuple({lane.region for lane in config.lanes.values()})
    found = []
    for row, asked in enumerate(beside.constraints):
        allow = asked.allow_lanes
        strange = asked.boundary is not None and asked.boundary not in config.boundaries
        if strange or not beside.ruled_again[row]:
            then = [lane for at, lane in enumerate(data.lanes) if data.eligible[row, at]]
            allow = tuple(lane for lane in then if allow is None or lane in allow)
        found.append(
            asked.model_copy(
                update={
                    "allow_lanes": None if allow is None else tuple(lane for lane in allow if lane in config.lanes),
                    "deny_lanes": tuple(lane for lane in asked.deny_lanes if lane in config.lanes),
                    "boundary": None if strange else asked.boundary,
                    "regions": None if asked.regions is None else tuple(r for r in asked.regions if r in places),
                }
            )
        )
    return tuple(found)


def _latency(data: LoggedData, config: RouterConfig, expected: Estimates, measured: Mapping[str, Measured]) -> Floats:
    """Mean milliseconds of each lane, (n, L): as configured for what it is expected to write, times what plans of the
    log took that began with it, failed hops included, or else its calls; as estimated for lanes made of others."""
    result = np.array(expected.latency_ms, dtype=np.float64)
    typical = latency(list(config.lanes.values()), expected.tokens_out)
    times = plan_times(data, typical, tuple(config.lanes))
    for column, (name, lane) in enumerate(config.lanes.items()):
        if lane.cascade is not None:
            continue
        pace = 1.0
        if name in times:
            pace = times[name].mean
        elif name in measured and measured[name].timed >= LEAST_TIMES:
            pace = measured[name].pace * float(np.exp(measured[name].spread ** 2 / 2))
        result[:, column] = typical[:, column] * pace
    return result
