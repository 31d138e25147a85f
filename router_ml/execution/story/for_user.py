"""What a user reads of a request: what became of it, and nothing of lanes, prices, rules or values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from router_ml.contract import Execution

if TYPE_CHECKING:
    from router_ml.counterfactual.nearest_rules import Change
    from router_ml.execution.story.story import Story

WHY = {
    "timeout": "did not answer in time",
    "rate_limit": "was too busy",
    "refusal": "did not want to answer",
    "content_filter": "did not want to answer",
    "withheld": "gave an answer that may not be shown",
    "schema": "answered in the wrong form",
    "truncated": "did not finish its answer",
    "not_allowed": "may not see what had come up",
}
ENDS = {
    "static_answer": "No model could answer it, so you were given a standard reply.",
    "refused": "It was not answered.",
    "failed": "No model could answer it.",
    "cancelled": "It was stopped before there was an answer.",
    "human_review": "A person has to look at it.",
}


def for_user(found: Story) -> Iterator[str]:
    """A few plain sentences."""
    decision, runs = found.decision, found.executions
    waits = decision.action == "human_review" and (not runs or runs[-1].status == "human_review")
    if waits:
        yield "A person has to look at it before it is answered."
    elif not runs or decision.action in ("clarify", "refuse"):
        yield decision.explain("user")
    elif found.final_lane is None:
        yield ENDS.get(runs[-1].status or "failed", ENDS["failed"])
    else:
        yield from _answered(found, runs)
    yield from _looked_up(runs)
    yield from _people(found)
    if any(outcome.quality is not None for outcome in found.outcomes):
        yield "Feedback on it was received."
    yield from _otherwise(decision.nearest_changes().smallest)


def _answered(found: Story, runs: tuple[Execution, ...]) -> Iterator[str]:
    decision = found.decision
    last = next((hop for hop in reversed(found.hops) if hop.lane == found.final_lane and not hop.failed), None)
    own = decision.model if found.final_lane == decision.lane else None
    model = own or (last.served_model if last is not None else None)
    yield f"Your request was answered by {model or 'a model'}.{_home(found)}"
    failed = [hop for hop in found.hops if hop.failed and hop.lane != found.final_lane]
    if failed:
        why = WHY.get(failed[0].kind or "", "could not answer")
        yield f"Another model was {'asked' if failed[0].called else 'chosen'} first, and {why}."
    if any(run.validation.status == "repaired" for run in runs):
        yield "The first version of the answer was not in the right form, and was put right."


def _home(found: Story) -> str:
    """Said only where it is so of every call that was made, not only of the plan."""
    private = "own machines" in found.decision.explain("user")
    called = [hop for hop in found.hops if hop.called]
    kept = bool(called) and all(hop.boundary == "private" for hop in called)
    return " It stayed on our own machines because it holds private data." if private and kept else ""


def _looked_up(runs: tuple[Execution, ...]) -> Iterator[str]:
    found = {name for run in runs for name in run.context_ids}
    cited = {name for run in runs for name in run.citations}
    if found:
        yield f"{len(found)} passages of our documents were looked up, and {len(cited) or 'none'} of them cited."
    tools = [call for run in runs for call in run.tool_calls if call.status == "done"]
    if tools:
        yield f"Done for you: {', '.join(dict.fromkeys(call.name for call in tools))}."


def _people(found: Story) -> Iterator[str]:
    last = {step.approval_id: step for step in found.approvals}
    said = {step.state for step in last.values()}
    if "granted" in said:
        yield "A person looked at it and agreed."
    if "denied" in said:
        yield "A person looked at it and did not agree."
    if "expired" in said:
        agreed = {step.approval_id for step in found.approvals if step.state == "granted"}
        if any(step.state == "expired" and name in agreed for name, step in last.items()):
            yield "A person looked at it and agreed, but it did not go on in time. Please send it again."
        else:
            yield "A person should have looked at it, and nobody did in time. Please send it again."
    if "requested" in said:
        yield "A person is going to look at it."


def _otherwise(change: Change | None) -> Iterator[str]:
    """What would have led elsewhere, as far as it concerns a user."""
    if change is None or change.kind == "deny":
        return
    if change.kind == "policy":
        yield "A rule of ours decided where it could go; without that rule it would have gone elsewhere."
    elif change.kind == "constraints":
        yield "What was asked for with it decided where it could go."
    elif change.kind == "health":
        yield "A model that may have been used was not available."
    elif change.kind == "budget":
        yield "The money for such requests was spent for the day."
    else:
        yield "Another balance of quality, cost and time would have chosen another model."
