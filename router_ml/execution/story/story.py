"""One request, whole: how it was decided, what was done, who agreed, what the answer was checked for, what came of it.

Everything is in the log; here it comes together, in order, with what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from router_ml.contract import Approval, Estimate, Execution, Hop, Outcome, OutputCheck, RouteDecision

if TYPE_CHECKING:
    import pandas as pd

    from router_ml.storage.eventlog import EventLog

COLUMNS = (
    *("at", "what", "id", "lane", "name", "state", "error", "latency_ms", "tokens_in", "tokens_out", "cost_usd"),
    *("quality", "who"),
)
_ORDER = ("decision", "execution", "lookup", "hop", "tool", "check", "approval", "outcome")
Event = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """A decision with all that came of it, each oldest first; ``missing``: what should be there and is not.

    ``outcomes``: one of each source; ``overtaken``: those that a later one took the place of.
    """

    decision: RouteDecision
    executions: tuple[Execution, ...] = ()
    checks: tuple[OutputCheck, ...] = ()
    approvals: tuple[Approval, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    overtaken: tuple[Outcome, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """What should be there and is not, in words; empty where the story is complete."""
        return tuple(dict.fromkeys(_missing(self)))

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Every call of a lane, and every one that was not made."""
        return tuple(hop for run in self.executions for hop in run.hops)

    @property
    def final_lane(self) -> str | None:
        """The lane whose answer was given last."""
        return next((run.final_lane for run in reversed(self.executions) if run.final_lane is not None), None)

    @property
    def expected(self) -> Estimate | None:
        """What was expected of the planned lane; of a request that a person let through, of the one planned then."""
        again = next((run.replanned for run in reversed(self.executions) if run.replanned is not None), None)
        return again.estimate if again is not None else self.decision.estimates.get(self.decision.lane or "")

    @property
    def cost_usd(self) -> float | None:
        """USD of all calls; None where one that answered did not report it, or nothing was done."""
        called = [hop for hop in self.hops if hop.called]
        unsaid = any(hop.cost_usd is None and not hop.failed for hop in called)
        return None if unsaid or not self.executions else sum(hop.cost_usd or 0.0 for hop in called)

    @property
    def latency_ms(self) -> float | None:
        """Milliseconds of all executions, without the time that a person took; None where none says it."""
        said = [run.latency_ms for run in self.executions if run.latency_ms is not None]
        return sum(said) if said else None

    def events(self) -> list[Event]:
        """Everything that happened, oldest first, as plain values under the names in ``COLUMNS``."""
        found = sorted(_events(self), key=lambda event: (_utc(event["at"]), _ORDER.index(event["what"])))
        return [{name: event.get(name) for name in COLUMNS} for event in found]

    def to_frame(self) -> pd.DataFrame:
        """``events`` as a table, one row each."""
        import pandas as pd

        return pd.DataFrame(self.events(), columns=list(COLUMNS))

    def to_dict(self) -> dict[str, Any]:
        """All records as plain values, with what is missing."""
        parts = ("executions", "checks", "approvals", "outcomes", "overtaken")
        return {
            "decision": self.decision.model_dump(mode="json"),
            **{part: [record.model_dump(mode="json") for record in getattr(self, part)] for part in parts},
            "missing": list(self.missing),
        }


def story(log: EventLog, decision_id: str, *, archive: str | None = None) -> Story:
    """The story of a logged decision.

    Args:
        archive: the folder or URL that ``router-ml log compact`` wrote to.

    Raises:
        LogError: the log does not hold it, it was erased, or it lies in an archive and none is given.
    """
    from router_ml.storage.views.told import tell

    return Story(**vars(tell(log, decision_id, archive=archive)))


def _missing(found: Story) -> Iterator[str]:
    decision, runs = found.decision, found.executions
    if decision.action == "route" and not runs:
        yield "Nobody has reported what was done."
    checks, steps = {check.check_id for check in found.checks}, {step.approval_id for step in found.approvals}
    known = {run.execution_id for run in runs}
    for run in runs:
        name = run.execution_id or "An execution"
        yield from (f"Check {one} of {name} is not in the log." for one in run.output_checks if one not in checks)
        agreed = (*run.approvals, *(call.approval_id for call in run.tool_calls if call.approval_id is not None))
        yield from (f"Approval {one} of {name} is not in the log." for one in agreed if one not in steps)
        if run.resumes is not None and run.resumes not in known:
            yield f"{name} goes on from {run.resumes}, which is not in the log."
        if run.status == "answered" and not run.output_checks:
            yield f"No check of the answer of {name} is in the log."
        if unpriced := sum(hop.called and hop.cost_usd is None and not hop.failed for hop in run.hops):
            yield f"{name} does not say what {unpriced} of its calls cost."
    yield from _open_ends(found)
    if found.final_lane is not None and all(outcome.quality is None for outcome in found.outcomes):
        yield "Nobody has said how good the answer was."


def _open_ends(found: Story) -> Iterator[str]:
    """Approvals that nobody decided, or that nothing came of."""
    states: dict[str, set[str]] = {}
    for step in found.approvals:
        states.setdefault(step.approval_id, set()).add(step.state)
    went_on = {one for run in found.executions if run.resumes is not None for one in run.approvals}
    for name, said in states.items():
        if said == {"requested"}:
            yield f"Nobody has decided approval {name} yet."
        elif "granted" in said and "expired" not in said and name not in went_on:
            yield f"Approval {name} was granted, and nothing that went on from it is in the log."
        elif "expired" in said and name not in went_on:
            yield f"Approval {name} expired, and nothing that ended the request since is in the log."


def _events(found: Story) -> Iterator[Event]:
    decision = found.decision
    yield {
        **{"at": decision.created_at, "what": "decision", "id": decision.decision_id, "lane": decision.lane},
        **{"name": decision.route, "state": decision.action},
    }
    for run in found.executions:
        at = run.at or decision.created_at
        yield {
            **{"at": at, "what": "execution", "id": run.execution_id, "lane": run.final_lane, "state": run.status},
            **{"error": run.error, "latency_ms": run.latency_ms, "cost_usd": run.cost_usd},
        }
        for look in run.lookups:
            state = f"{len(look.context_ids)} found"
            yield {"at": at, "what": "lookup", "name": look.index, "state": state, "error": look.error} | _took(look)
        for hop in run.hops:
            yield {
                **{"at": hop.at or at, "what": "hop", "lane": hop.lane, "name": hop.purpose},
                **{"state": hop.kind or "answered", "error": hop.error, **_took(hop)},
                **{"tokens_in": hop.tokens_in, "tokens_out": hop.tokens_out, "cost_usd": hop.cost_usd},
            }
        for call in run.tool_calls:
            said = {"id": call.approval_id, "name": call.name, "state": call.status, "error": call.error}
            yield {"at": at, "what": "tool", **said} | _took(call)
    for check in found.checks:
        yield {"at": check.at, "what": "check", "id": check.check_id, "state": check.action, "name": check.queue}
    for step in found.approvals:
        said = {"id": step.approval_id, "name": step.tool or step.queue, "state": step.state, "who": step.who}
        yield {"at": step.at, "what": "approval", **said}
    for outcome in (*found.overtaken, *found.outcomes):
        yield {
            **{"at": outcome.at, "what": "outcome", "name": outcome.source, "lane": outcome.executed_lane},
            **{"quality": outcome.quality, "cost_usd": outcome.cost_usd, "latency_ms": outcome.latency_ms},
        }


def _took(record: Any) -> Event:
    return {"latency_ms": record.latency_ms}


def _utc(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
