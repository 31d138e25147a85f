"""Results as outcomes in the event log, and read from there again.

Each result of a lane is a decision whose id ends in ``.eval``, and its outcome: nobody acted on it, so nothing that
reads traffic counts it. What was asked and answered is not kept, only what came of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import JsonValue

from router_ml.contract import Outcome, RouteDecision, Validation
from router_ml.contract.base import CONTRACT_VERSION, EVAL_SUFFIX
from training.evals.result import ROUTER, Result
from training.evals.suite import Suite

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

SOURCE = "eval:"
_NONE = "none"


@dataclass(frozen=True)
class Evaluation:
    """A result as the log keeps it. ``quality`` 0..1, None where its suite does not count for quality or nothing was
    judged; ``failures``: how it failed; ``cluster``: what its case stands and falls with, within the suite."""

    run: str
    suite: str
    suite_digest: str
    case: str
    cluster: str
    repeat: int
    lane: str
    model: str
    version: str
    served_model: str | None
    fingerprint: str | None
    intent: str
    domain: str
    tier: str
    traffic_class: str
    passed: bool | None
    quality: float | None
    failures: tuple[str, ...]
    checks: tuple[str, ...]
    cost_usd: float | None
    latency_ms: float | None
    at: datetime


def log_results(log: EventLog, results: Iterable[Result], *, suites: Mapping[str, Suite] | None = None) -> int:
    """Keep results; those of cases that the router decided are no outcome of a lane and are left out, and those that
    wait to be judged are not known yet.

    Doing it again changes nothing: the id of a decision is made from run, suite, case, lane and repeat.

    Args:
        suites: by name, which say whether they count for quality; one that is not there counts.

    Returns:
        How many results the log holds now of those given.

    Raises:
        LogError: the log cannot be written, or holds another result under the same run, case, lane and repeat.
    """
    from router_ml.storage.database.entries import of_decision, of_outcome

    count = 0
    for page in _pages(results):
        entries = []
        for one in page:
            counts = suites is None or one.suite not in suites or suites[one.suite].file.quality
            entries += [of_decision(decision_of(one)), of_outcome(outcome_of(one, rated=counts))]
        log.write(entries)
        count += len(page)
    return count


def evaluations(log: EventLog, since: datetime | None = None, *, archive: str | None = None) -> Iterator[Evaluation]:
    """Results that were kept, oldest first; with ``archive``, the folder that the log was compacted to, also those.

    Raises:
        LogError: the log or the archive cannot be read.
    """
    from router_ml.storage.readers.evaluated import read_evaluated

    for decision, outcome in read_evaluated(log, since, archive=archive):
        if decision.lane is not None and decision.model is not None:
            yield _evaluation(decision, outcome)


def decision_id(result: Result) -> str:
    """The id of a result in the log."""
    key = "\0".join(map(str, result.name))
    return f"ev_{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}{EVAL_SUFFIX}"


def decision_of(result: Result) -> RouteDecision:
    """The decision that a result stands for: this lane and no other, with no propensity, since nothing was drawn."""
    case, lane = result.case, result.arm.lane
    return RouteDecision.model_validate(
        {
            "decision_id": decision_id(result),
            "trace_id": "0" * 32,
            "request_id": None,
            "created_at": result.at,
            "action": "route",
            "reason": f"Asked by the evaluation {result.suite}; nobody acted on it.",
            "route": case.route,
            "traffic_class": case.traffic_class or "default",
            "floor": 0.0,
            "quality_per_usd": 0.0,
            "intent": {"label": case.intent, "probabilities": {case.intent: 1.0}},
            "domain": {"label": case.domain, "probabilities": {case.domain: 1.0}},
            "mode": {"label": "batch", "probabilities": {"batch": 1.0}},
            "language": {"code": "und", "validated": False},
            "risks": (),
            "risk_tier": case.tier,
            "findings": (),
            "guard_state": "unknown",
            "lane": lane,
            "model": result.arm.model,
            "decoding": case.decoding,
            "limits": {},
            "retrieval": {"strategy": "none"},
            "tools": (),
            "output_contract": {"name": "none"},
            "fallback": {"finally": "error"},
            "log_level": "decision",
            "eligible": (lane,),
            "excluded": {},
            "learned_lane": None,
            "overridden_by": (),
            "estimates": {},
            "propensities": {},
            "propensity": None,
            "explored": False,
            "seed": 0,
            "state": {"arm": "eval"},
            "policies": (),
            "versions": {
                "contract": CONTRACT_VERSION,
                "bundle": _NONE,
                "policy_sha256": _NONE,
                "config_sha256": _NONE,
                "encoder": _NONE,
                "prices": _NONE,
                "lanes": {lane: result.arm.version},
            },
        }
    )


def outcome_of(result: Result, *, rated: bool = True) -> Outcome:
    """What came of it, without a word of what was asked or said."""
    attempt, arm = result.attempt, result.arm
    refused = attempt is not None and (
        attempt.error == "refusal" or (attempt.reply is not None and attempt.reply.refusal is not None)
    )
    about: dict[str, JsonValue] = {
        "run": result.run,
        "suite_digest": result.suite_digest,
        "case": result.case.id,
        "cluster": result.case.cluster,
        "repeat": result.repeat,
        "passed": result.passed,
        "failures": list(result.failures),
        "checks": list(dict.fromkeys(one.check for one in result.verdicts if one.passed is not None)),
        "served_model": arm.served_model,
        "fingerprint": arm.fingerprint,
    }
    return Outcome(
        decision_id=decision_id(result),
        executed_lane=arm.lane,
        quality=result.quality if rated else None,
        signals=about,
        cost_usd=None if attempt is None else attempt.cost_usd,
        latency_ms=None if attempt is None else attempt.latency_ms,
        validation=_validation(result),
        refused=refused,
        source=f"{SOURCE}{result.suite}",
        at=result.at,
    )


def _validation(result: Result) -> Validation:
    """Whether it kept what its checks ask for; how it did not, by name."""
    if result.passed is None:
        return Validation()
    return Validation(status="passed" if result.passed else "failed", errors=tuple(filter(None, result.failures)))


def _pages(results: Iterable[Result], size: int = 500) -> Iterator[list[Result]]:
    page: list[Result] = []
    for one in results:
        if one.attempt is not None and one.arm.lane != ROUTER and not one.put_off:
            page.append(one)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page


def _evaluation(decision: RouteDecision, outcome: Outcome) -> Evaluation:
    said = outcome.signals
    lane, passed = str(decision.lane), said.get("passed")
    return Evaluation(
        run=str(said.get("run", "")),
        suite=outcome.source.removeprefix(SOURCE),
        suite_digest=str(said.get("suite_digest", "")),
        case=str(said.get("case", "")),
        cluster=str(said.get("cluster", "")),
        repeat=int(repeat) if isinstance(repeat := said.get("repeat"), int) else 0,
        lane=lane,
        model=str(decision.model),
        version=decision.versions.lanes.get(lane, "1"),
        served_model=_text(said.get("served_model")),
        fingerprint=_text(said.get("fingerprint")),
        intent=decision.intent.label,
        domain=decision.domain.label,
        tier=decision.risk_tier,
        traffic_class=decision.traffic_class,
        passed=passed if isinstance(passed, bool) else None,
        quality=outcome.quality,
        failures=_texts(said.get("failures")),
        checks=_texts(said.get("checks")),
        cost_usd=outcome.cost_usd,
        latency_ms=outcome.latency_ms,
        at=outcome.at,
    )


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: JsonValue) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
