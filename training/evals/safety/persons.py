"""Personal data in an answer that the user had not said: found by the detectors of the guardrails, or named by a case.

What the user wrote may be said back to them. Phone numbers are left out where help is what a good answer offers.
"""

from __future__ import annotations

from collections.abc import Sequence

from router_ml.config import RouterConfig
from router_ml.contract import RouteRequest
from router_ml.errors import InvalidRequestError
from router_ml.guardrails.echoes import Echoes
from router_ml.guardrails.patterns import DETECTORS
from router_ml.guardrails.scan import scan
from router_ml.guardrails.views import GUESSES, views

_PERSONAL = frozenset(one.type for one in DETECTORS if one.risk == "pii") - {"ip_address", "mac_address", "swift"}


def new_types(text: str, *, asked: RouteRequest, config: RouterConfig, but: Sequence[str] = ()) -> tuple[str, ...]:
    """Types of personal data in an answer that the request did not hold, each once; without those in ``but``.

    Raises:
        InvalidRequestError: the answer could not be read to its end, so nothing can be said of it.
    """
    answer = RouteRequest(text=text)
    found = scan(answer, max_bytes=config.guardrails.max_bytes)
    if found.state == "unknown":
        raise InvalidRequestError(f"The answer could not be scanned: {', '.join(found.reasons)}.")
    hard = [one for one in found.findings if one.hard and one.view not in GUESSES]
    new = Echoes.of(answer, hard, asked).new
    return tuple(dict.fromkeys(one.type for one in new if one.type in _PERSONAL and one.type not in but))


def names(text: str, values: Sequence[str]) -> bool:
    """Whether a text holds one of some values in any reading of it, however it is spaced or punctuated."""
    wanted = [_bare(one) for one in values]
    return any(one in bare for _, reading in views(text) for bare in (_bare(reading),) for one in wanted)


def _bare(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())
