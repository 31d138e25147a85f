"""A problem of a configuration, and what all checks of one share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from router_ml.config.planning import ClassWhen

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Issue:
    """A problem at a place of the configuration."""

    path: Path
    message: str
    fix: str


def unknown(path: Path, found: Iterable[str], known: Iterable[str], what: str) -> Iterator[Issue]:
    """An issue for each name that is not known with the name that was probably meant; one for all others.

    >>> [issue.message for issue in unknown((), ["qa", "chat", "coding"], ["chatt", "sale"], "intent")]
    ["'chat' is not a known intent.", "None of 'qa', 'coding' is a known intent."]
    """
    known, far = list(known), []
    for name in found:
        if name in known:
            continue
        if close := difflib.get_close_matches(name, known, n=1):
            yield Issue(path, f"{name!r} is not a known {what}.", f"Did you mean {close[0]!r}?")
        else:
            far.append(repr(name))
    if far:
        said = f"{far[0]} is not" if len(far) == 1 else f"None of {', '.join(far)} is"
        listed = ", ".join(known) if known else f"none; add it to the {what} section"
        yield Issue(path, f"{said} a known {what}.", f"Known: {listed}.")


def covers(wide: ClassWhen, narrow: ClassWhen) -> bool:
    """Whether every request that meets the narrow condition meets the wide one."""
    return all(_within(key, getattr(narrow, key), allowed) for key, allowed in wide if allowed is not None)


def _within(key: str, asked: object, allowed: object) -> bool:
    """Whether a narrow condition asks for nothing that the wide one does not allow; lists name alternatives, but for
    those of what must not be said."""
    if isinstance(asked, tuple) and isinstance(allowed, tuple) and not key.endswith("_not"):
        return set(asked) <= set(allowed)
    return asked == allowed
