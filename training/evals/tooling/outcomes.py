"""What became of a call, read from what the lane was told."""

from __future__ import annotations

import json
import re

from training.evals.attempt import Turn

_PASSING = re.compile(
    r"\b(no answer|timed? ?out|timeout|HTTP 5\d\d|HTTP 429|rate.limit\w*|unavailable|overloaded|temporar\w+|try again"
    r"|check again|connection (reset|refused|error))\b",
    re.IGNORECASE,
)
_NOTHING_DONE = re.compile(r"\b(nothing (was|has been) done|permission denied|rejected|not found)\b", re.IGNORECASE)
_OVER = re.compile(r"\bthe most for one request\b")
_BAD = frozenset(("failed", "failure", "rejected", "declined", "error", "refused", "denied"))
_OPEN = frozenset(("pending", "in_review", "queued", "waiting", "submitted_for_review"))
_SHORT = 2_000  # characters of a result that may say that it is not the last word


def over_limit(turn: Turn) -> bool:
    """Whether a tool was called more often than it may be."""
    return turn.error is not None and _OVER.search(turn.error) is not None


def failed(turn: Turn) -> bool:
    """Whether a call did not do what it was made for: an error, or a result that says so."""
    if turn.error is not None:
        return True
    said = turn.result
    if not isinstance(said, dict):
        return False
    return said.get("ok") is False or said.get("success") is False or str(said.get("status")).lower() in _BAD


def done(turn: Turn) -> bool:
    """Whether a write did what it was made for. One that somebody still has to look at has not."""
    said = turn.result
    return not failed(turn) and not (isinstance(said, dict) and str(said.get("status")).lower() in _OPEN)


def in_passing(turn: Turn) -> bool:
    """Whether the same call may well succeed a moment later: no answer, an overloaded server, a result that is cut off
    or says that it is not the last word."""
    if turn.error is not None:
        return _PASSING.search(turn.error) is not None
    if isinstance(turn.result, str):
        return turn.result.lstrip()[:1] in ("{", "[") and not _is_json(turn.result)
    told = json.dumps(turn.result, ensure_ascii=False)
    return len(told) <= _SHORT and _PASSING.search(told) is not None


def unknown(turn: Turn) -> bool:
    """Whether nobody knows if a write was done: it failed, and nothing says that it did nothing."""
    return turn.error is not None and _NOTHING_DONE.search(turn.error) is None and not over_limit(turn)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
