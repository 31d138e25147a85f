"""Reports on rules as rich renderables. Names come from files of others, so nothing is read as markup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from router_ml.cli.policy_run import PolicyTestReport, Result
from router_ml.offline.policy_diff import DecisionChange, PolicyDiff, RuleChange

_SHOWN = 10


def _line(text: str, style: str = "") -> Text:
    """A line that stays one when it is piped."""
    return Text(text, style=style, no_wrap=True, overflow="ignore")


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{key} {_shown(names)}" for key, names in value.items())
    return "none" if value is None else str(value)


def examples_page(report: PolicyTestReport) -> RenderableType:
    """Every problem of a table; of one that could be run, every example that failed, and how many did not."""
    if report.problems:
        lines = [_line(str(problem)) for problem in report.problems]
        return Group(*lines, Text(f"\n{len(report.problems)} problem(s) found."))
    failed = [result for result in report.results if result.mismatches]
    told = [line for result in failed for line in _failure(report.file, result)]
    counts = f"{len(report.results) - len(failed)} of {len(report.results)} examples hold"
    return Group(*told, _line(f"{counts} with {report.config}."))


def _failure(file: str, result: Result) -> Iterator[Text]:
    yield _line(f"{file}:{result.line}: {result.name}", "bold")
    for wrong in result.mismatches:
        yield _line(f"  {wrong.key}: expected {_shown(wrong.expected)}; found {_shown(wrong.found)}")


def diff_page(found: PolicyDiff, *, logged: bool) -> RenderableType:
    """The rules that differ; with a log, how many decisions change in what and because of which rule."""
    parts: list[RenderableType] = [*_rules(found)]
    if logged:
        parts += [Text(""), *_decisions(found)]
    return Group(*parts)


def _rules(found: PolicyDiff) -> Iterator[RenderableType]:
    if not (found.rules or found.settings or found.reordered):
        yield Text("The rules are the same.")
    for rule in found.rules:
        yield _line(_rule(rule))
    if found.reordered:
        yield Text("The order of rules differs; of human_review, refuse and output_contract the first counts.")
    if found.settings:
        yield _line(f"Other sections that differ: {', '.join(found.settings)}.")


def _rule(rule: RuleChange) -> str:
    old, new = rule.versions
    said = f"{rule.change} {rule.rule}" + (" (on answers)" if rule.section == "output_policies" else "")
    if rule.change != "changed":
        return f"{said}, version {new or old}"
    return said + (
        f": {', '.join(rule.parts)}, under the same version {old}. Give it a new one."
        if rule.unversioned
        else f": {', '.join(rule.parts) or 'nothing but its version'}, version {old} -> {new}"
    )


def _decisions(found: PolicyDiff) -> Iterator[RenderableType]:
    yield _line(f"{len(found.changes)} of {found.compared} decisions would come out otherwise.", "bold")
    if found.without_circumstances:
        yield _line(f"{found.without_circumstances} more are of an older contract, without what rules looked at.")
    if found.not_reproducible:
        yield _line(
            f"{len(found.not_reproducible)} decisions made under the first rules are not reproducible: "
            f"{', '.join(found.not_reproducible[:_SHOWN])}.",
            "bold red",
        )
    if found.changes:
        yield _counts("what changes", found.by_kind())
        yield _counts("because of", found.by_rule())
        yield _sample(found.changes)


def _counts(head: str, counts: Mapping[str, int]) -> Table:
    table = Table(head, "decisions", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name, count in counts.items():
        table.add_row(Text(name), str(count))
    return table


def _sample(changes: tuple[DecisionChange, ...]) -> Table:
    table = Table("decision", "what", "before", "after", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for change in changes[:_SHOWN]:
        for kind, values in change.to_dict()["changes"].items():
            cells = (change.decision_id, kind, _shown(values["before"]), _shown(values["after"]))
            table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    if len(changes) > _SHOWN:
        table.caption = f"The first {_SHOWN}; --json lists all {len(changes)}."
    return table
