"""Which versions were champion before: what a rollback may go back to, and what sessions may be held back on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from router_ml.storage.registry.lookup import Version

BEFORE, SINCE = "replaced", "champion_since"
"""Tags of a version: the champions before it, oldest first; when it became champion, taken off by a rollback."""
_LONGEST = 50


def entered(version: Version, old: Version | None, at: datetime) -> dict[str, str | None]:
    """Tags of a version that becomes champion after ``old``."""
    stack = [] if old is None else [*_before(old), old.version]
    kept = [number for number in stack if number != version.version][-_LONGEST:]
    return {BEFORE: ",".join(kept) or None, SINCE: at.isoformat()}


def stands(version: Version) -> bool:
    """Whether it is or was champion, and was not rolled back since."""
    return SINCE in version.tags


def behind(found: Version, left: Version, known: Mapping[str, Version]) -> tuple[str, ...]:
    """What was champion before ``found``, which returns as ``left`` is rolled back; oldest first, and nothing that was
    rolled back itself."""
    stack = _before(left)
    stack = stack[: stack.index(found.version)] if found.version in stack else _before(found)
    gone = (found.version, left.version)
    return tuple(number for number in stack if number not in gone and number in known and stands(known[number]))


def _before(version: Version) -> list[str]:
    return [number for number in version.tags.get(BEFORE, "").split(",") if number]
