"""Words of people that stand in the audit log beside those of the service: they may not look like anything else."""

from __future__ import annotations

import unicodedata

from router_ml.errors import InvalidRequestError

LONGEST_WHY = 2000
_JOINERS = "\u200c\u200d"  # letters of some languages need them


def shown_as_written(text: str) -> bool:
    """Whether a text is read as it stands: without controls, marks of direction, and what cannot be seen.

    >>> shown_as_written("the launch"), shown_as_written("a\\u202eb"), shown_as_written("a\\nb")
    (True, False, False)
    """
    return not any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") and one not in _JOINERS for one in text)


def checked_why(why: object, *, longest: int = LONGEST_WHY) -> str:
    """Why somebody acts, for the audit log.

    Raises:
        InvalidRequestError: it is no text, says nothing, is too long, or holds what cannot be seen.
    """
    found = why.strip() if isinstance(why, str) else ""
    if not 0 < len(found) <= longest:
        raise InvalidRequestError(f"Say why, in at most {longest} characters: it is kept in the audit log.")
    if not shown_as_written(found):
        raise InvalidRequestError("Why holds control characters or marks of direction. Write it in one plain line.")
    return found
