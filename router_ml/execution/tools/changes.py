"""What changed between two versions of contracts of tools, and which version the new one has to have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from router_ml.config.execution import Tool
from router_ml.config.tool_files import HttpCall, ToolContract
from router_ml.execution.tools.schema_changes import Kind, differences

Level = Literal["major", "minor", "patch"]
LEVELS: tuple[Level, ...] = ("major", "minor", "patch")

_OF_ARGUMENTS: dict[Kind, Level] = {
    "narrowed": "major",
    "widened": "minor",
    "changed": "major",
    "added": "minor",
    "said": "patch",
}
_OF_RESULTS: dict[Kind, Level] = {**_OF_ARGUMENTS, "narrowed": "minor", "widened": "major"}
"""Who reads a result breaks by what it did not expect; who gives arguments, by what is not taken any more."""


@dataclass(frozen=True)
class Change:
    """One change of one tool: where, what, and how much it asks of the version (semver.org)."""

    tool: str
    path: str
    what: str
    level: Level


@dataclass(frozen=True)
class Verdict:
    """The version of one tool, or of the tools of one file: ``needed`` None where it may stay."""

    tool: str
    old: str
    new: str
    needed: Level | None
    ok: bool

    def __str__(self) -> str:
        if self.ok:
            return f"{self.tool}: {self.old} -> {self.new}"
        if self.needed is None:
            return f"{self.tool}: {self.new} is below {self.old}"
        return (
            f"{self.tool}: {self.old} -> {self.new} is not a new {self.needed} version: {raised(self.old, self.needed)}"
        )


@dataclass(frozen=True)
class ToolChanges:
    """All changes, the gravest first, and whether the new versions say so."""

    changes: tuple[Change, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def ok(self) -> bool:
        """Whether every version was raised as far as its changes ask."""
        return all(verdict.ok for verdict in self.verdicts)

    @property
    def breaking(self) -> bool:
        """Whether something that worked before may not do so any more."""
        return any(change.level == "major" for change in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values."""
        return {"ok": self.ok, "breaking": self.breaking, **asdict(self)}


def tool_changes(old: Mapping[str, Tool], new: Mapping[str, Tool]) -> ToolChanges:
    """Compare two sets of contracts; how they are called over HTTP, too, where both say that (``ToolContract``).

    A tool that is gone is a breaking change of the set; its version says nothing any more, so that it fails the check.
    """
    changes: list[Change] = []
    verdicts: list[Verdict] = []
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            changes.append(Change(name, "", "the tool is gone", "major"))
            verdicts.append(Verdict(name, old[name].version, "none", "major", _gone_is_said(old, new)))
        elif name not in old:
            changes.append(Change(name, "", "a new tool", "minor"))
        else:
            found = list(_of_tool(name, old[name], new[name]))
            changes.extend(found)
            verdicts.append(_verdict(name, old[name].version, new[name].version, found))
    changes.sort(key=lambda change: LEVELS.index(change.level))
    return ToolChanges(tuple(changes), tuple(verdicts))


def raised(version: str, level: Level) -> str:
    """The next version of a level.

    >>> raised("1.4.2", "minor")
    '1.5.0'
    """
    parts = _numbers(version) or (0, 0, 0)
    place = LEVELS.index(level)
    return ".".join(str(part) for part in (*parts[:place], parts[place] + 1, *(0,) * (2 - place)))


def newest(versions: Iterable[str]) -> str | None:
    """The highest of some versions; those that are not numbers come first."""
    return max(versions, key=lambda version: _numbers(version) or (), default=None)


def _gone_is_said(old: Mapping[str, Tool], new: Mapping[str, Tool]) -> bool:
    """Whether a new major version of what is left says that a tool is gone: tools of one file share its version."""
    before = max((_numbers(tool.version) or (0,) for tool in old.values()), default=(0,))
    return bool(new) and all((_numbers(tool.version) or (0,))[0] > before[0] for tool in new.values())


