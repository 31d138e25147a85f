"""Where a page of a listing ends, as a word that the next one is asked for with."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from router_ml.errors import InvalidRequestError

Key = tuple[datetime, str]
"""When something was (UTC, without a zone), and its id."""
_LONGEST = 200  # of an id, as the log keeps it


def to_cursor(key: Key) -> str:
    """A key as a word.

    >>> from_cursor(to_cursor((datetime(2026, 3, 1), "dec-1")))
    (datetime.datetime(2026, 3, 1, 0, 0), 'dec-1')
    """
    at, name = key
    return base64.urlsafe_b64encode(f"{at.isoformat()} {name}".encode()).decode().rstrip("=")


def from_cursor(cursor: str | None) -> Key | None:
    """The key in a word; None for none. A made-up one leads to another place of the same listing, no further.

    Raises:
        InvalidRequestError: it is none that a page gave.
    """
    if not cursor:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
        at, _, name = raw.partition(" ")
        when = datetime.fromisoformat(at)
    except (ValueError, binascii.Error):
        when, name = None, ""
    if when is None or when.tzinfo is not None or not name or len(name) > _LONGEST or "\x00" in name:
        raise InvalidRequestError("The cursor is not one that a page gave. Begin with the first page.")
    return when, name
