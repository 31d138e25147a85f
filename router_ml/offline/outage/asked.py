"""Whose requests an outage is asked about: kinds of a simulation, or the decisions of a log as they are recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Estimates, Typical
from router_ml.allocation.quality import Belief
from router_ml.config import RouterConfig
from router_ml.contract import RouteDecision
from router_ml.errors import OfflineDataError
from router_ml.guardrails.rules.conditions import Facts
from router_ml.offline.outage.decisions import Floats, Weighing, case_of, weighing
from router_ml.offline.outage.service import Worth
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.ruling.of_record import facts_of, recorded
from router_ml.storage.bundle import Bundle

_FIELDS = ("quality", "quality_low", "quality_high", "evidence", "cost_usd", "latency_ms")


@dataclass(frozen=True)
class Requests:
    """k requests, what lanes make of them, and how often each comes (``weight``, (k,), sum 1). ``rules``: all of the
    configuration, also lanes of which nothing is known, which ``weighing`` leaves out. ``truth``, ``in_sample``,
    ``source`` as in ``Kinds``; ``bundle``: id of the one that is asked, or "none"."""

    rules: RouterConfig
    weighing: Weighing
    worth: Worth
    weight: Floats
    truth: str
    in_sample: bool
    source: str
    bundle: str


def of_kinds(learned: Bundle | RouterConfig, kinds: Kinds, *, now: datetime) -> Requests:
    """Kinds, decided by what is learned."""
    bundle = learned if isinstance(learned, Bundle) else None
    rules = _config_of(learned)
    known = weighing(_taking_part(rules, kinds), bundle, kinds, now=now)
    worth, name = Worth.of(known, kinds), bundle.manifest.id if bundle else "none"
    return Requests(rules, known, worth, kinds.weight, kinds.truth, kinds.in_sample, kinds.source, name)


def of_decisions(learned: Bundle | RouterConfig, decisions: Sequence[RouteDecision], *, now: datetime) -> Requests:
    """Logged decisions, by the rules of today on their recorded circumstances and with the estimates that are in their
    records, so that neither text nor embedding is needed: private requests keep neither, and they stop first. Where a
    lane was not estimated for a request, it is taken as for the others, but on the side of the ceilings of cost and
    latency that it was on. Conversations count as single requests.

    Raises:
        OfflineDataError: there are no decisions, or none with an estimate.
    """
    config = _config_of(learned)
    found = _columns(config, decisions)
    known: NDArray[np.bool_] = np.asarray(np.isfinite(found).any(axis=(0, 1)))
    if not known.any():
        raise OfflineDataError("No decision holds an estimate of a configured lane. Give a log of this router.")
    rest = np.nanmean(found[:, :, known], axis=1, keepdims=True)
    filled = np.zeros_like(found)
    filled[:, :, known] = np.where(np.isfinite(found[:, :, known]), found[:, :, known], rest)
    quality, low, high, evidence, cost, slow = filled
    own = _only(config, [name for column, name in enumerate(config.lanes) if known[column]])
    facts = [facts_of(own, each) for each in decisions]
    for row, each in enumerate(decisions):
        cost[row, known], slow[row, known] = _as_recorded(own, each, facts[row], usual=filled[-2:, row], known=known)
    belief = Belief(quality, low, high, evidence)
    estimates = Estimates(belief, cost, slow, np.zeros_like(cost), quality, _usual(config, decisions, quality, cost))
    cases = tuple(
        case_of(
            own,
            found,
            each.circumstances.constraints,
            named=each.traffic_class if each.traffic_class in own.traffic_classes else None,
            tokens_in=each.circumstances.tokens_in,
        )
        for each, found in zip(decisions, facts, strict=True)
    )
    asks_back = np.array([each.action == "clarify" for each in decisions])
    certified = tuple(each.quality_per_usd for each in decisions)
    made = Weighing(own, cases, asks_back, estimates, certified, now)
    worth = Worth(tuple(own.lanes), quality, cost, slow, low, high, np.arange(len(decisions)))
    weight = np.full(len(decisions), 1 / len(decisions))
    bundles = sorted({each.versions.bundle for each in decisions})
    source = f"{len(decisions)} logged decisions, with the estimates in their records"
    return Requests(config, made, worth, weight, "believed", False, source, ", ".join(bundles))


def _as_recorded(
    config: RouterConfig, decision: RouteDecision, facts: Facts, *, usual: Floats, known: NDArray[np.bool_]
) -> list[list[float]]:
    """Cost and latency of the ``known`` lanes: what kept one out then keeps it out now. ``usual``: of all, (2, L)."""
    names = [name for name, is_known in zip(config.lanes, known, strict=True) if is_known]
    usd, ms = (dict(zip(names, each[known].tolist(), strict=True)) for each in usual)
    told = recorded(config, decision, facts, usual_usd=usd, usual_ms=ms)
    return [[numbers.get(name, np.nan) for name in names] for numbers in told]


def _usual(config: RouterConfig, decisions: Sequence[RouteDecision], quality: Floats, cost: Floats) -> Typical:
    """What makes the recorded incumbent of each decision the usual lane, as long as it may be used: what is typical of
    its cell is not in the record."""
    better, cheaper, place = quality.copy(), cost.copy(), {name: column for column, name in enumerate(config.lanes)}
    for row, decision in enumerate(decisions):
        column = place.get(decision.state.selection.incumbent or "")
        if column is not None:
            better[row, column], cheaper[row, column] = 1.0, 0.0
    return Typical(better, cheaper)


def _columns(config: RouterConfig, decisions: Sequence[RouteDecision]) -> Floats:
    """What is recorded, (fields, n, L); NaN where nothing is."""
    if not decisions:
        raise OfflineDataError("The log holds no decision of this time. Check which log it is.")
    result = np.full((len(_FIELDS), len(decisions), len(config.lanes)), np.nan)
    place = {name: column for column, name in enumerate(config.lanes)}
    for row, decision in enumerate(decisions):
        for lane, estimate in decision.estimates.items():
            if lane in place:
                result[:, row, place[lane]] = [getattr(estimate, name) for name in _FIELDS]
    return result


def _config_of(learned: Bundle | RouterConfig) -> RouterConfig:
    return learned.config if isinstance(learned, Bundle) else learned


def _taking_part(config: RouterConfig, kinds: Kinds) -> RouterConfig:
    """The configuration without the lanes of which no outcome is known, where outcomes are to tell."""
    return config if kinds.truth == "believed" else _only(config, kinds.lanes)


def _only(config: RouterConfig, names: Sequence[str]) -> RouterConfig:
    lanes = {
        name: lane if name in names else lane.model_copy(update={"enabled": False})
        for name, lane in config.lanes.items()
    }
    return config.model_copy(update={"lanes": lanes})
