"""Decisions and check reports as rich renderables. Names come from files of others, so nothing is read as markup."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from router_ml.cli.check import CheckReport
from router_ml.contract import AuditEvent, Label, PlannedTool, RouteDecision
from router_ml.contract.base import JsonObject

if TYPE_CHECKING:
    from router_ml.understanding.attribution import Attribution


def decision_panel(decision: RouteDecision) -> RenderableType:
    """One decision on one screen: where it goes, why, what was understood, and every lane with its numbers."""
    title = f"{decision.lane}: {decision.model}" if decision.lane else f"no lane: {decision.action}"
    parts: list[RenderableType] = [_facts(decision)]
    if decision.estimates:
        parts.append(_estimates(decision))
    if decision.excluded:
        parts.append(_excluded(decision))
    style = "green" if decision.action == "route" else "yellow"
    return Panel(Group(*parts), title=Text(title), subtitle=Text(decision.decision_id), border_style=style)


def attribution_table(text: str, found: Sequence[Attribution]) -> RenderableType:
    """Each label with the words that speak for it (+) and against it (-), those that count most first."""
    table = Table("head", "label", "p", "words, by their share of the score", box=box.SIMPLE)
    for each in found:
        words = ", ".join(f"{' '.join(text[start:end].split())} {share:+.2f}" for start, end, share in each.words)
        table.add_row(Text(each.head), Text(each.label), f"{each.probability:.2f}", Text(words))
    return table


def audit_page(events: Sequence[AuditEvent]) -> RenderableType:
    """One line per change of rules: when, which, what it was about, who and why."""
    if not events:
        return Text("No change of rules is logged.")
    return Group(*(_unbroken(_line(event)) for event in events))


def _line(event: AuditEvent) -> str:
    until = f" until {event.expires_at.isoformat(timespec='minutes')}" if event.expires_at else ""
    head = f"{event.at.isoformat(timespec='seconds')} {event.event_id} {event.kind}"
    about = _about(event)
    line = f"{head}{f' ({about})' if about else ''}{until} by {event.who}: {event.why}"
    return "".join(character if character.isprintable() else " " for character in line)


_ABOUT = {  # by kind of event: what its detail says
    "override_ended": "{override}",
    "drill_ended": "{drill}",
    "drill": "{place} for {share} of sessions",
    **dict.fromkeys(("erased", "expired", "compacted"), "{decisions} decisions"),
    "imported": "{source}, {decisions} decisions",
    "key_created": "{key_id}, {name}",
    "key_revoked": "{key_id}",
}


def _about(event: AuditEvent) -> str:
    if (words := _ABOUT.get(event.kind)) is not None:
        return words.format_map(defaultdict(lambda: None, event.detail))
    if event.detail.get("version") is not None:
        return _release(event.detail, judged=event.kind == "judged")
    policies = event.detail.get("policies")
    if isinstance(policies, list):
        return ", ".join(str(policy["id"]) for policy in policies if isinstance(policy, dict))
    named = ((key, event.detail.get(key)) for key in ("added", "removed", "changed"))
    return "; ".join(f"{key} {', '.join(map(str, ids))}" for key, ids in named if isinstance(ids, list) and ids)


def _release(detail: JsonObject, *, judged: bool) -> str:
    version = f"{detail.get('model')}/{detail['version']}"
    if judged:
        return f"{version}, {detail.get('verdict')}"
    return f"{version}, forced" if detail.get("forced") else version


def _facts(decision: RouteDecision) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    for name, value in _lines(decision):
        grid.add_row(Text(name), Text(value))
    return grid


def _lines(decision: RouteDecision) -> Iterator[tuple[str, str]]:
    queue = f" (queue {decision.queue})" if decision.queue else ""
    yield "action", f"{decision.action}{queue} as {decision.route}"
    yield "reason", decision.reason
    if decision.question is not None:
        yield "asks", decision.question
    labels = (("intent", decision.intent), ("domain", decision.domain), ("mode", decision.mode))
    read = ", ".join(f"{name} {_label(label)}" for name, label in labels)
    yield "understood", f"{read}, language {decision.language.code}"
    yield "risk tier", decision.risk_tier
    yield "risks", ", ".join(f"{r.name} {r.probability:.2f} ({r.source})" for r in decision.risks) or "none"
    kinds = [finding.type if finding.hard else f"{finding.type} alone" for finding in decision.findings]
    found = ", ".join(f"{kinds.count(kind)} x {kind}" for kind in sorted(set(kinds))) or "nothing"
    yield "findings", found if decision.guard_state != "unknown" else f"{found}; the scan is incomplete"
    yield "policies", "; ".join(f"{p.id}: {p.effect}" for p in decision.policies) or "none fired"
    promise = f"floor {decision.floor:.2f}, {decision.quality_per_usd:g} quality per USD"
    yield "class", f"{decision.traffic_class}: {promise}"
    yield from _terms(decision)
    if decision.lane is not None:
        yield "plan", "; ".join(_plan(decision))


def _terms(decision: RouteDecision) -> Iterator[tuple[str, str]]:
    """What else the choice depended on, where it did."""
    state, selection = decision.state, decision.state.selection
    if state.budget_left is not None:
        yield "budget", "spent for today" if selection.capped else f"${state.budget_left:.4f} left today"
    if selection.incumbent is not None:
        yield "incumbent", f"{selection.incumbent}, unless another gains more than {selection.margin:g}"
    if selection.probes:
        yield "probed", ", ".join(f"{lane} {share:.3f}" for lane, share in selection.probes.items())


def _label(label: Label) -> str:
    probability = label.probabilities.get(label.label)
    return label.label + (f" {probability:.2f}" if probability is not None else "") + " (unsure)" * label.abstained


def _plan(decision: RouteDecision) -> Iterator[str]:
    decoding, retrieval = decision.decoding, decision.retrieval
    warmth = "" if decoding.temperature is None else f", temperature {decoding.temperature:g}"
    yield f"at most {decoding.max_tokens} tokens{warmth}"
    if retrieval.strategy != "none":
        yield f"{retrieval.strategy} retrieval from {retrieval.index}, top {retrieval.top_k}"
    if decision.tools:
        yield "tools " + ", ".join(map(_tool, decision.tools))
    cited = " with citations" * decision.output_contract.citations_required
    yield f"output {decision.output_contract.name}{cited}"
    steps = [step.lane for step in decision.fallback.on_error]
    yield "falls back to " + ", then ".join([*steps, decision.fallback.finally_])


def _tool(tool: PlannedTool) -> str:
    marks = [word for word, holds in (("required", tool.required), ("with approval", tool.approval)) if holds]
    return tool.name + (f" ({', '.join(marks)})" if marks else "")


def _table(*heads: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        table.add_column(Text(head), overflow="fold")
    return table


def _estimates(decision: RouteDecision) -> Table:
    table = _table("", "eligible", "quality", "90% interval", "evidence", "USD", "ms", "propensity")
    for lane, estimate in decision.estimates.items():
        table.add_row(
            "->" if lane == decision.lane else "",
            Text(lane),
            f"{estimate.quality:.2f}",
            f"{estimate.quality_low:.2f}-{estimate.quality_high:.2f}",
            f"{estimate.evidence:.0f}" if estimate.evidence >= 1 else "no evidence",
            f"{estimate.cost_usd:.6f}",
            f"{estimate.latency_ms:.0f}",
            f"{decision.propensities.get(lane, 0.0):.3f}",
        )
    return table


def _excluded(decision: RouteDecision) -> Table:
    table = _table("excluded", "because")
    for lane, reasons in decision.excluded.items():
        table.add_row(Text(lane), Text("; ".join(reasons)))
    return table


def check_page(report: CheckReport) -> RenderableType:
    """The problems of a file; of a valid one, what each policy leaves and what one outage stops."""
    if not report.ok:
        count = len(report.problems)
        return Group(*(_unbroken(str(problem)) for problem in report.problems), Text(f"\n{count} problem(s) found."))
    sizes = (f"{len(report.lanes)} lanes", f"{len(report.policies)} policies", f"{len(report.classes)} traffic classes")
    head = Text(f"{report.file} is valid: {', '.join(sizes)}.\n")
    kept = (_keep(report), Text(""))
    return Group(head, _matrix(report), Text(""), *kept, *_promises(report), *_notes(report), *_stops(report))


def _keep(report: CheckReport) -> Table:
    table = _table("a log keeps of tier", "at most", "for", "goes on unlogged if it must")
    for row in report.keep:
        classes = "all" if row.unlogged == report.classes else ", ".join(row.unlogged) or "never"
        table.add_row(row.tier, row.level, f"{row.days} days" if row.days else "good", Text(classes))
    table.caption = "of private requests neither text nor embedding, whatever stands here"
    return table


def _promises(report: CheckReport) -> Iterator[Text]:
    if report.promises:
        yield Text("Promises certified by the model:", style="bold")
        for name, each in report.promises.items():
            yield _unbroken(f"  {name}: {each.reason} ({each.basis})")
        yield Text("")


def _unbroken(line: str) -> Text:
    """A line that stays one when it is piped."""
    return Text(line, no_wrap=True, overflow="ignore")


def _matrix(report: CheckReport) -> Table:
    table = _table("policy", *report.lanes)
    for row in report.policies:
        marks = (
            ["?"] * len(report.lanes) if row.lanes is None else ["x" if n in row.lanes else "-" for n in report.lanes]
        )
        table.add_row(Text.assemble(row.policy, (f"\n  {row.effect}", "dim")), *marks)
    table.caption = "x: the policy leaves the lane, -: it takes it away, or asks no lane" + (
        ", ?: no request was found that it fires on" * any(row.lanes is None for row in report.policies)
    )
    return table


def _notes(report: CheckReport) -> Iterator[Text]:
    if report.notes:
        yield Text("Worth a look:", style="bold")
        yield from (_unbroken(f"  {note}") for note in report.notes)
        yield Text("")


def _stops(report: CheckReport) -> Iterator[Text]:
    """What one outage stops, without what the notes say already: that no lane is left at any time."""
    noted = [set(note.policies) for note in report.notes if note.kind == "no lane"]
    stops = [stop for stop in report.stops if stop.lanes or not any(known <= set(stop.policies) for known in noted)]
    if not stops:
        yield Text("No provider and no failure domain can stop a traffic class.")
        return
    yield Text("One outage stops:", style="bold")
    for stop in stops:
        yield _unbroken(f"  {stop}")
    yield Text("A lane in another failure domain and of another provider that these policies allow would end this.")
