"""The language of the search box: ``class:support lane:fast since:2h dec_81``."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from router_ml.errors import InvalidRequestError
from router_ml.ruling.case import organisation

if TYPE_CHECKING:
    from router_ml.storage.views.looked_for import LookedFor

LONGEST = 1_000
EXAMPLES = (
    ("since:1h", "the last hour"),
    ("tier:high", "high risk"),
    ("action:human_review", "sent to a person"),
    ("ended:failed", "failed"),
    ("fallback:yes", "another lane answered"),
    ("below:0.5", "rated below 0.5"),
    ("guard:hit", "something was found"),
    ("explored:yes", "explored"),
)


def parsed(query: str) -> dict[str, str]:
    """Words by name; a word without a name is the beginning of an id.

    Raises:
        InvalidRequestError: it cannot be read.

    >>> parsed('lane:fast class:"back office" dec_81')
    {'lane': 'fast', 'class': 'back office', 'id': 'dec_81'}
    """
    if len(query) > LONGEST:
        raise InvalidRequestError(f"The search is longer than {LONGEST} characters. Look for less.")
    try:
        words = shlex.split(query, comments=False)
    except ValueError:
        raise InvalidRequestError('A quotation mark is open. Close it: class:"back office".') from None
    found: dict[str, str] = {}
    for word in words:
        name, colon, value = word.partition(":")
        if not colon or name.casefold() not in _names():
            if colon and name.isalpha():
                raise InvalidRequestError(f"Found a name that is not known, expected one of: {', '.join(_names())}.")
            name, value = "id", word
        name = name.casefold()
        if not value.strip():
            raise InvalidRequestError(f"{name} needs a value, as {name}:VALUE.")
        if name in found:
            raise InvalidRequestError(f"Found {name} twice, expected it once.")
        found[name] = value
    return found


def looked_for(query: str, *, org: str | None, now: datetime) -> LookedFor:
    """What a query looks for; ``org``: only what is of this organisation, whatever the query says.

    Raises:
        InvalidRequestError: it cannot be read.
    """
    from router_ml.storage.views.looked_for import LookedFor

    found = LookedFor.read(parsed(query), now=now)
    asked = None if found.org is None else organisation(found.org)
    if org is not None and asked not in (None, org):
        raise InvalidRequestError("Found another organisation than your own, expected org to be left out.")
    return replace(found, org=org or asked)


def _names() -> tuple[str, ...]:
    from router_ml.storage.views.looked_for import NAMES

    return NAMES
