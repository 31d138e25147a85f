"""Which suites have to be run again, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from training.evals.suite import Suite

_ONE = {"lanes": "lane", "indexes": "index", "prompts": "prompt", "tools": "tool", "policies": "policy"}


@dataclass(frozen=True)
class Stale:
    """A suite whose results are of something else than there is now. ``run``: its last one, None where it never ran;
    ``lanes`` whose results they are."""

    suite: str
    run: str | None
    reasons: tuple[str, ...]
    lanes: tuple[str, ...] = ()


def stale(
    suite: Suite, *, before: JsonValue, now: Mapping[str, Mapping[str, JsonValue]], lanes: Sequence[str]
) -> tuple[str, ...]:
    """What has changed of all that a suite depends on since a run of it; nothing where it is not stale.

    Args:
        before, now: fingerprints, of the run and as they are. What the run did not write down is not compared.
        lanes: that the run asked; others are no reason.
    """
    old = before if isinstance(before, dict) else {}
    reasons: list[str] = []
    known = old.get("suites")
    if isinstance(known, dict) and known.get(suite.name) != now.get("suites", {}).get(suite.name):
        reasons.append("the suite itself changed")
    for kind in suite.file.depends_on:
        was, current = old.get(kind), now.get(kind, {})
        if isinstance(was, dict):
            of_it = {name for name in {*was, *current} if _concerns(kind, name, suite.name, lanes)}
            reasons += _changes(_ONE[kind], was, current, of_it)
    return tuple(reasons)


def _concerns(kind: str, name: str, suite: str, lanes: Sequence[str]) -> bool:
    """Whether a suite could see a change: tools and prompts of other suites are theirs alone."""
    if kind == "lanes":
        return name in lanes
    if kind == "tools":
        return "/" not in name or name.partition("/")[0] == suite
    if kind == "prompts":
        return not name.startswith("suite ") or name == f"suite {suite}"
    return True


def _changes(
    what: str, was: Mapping[str, JsonValue], now: Mapping[str, JsonValue], names: Iterable[str]
) -> Iterable[str]:
    for name in sorted(names):
        if name not in was:
            yield f"{what} {name} is new"
        elif name not in now:
            yield f"{what} {name} is gone"
        elif was[name] != now[name]:
            yield f"{what} {name} changed{_how(was[name], now[name])}"


def _how(was: JsonValue, now: JsonValue) -> str:
    """The parts that differ, where there are any: ``: 2 documents`` or ``: version 1 to 2``."""
    if not (isinstance(was, dict) and isinstance(now, dict)):
        return ""
    said = []
    for part in sorted({*was, *now}):
        old, new = was.get(part), now.get(part)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            count = sum(old.get(name) != new.get(name) for name in {*old, *new})
            said.append(f"{count} {part if count > 1 else part.removesuffix('s')}")
        elif part == "version":
            said.append(f"version {old} to {new}")
        else:
            said.append(part)
    return f": {', '.join(said)}"
