"""The story of a request in plain words, for a user, an operator or an auditor.

A user reads what became of it, without lanes, prices, rules or values; an operator each step, with what followed and by
which rule; an auditor also places, ids, digests and versions. Nobody reads a value that a guardrail found: the log
holds none.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING

from router_ml.contract import Approval, Execution, Hop, Lookup, OutputCheck, ToolCall
from router_ml.contract.explanation import Audience
from router_ml.errors import InvalidRequestError
from router_ml.execution.lanes.failures import RULE_OF
from router_ml.execution.story.for_user import for_user
from router_ml.execution.story.story import Story, story

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

PURPOSES = {"repair": " to repair its answer", "tool_round": " with the results of tools", "check": " as a check"}
_KEPT = {"passed": "kept", "repaired": "kept after a repair", "truncated": "kept so far", "failed": "broken"}
ENDS: dict[str | None, str] = {
    "static_answer": "ended with the static answer",
    "clarify": "asked back",
    "human_review": "stopped for a person",
    "refused": "refused",
    "failed": "failed: nothing was left to try",
    "cancelled": "was cancelled by the caller",
}


def explain_request(
    log: EventLog, decision_id: str, audience: Audience = "operator", *, archive: str | None = None
) -> str:
    """The whole story of a logged request, in plain words.

    Args:
        archive: the folder or URL that ``router-ml log compact`` wrote to.

    Raises:
        InvalidRequestError: there is no such audience. LogError: as ``story``.
    """
    return told(story(log, decision_id, archive=archive), audience)


def told(found: Story, audience: Audience = "operator") -> str:
    """A story in plain words.

    Raises:
        InvalidRequestError: there is no such audience.
    """
    if audience not in ("user", "operator", "auditor"):
        raise InvalidRequestError(f"Found audience {audience!r}, expected user, operator or auditor.")
    if audience == "user":
        return "\n".join(for_user(found))
    proof = audience == "auditor"
    lines = [found.decision.explain(audience), *found.decision.nearest_changes().lines()]
    for run in found.executions:
        lines += _run(found, run, proof=proof)
    lines += [*_checks(found, proof=proof), *_approvals(found, proof=proof), *_outcomes(found)]
    lines += [*_sums(found), *(_eligible(found) if proof else ())]
    lines += [f"Missing: {one}" for one in found.missing] or ["Nothing is missing."]
    return "\n".join(lines)


def _run(found: Story, run: Execution, *, proof: bool) -> Iterator[str]:
    name = run.execution_id or "One execution"
    when = f" at {run.at:%Y-%m-%d %H:%M:%S}" if run.at is not None else ""
    after = f", going on from {run.resumes}" if run.resumes is not None else ""
    if run.status == "answered" or (run.status is None and run.final_lane is not None):
        end = f"answered by {run.final_lane}"
    else:
        end = ENDS.get(run.status, "ended")
    why = f" ({run.error})" if run.error is not None else ""
    yield f"Carried out{when} as {name}{after}: {end}{why}."
    for number, (hop, following) in enumerate(zip_longest(run.hops, run.hops[1:]), start=1):
        yield f"  {number}. {_hop(hop, following, proof=proof)}"
    for step in run.narrowing:
        gone = [lane for lane in step.before if lane not in step.after]
        yield f"  Rule {step.rule} took {', '.join(gone) or 'nothing'} away; left {', '.join(step.after) or 'none'}."
    yield from (f"  {_lookup(look)}" for look in run.lookups)
    if run.citations:
        yield f"  Cited: {', '.join(run.citations)}."
    for call in run.tool_calls:
        yield f"  {_tool(found, call, proof=proof)}"
    yield from _validation(found, run)


def _hop(hop: Hop, following: Hop | None, *, proof: bool) -> str:
    doing = f"{hop.lane}{PURPOSES.get(hop.purpose, '')}"
    place = f" [{hop.provider}, {hop.region}, {hop.boundary}, {hop.served_model or 'model not said'}]" if proof else ""
    if not hop.called:
        what = f"not called, {hop.kind}" + (f" ({hop.error})" if hop.error else "")
    else:
        what = f"{hop.kind or 'failed'} ({hop.error or 'no details'})" if hop.failed else "answered"
        tokens = f", {hop.tokens_in} -> {hop.tokens_out} tokens" if hop.tokens_in or hop.tokens_out else ""
        cost = f", ${hop.cost_usd:.6f}" if hop.cost_usd is not None else ""
        what += f", {hop.latency_ms:.0f} ms{tokens}{cost}"
    return f"{doing}{place}: {what}{_next(hop, following)}."


def _next(hop: Hop, following: Hop | None) -> str:
    """What came after a failure, and by which rule of the fallback."""
    if not hop.failed:
        return ""
    rule = RULE_OF.get(hop.kind) if hop.kind is not None else None
    by = f" by {rule}" if rule is not None else ""
    if following is None:
        return "; nothing followed"
    if following.purpose == "repair" and following.lane == hop.lane:
        return "; it was asked to repair it"
    return f"; then{by} {'the same lane again' if following.lane == hop.lane else following.lane}"


def _lookup(look: Lookup) -> str:
    reranked = f", reranked by {look.reranker}" if look.reranker else ""
    found = ", ".join(look.context_ids) or "nothing"
    failed = f" It failed: {look.error}." if look.error else ""
    return f"Looked up {look.index} ({look.strategy}{reranked}) in {look.latency_ms:.0f} ms: {found}.{failed}"


def _tool(found: Story, call: ToolCall, *, proof: bool) -> str:
    tries = f" after {call.attempts} tries" if call.attempts > 1 else ""
    error = f" ({call.error})" if call.error else ""
    line = f"Tool {call.name} (version {call.version}, {call.effect}): {call.status}{tries}{error}"
    if call.approval_id is not None:
        line += f"; {_agreed(found, call.approval_id)}"
    if proof:
        line += f"; arguments {call.arguments or 'none'}, result {'none' if call.result is None else call.result}"
        line += f", key {call.key}" if call.key else ""
    return line + "."


def _agreed(found: Story, approval_id: str) -> str:
    """What a person said of an approval."""
    last = next((step for step in reversed(found.approvals) if step.approval_id == approval_id), None)
    if last is None:
        return f"approval {approval_id} is not in the log"
    if last.state in ("granted", "denied"):
        return f'{last.state} by {last.who}: "{last.why}"'
    if last.state == "expired":
        before = [step for step in found.approvals if step.approval_id == approval_id and step.state == "granted"]
        return f"granted by {before[-1].who}, not used in time" if before else "nobody said anything in time"
    return "it waits for a person"


def _validation(found: Story, run: Execution) -> Iterator[str]:
    contract, checked = found.decision.output_contract, run.validation
    if checked.status == "not_checked":
        return
    errors = f" ({'; '.join(checked.errors)})" if checked.errors else ""
    said = _KEPT[checked.status]
    planned = f" {contract.name} ({contract.type})" if found.decision.action == "route" else ""
    yield f"  Output contract{planned}: {said}{errors}."


def _checks(found: Story, *, proof: bool) -> Iterator[str]:
    for check in found.checks:
        by = f"; policies {', '.join(f'{one.id} {one.version}' for one in check.policies)}" if check.policies else ""
        proven = _proven(check, by) if proof else ""
        yield f"Answer checked at {check.at:%H:%M:%S}: {check.action}. {check.reason}{proven}"


def _proven(check: OutputCheck, by: str) -> str:
    return f" [{check.check_id}, scan {check.guard_state}{by}; policy {check.versions.policy_sha256}]"


def _approvals(found: Story, *, proof: bool) -> Iterator[str]:
    agreed = {step.approval_id for step in found.approvals if step.state == "granted"}
    for step in found.approvals:
        yield f"{_step(step, agreed=step.approval_id in agreed)}{_details(step) if proof else ''}."


def _step(step: Approval, *, agreed: bool) -> str:
    what = f"tool {step.tool or 'of another name'}" if step.subject == "tool" else "the request"
    at = f"{step.at:%Y-%m-%d %H:%M:%S}"
    if step.state == "requested":
        until = f", until {step.expires_at:%Y-%m-%d %H:%M}" if step.expires_at is not None else ""
        queue = f" of queue {step.queue}" if step.queue else ""
        return (
            f"A person{queue} was asked at {at} about {what}{until}: {(step.reason or 'no reason given').rstrip('.')}"
        )
    if step.state == "expired":
        missed = "What was agreed to was not used" if agreed else f"Nobody said anything about {what}"
        return f"{missed} by {at}; it ends as {step.on_expiry}"
    return f"{step.who} {step.state} {what} at {at}: {(step.why or '').rstrip('.')}"


def _details(step: Approval) -> str:
    digest = f", arguments {step.arguments_sha256}" if step.arguments_sha256 else ""
    return f" [{step.approval_id}{digest}]"


def _outcomes(found: Story) -> Iterator[str]:
    for outcome in found.outcomes:
        parts = [f"quality {outcome.quality:.2f}"] if outcome.quality is not None else []
        parts += [f"${outcome.cost_usd:.6f}"] if outcome.cost_usd is not None else []
        parts += ["refused"] if outcome.refused else []
        yield f"Outcome by {outcome.source}: {', '.join(parts) or 'nothing that is counted'}."


def _sums(found: Story) -> Iterator[str]:
    """Cost and time against what was expected of the planned lane."""
    if not found.executions:
        return
    expected = found.expected
    cost = "a cost that is not known" if found.cost_usd is None else f"${found.cost_usd:.6f}"
    took = "a time that is not known" if found.latency_ms is None else f"{found.latency_ms:.0f} ms"
    against = f" against ${expected.cost_usd:.6f} and {expected.latency_ms:.0f} ms expected" if expected else ""
    yield f"In all {cost} and {took}{against}."


def _eligible(found: Story) -> Iterator[str]:
    called = {hop.lane for hop in found.hops if hop.called}
    outside = sorted(called - set(found.decision.eligible))
    if outside:
        yield f"Called and not eligible when it was decided: {', '.join(outside)}."
    elif called:
        yield f"Every lane that was called was eligible: {', '.join(sorted(called))}."