def _verdict(name: str, old: str, new: str, changes: list[Change]) -> Verdict:
    needed: Level | None = min((change.level for change in changes), key=LEVELS.index, default=None)
    before, after = _numbers(old), _numbers(new)
    if before is None or after is None:  # not numbers: all that can be asked is that it is another one
        return Verdict(name, old, new, needed, needed is None or old != new)
    if needed is None:
        return Verdict(name, old, new, None, after >= before)
    least = _numbers(raised(old, needed)) or after
    return Verdict(name, old, new, needed, after >= least)


def _numbers(version: str) -> tuple[int, ...] | None:
    """``1.2`` as (1, 2, 0); None for what is not numbers."""
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9}){0,2}", version):
        return None
    parts = [int(part) for part in version.split(".")]
    return tuple([*parts, 0, 0][:3])


def _of_tool(name: str, old: Tool, new: Tool) -> Iterator[Change]:
    for field, what, level in _fields(old, new):
        yield Change(name, field, what, level)
    if isinstance(old, ToolContract) and isinstance(new, ToolContract):
        yield from (Change(name, place, what, "major") for place, what in _http(old, new))
    for part, levels in (("parameters", _OF_ARGUMENTS), ("result", _OF_RESULTS)):
        for each in differences(_whole(getattr(old, part), part), _whole(getattr(new, part), part)):
            yield Change(name, part + each.path.removeprefix("$"), each.what, levels[each.kind])


def _whole(schema: dict[str, Any], part: str) -> dict[str, Any]:
    """Arguments are an object also where their schema does not say so."""
    return {"type": "object", **schema} if part == "parameters" else schema


def _fields(old: Tool, new: Tool) -> Iterator[tuple[str, str, Level]]:
    """What a contract says beside its schemas. Stricter is breaking; what runs where nobody agreed to it, too."""
    if old.effect != new.effect:
        yield "effect", f"{old.effect} -> {new.effect}", "major" if new.effect == "write" else "minor"
    if old.approval != new.approval:
        said = "now waits for an approval" if new.approval else "no longer waits for an approval"
        yield "approval", said, "major"
    if old.idempotent != new.idempotent:
        said = "may be tried again" if new.idempotent else "must not be tried again any more"
        yield "idempotent", said, "minor" if new.idempotent else "major"
    for field in ("region", "boundary"):
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            yield field, f"{before or 'none'} -> {after or 'none'}", "major"
    if old.max_calls != new.max_calls:
        tighter = new.max_calls is not None and (old.max_calls is None or new.max_calls < old.max_calls)
        yield "max_calls", f"{old.max_calls} -> {new.max_calls}", "major" if tighter else "minor"
    if old.timeout_ms != new.timeout_ms:
        yield "timeout_ms", f"{old.timeout_ms:g} -> {new.timeout_ms:g}", "minor"
    if old.description != new.description:
        yield "description", "other words", "patch"


def _http(old: ToolContract, new: ToolContract) -> Iterator[tuple[str, str]]:
    """What now goes elsewhere of the call: whoever calls by the old contract reaches something else."""
    if old.http is None or new.http is None:
        if old.http != new.http:
            yield "http", "called over HTTP now" if old.http is None else "no longer called over HTTP"
        return
    for field in ("method", "path", "body", "whole_body"):
        before, after = getattr(old.http, field), getattr(new.http, field)
        if before != after:
            yield f"http.{field}", f"{before or 'none'} -> {after or 'none'}"
    for name in sorted(_arguments(old) & _arguments(new)):
        was, now = _sent_in(old.http, name), _sent_in(new.http, name)
        if was != now:
            yield f"http.{name}", f"{was} -> {now}"


def _arguments(contract: ToolContract) -> set[str]:
    properties = contract.parameters.get("properties")
    return set(properties) if isinstance(properties, dict) else set()


def _sent_in(http: HttpCall, name: str) -> str:
    """Where an argument goes; what is in the path is there in both, or the path is another one."""
    for place, names in (("query", http.query), ("header", http.headers)):
        if name in names:
            return f"{place} {names[name]}"
    return "path or body"
