"""What went wrong in a call, as one ``LaneFailure``, told from the error and those behind it.

LiteLLM folds many errors into few classes: a dropped connection, a page of HTML and half a JSON document all come as
an internal error of the server. What was raised first, below it, says which it was; it is known by the names of its
classes, so that no HTTP library has to be imported. Texts of providers are looked at and never kept: they may repeat
the request.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from router_ml.contract import FailureKind
from router_ml.execution.lanes.failures import LaneFailure

_TIMEOUTS = frozenset(("TimeoutError", "Timeout", "TimeoutException", "APITimeoutError"))
_CONNECTIONS = frozenset(
    ("TransportError", "ConnectionError", "ClientConnectionError", "ClientPayloadError", "gaierror")
)
_UNREADABLE = frozenset(
    ("JSONDecodeError", "UnicodeDecodeError", "KeyError", "TypeError", "AttributeError", "IndexError")
)
_OURS = frozenset(("BadRequestError", "UnsupportedParamsError", "NotFoundError"))
_STATUS: dict[int, FailureKind] = {
    401: "authentication",
    402: "authentication",
    403: "authentication",
    408: "timeout",
    413: "context_overflow",
    429: "rate_limit",
}
_OVERFLOW = re.compile(
    r"context.{0,12}(?:length|window)|maximum (?:context|input|number of tokens)|too many (?:input )?tokens|"
    r"(?:prompt|input|request) (?:is )?too (?:long|large)|exceeds? the maximum|reduce the length|input token count",
    re.IGNORECASE,
)
_FILTER = re.compile(
    r"content[ _]?(?:policy|filter|management)|safety system|flagged|moderation|blocked by|prohibited_content|"
    r"responsible ai",
    re.IGNORECASE,
)
_UNREAD = re.compile(r"converting to valid response", re.IGNORECASE)
_WRITERS = frozenset(("encode_request", "encode_json", "openapi_dumps", "dumps"))
"""Functions that write the body of a request: of httpx, of OpenAI's client, and of the standard library."""
_CREDENTIALS = re.compile(r"missing (?:credentials|\w+ api key)", re.IGNORECASE)


def failure_of(error: BaseException, *, partial: str = "", now: datetime | None = None) -> LaneFailure:
    """The failure that an error means.

    Args:
        partial: what had been streamed.
        now: for a ``Retry-After`` that is a date; by default the time of this machine.
    """
    chain = list(_chain(error))
    names = [frozenset(cls.__name__ for cls in type(one).__mro__) for one in chain]
    every = frozenset[str]().union(*names)
    answered = next((one for one, known in zip(chain, names, strict=True) if "HTTPStatusError" in known), None)
    response = getattr(answered, "response", None)
    status = getattr(response, "status_code", None)
    told = " ".join(str(part) for part in (type(error).__name__, status) if part is not None)
    if status is None and _unwritten(chain[-1]):
        return LaneFailure("server_error", told, partial=partial, of_request=True)
    kind, of_request = _kind(every, status, str(error))
    return LaneFailure(
        kind,
        told,
        retry_after_ms=retry_after(getattr(response, "headers", None), now=now),
        partial=partial,
        of_request=of_request,
    )


def _unwritten(first: BaseException) -> bool:
    """Whether the request could not even be written, so that nothing was sent: half of a surrogate pair, for one."""
    return any(frame.name in _WRITERS for frame in traceback.extract_tb(first.__traceback__))


def _kind(names: frozenset[str], status: int | None, text: str) -> tuple[FailureKind, bool]:
    """The kind, and whether the fault is the request's rather than the provider's."""
    if status is not None:
        return _by_status(names, status, text)
    if names & _OURS and not names & (_TIMEOUTS | _CONNECTIONS) and not _UNREAD.search(text):
        return "server_error", True
    return _by_class(names, text), False


def _by_class(names: frozenset[str], text: str) -> FailureKind:
    """Nothing with a status came back."""
    told: tuple[tuple[bool, FailureKind], ...] = (
        (bool(names & _TIMEOUTS), "timeout"),
        (bool(names & _CONNECTIONS), "connection"),
        ("AuthenticationError" in names or _CREDENTIALS.search(text) is not None, "authentication"),
        ("StopAsyncIteration" in names, "connection"),  # a stream that ended before the lane said that it was done
        ("MidStreamFallbackError" in names and not names & _UNREADABLE, "server_error"),  # an error in the stream
    )
    return next((kind for so, kind in told if so), "malformed")


def _by_status(names: frozenset[str], status: int, text: str) -> tuple[FailureKind, bool]:
    if status in (400, 413, 422):
        if "ContextWindowExceededError" in names or _OVERFLOW.search(text):
            return "context_overflow", True
        if "ContentPolicyViolationError" in names or _FILTER.search(text):
            return "content_filter", True
    kind = _STATUS.get(status, "server_error")
    return kind, status in (400, 409, 413, 415, 422)


def retry_after(headers: Mapping[str, str] | None, *, now: datetime | None = None) -> float | None:
    """Milliseconds that a provider asks to be left alone, from its headers: seconds, a date, or milliseconds."""
    if headers is None:
        return None
    exact = _number(headers.get("retry-after-ms"))
    if exact is not None:
        return exact
    said = headers.get("retry-after")
    seconds = _number(said)
    if seconds is not None or said is None:
        return None if seconds is None else seconds * 1000
    try:
        until = parsedate_to_datetime(said)
    except (TypeError, ValueError):
        return None
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max((until - (now or datetime.now(UTC))).total_seconds() * 1000, 0.0)


def _number(said: str | None) -> float | None:
    try:
        value = float(said or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that led to it, latest first."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__
