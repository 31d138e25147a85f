"""Which decisions somebody looks for, as they say it: names and words, checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from router_ml.contract.base import TIERS, Action, GuardState
from router_ml.contract.executed import ExecutionStatus
from router_ml.errors import InvalidRequestError

_AGO = re.compile(r"(\d{1,6})(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = 200


@dataclass(frozen=True)
class LookedFor:
    """Which decisions; None: any. ``id``: what their id begins with. ``class_``: traffic class. ``lane``: planned, or
    that answered. ``ended``: how an execution ended. ``below``: some rating is lower. ``fallback``: another lane than
    the planned one answered. ``until``: before then. ``org``: recorded, so without case or disguise."""

    id: str | None = None
    org: str | None = None
    class_: str | None = None
    lane: str | None = None
    action: str | None = None
    tier: str | None = None
    intent: str | None = None
    domain: str | None = None
    guard: str | None = None
    bundle: str | None = None
    arm: str | None = None
    ended: str | None = None
    explored: bool | None = None
    fallback: bool | None = None
    below: float | None = None
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def read(cls, said: Mapping[str, str], *, now: datetime) -> LookedFor:
        """From words by name, as a query string or a search box has them; empty ones are left out. ``class`` is
        ``class_``; a time is ISO 8601 (UTC without a zone) or how long ago: ``90m``, ``2h``, ``7d``, ``4w``.

        Raises:
            InvalidRequestError: a name is unknown, or its word is none that it can have.

        >>> found = LookedFor.read({"tier": "high", "since": "2h"}, now=datetime(2026, 3, 1, 12, tzinfo=UTC))
        >>> found.tier, found.since.hour
        ('high', 10)
        """
        found: dict[str, Any] = {}
        for name, word in said.items():
            if name not in NAMES:
                raise InvalidRequestError(f"Found a name that is not known, expected one of {', '.join(NAMES)}.")
            if not word.strip():
                continue
            field = "class_" if name == "class" else name
            if field in ("since", "until"):
                found[field] = _moment(name, word.strip(), now)
            else:
                found[field] = READ.get(field, _text)(name, word.strip())
        return cls(**found)


def _text(name: str, word: str) -> str:
    if len(word) > _LONGEST or "\x00" in word:
        raise InvalidRequestError(f"{name}: expected at most {_LONGEST} plain characters.")
    return word


def _one_of(*known: str) -> Callable[[str, str], str]:
    def read(name: str, word: str) -> str:
        if word not in known:
            raise InvalidRequestError(f"{name}: expected one of {', '.join(known)}.")
        return word

    return read


def _yes_or_no(name: str, word: str) -> bool:
    if word not in ("yes", "no"):
        raise InvalidRequestError(f"{name}: expected yes or no.")
    return word == "yes"


def _share(name: str, word: str) -> float:
    try:
        found = float(word)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise InvalidRequestError(f"{name}: expected a number from 0 to 1.")
    return found


def _moment(name: str, word: str, now: datetime) -> datetime:
    if ago := _AGO.fullmatch(word):
        try:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        except OverflowError:
            return datetime(1970, 1, 1, tzinfo=UTC)
    try:
        found = datetime.fromisoformat(word)
    except ValueError:
        raise InvalidRequestError(f"{name}: expected a time as 2026-03-01T12:00, or 90m, 2h, 7d, 4w ago.") from None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise InvalidRequestError(f"{name}: expected a time between the years 1 and 9999.") from None


READ: dict[str, Callable[[str, str], Any]] = {
    "action": _one_of(*get_args(Action)),
    "tier": _one_of(*TIERS),
    "guard": _one_of(*get_args(GuardState)),
    "ended": _one_of(*get_args(ExecutionStatus)),
    "explored": _yes_or_no,
    "fallback": _yes_or_no,
    "below": _share,
}
NAMES = tuple("class" if field.name == "class_" else field.name for field in fields(LookedFor))
