"""What callers hand in besides requests: seeds, clocks, ids. Checked before anything is decided."""

from __future__ import annotations

import operator
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from router_ml.contract import RouteRequest
from router_ml.errors import InvalidRequestError

SEED_BITS = 53  # survives JSON readers that keep numbers as doubles
_ID = re.compile(r"[\w.-]{1,128}", re.ASCII)

T = TypeVar("T")


def numbered(index: int, call: Callable[[Any], T], argument: object) -> T:
    """A call whose complaint names the request of a batch."""
    try:
        return call(argument)
    except InvalidRequestError as error:
        raise InvalidRequestError(f"Request {index}: {error}") from None


def with_fields(request: object, fields: Mapping[str, Any]) -> RouteRequest:
    """A request with further fields of it beside.

    Raises:
        InvalidRequestError: it does not follow the contract.
    """
    if not fields:
        return RouteRequest.parse(request)
    known = {"text": request} if isinstance(request, str) else dict(RouteRequest.parse(request))
    return RouteRequest.parse({**known, **fields})


def stamped(seed: int | None, now: datetime | None, decision_id: str | None) -> tuple[int, datetime, str]:
    """Seed, clock and id of a decision, checked; what is not given comes from the operating system. A time without a
    zone counts as UTC."""
    if seed is not None:
        seed = _whole(seed)
    if now is not None and not isinstance(now, datetime):
        raise InvalidRequestError(f"Expected now to be a datetime, found {type(now).__name__}.")
    if now is not None and now.tzinfo is None:
        now = now.replace(tzinfo=UTC)
    if decision_id is not None and not (isinstance(decision_id, str) and _ID.fullmatch(decision_id)):
        raise InvalidRequestError("Expected a decision_id of 1 to 128 letters, digits, dots, dashes and underscores.")
    return (
        secrets.randbits(SEED_BITS) if seed is None else seed,
        now or datetime.now(UTC),
        decision_id or f"dec_{secrets.token_hex(12)}",
    )


def _whole(seed: object) -> int:
    try:
        value = operator.index(seed)  # type: ignore[arg-type]
    except TypeError:
        raise InvalidRequestError(f"Expected a seed that is an integer, found {type(seed).__name__}.") from None
    if isinstance(seed, bool) or not 0 <= value < 2**64:
        raise InvalidRequestError("Expected a seed that is an integer in 0..2**64 - 1.")
    return value
