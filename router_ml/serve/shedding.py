"""What a worker does not take on: requests beyond what it can hold, the least urgent first, before any work on them.

A worker holds ``max_in_flight`` requests at a time; a fifth of that is reserved for those that do not say
``x-router-ml-priority: low``. Beyond, the answer is 503 with ``Retry-After``, without a look at the body. A request
takes its place once its caller is known, so that no stranger takes one. Whether it is alive, ready and how it fares is
always answered.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from router_ml.serve.access.caller import AccessError
from router_ml.serve.problems import refusal

if TYPE_CHECKING:
    from router_ml.serve.gateway import Gateway

RESERVED = 0.2
"""Share of the places that only requests of ordinary priority get."""

ALWAYS = frozenset({"/healthz", "/readyz", "/metrics"})
_PRIORITY = b"x-router-ml-priority"
_PLACE = "router_ml.place"


class Shedding:
    """The requests of a worker that are under way, and what it has refused, by reason; of one event loop."""

    def __init__(self, max_in_flight: int) -> None:
        self.max_in_flight = max_in_flight
        self.in_flight = 0
        self.refused: Counter[str] = Counter()

    def refuse_beyond(self, *, low: bool, expected_seconds: float = 0.0) -> None:
        """See to it that there is a place for one more.

        Args:
            low: whether it may be refused before others. expected_seconds: after which it is worth a new try.

        Raises:
            AccessError: there is none.
        """
        most = self.max_in_flight * (1 - RESERVED) if low else self.max_in_flight
        if self.in_flight >= most:
            self.refused["low_priority" if low and self.in_flight < self.max_in_flight else "in_flight"] += 1
            raise overloaded("requests", expected_seconds)


def overloaded(what: str, expected_seconds: float) -> AccessError:
    """The error of a worker that has too much to do."""
    return AccessError(
        503, "overloaded", f"Too many {what} at a time. Try again later.", retry_after_s=max(1.0, expected_seconds)
    )


@dataclass
class Place:
    """That of one request, once it has one."""

    gateway: Gateway
    low: bool
    taken: bool = False

    def free(self) -> None:
        """See to it that it could be taken.

        Raises:
            AccessError: too much is under way.
        """
        self.gateway.shedding.refuse_beyond(low=self.low, expected_seconds=self.gateway.decider.expected_seconds)

    def leave(self) -> None:
        """Give it back."""
        if self.taken:
            self.gateway.shedding.in_flight -= 1
            self.taken = False


def take_place(scope: Scope) -> None:
    """Count a request whose caller is known, until it is answered.

    Raises:
        AccessError: too much is under way.
    """
    place: Place | None = scope.get(_PLACE)
    if place is not None and not place.taken:
        place.free()
        place.gateway.shedding.in_flight += 1
        place.taken = True


class SheddingMiddleware:
    """Refuses what is too much, and gives back the places of what was answered to the last byte."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse."""
        if scope["type"] != "http" or scope["path"] in ALWAYS:
            await self.app(scope, receive, send)
            return
        low = any(name == _PRIORITY and value.strip().lower() == b"low" for name, value in scope["headers"])
        place = scope[_PLACE] = Place(scope["app"].state.gateway, low)
        try:
            place.free()
        except AccessError as error:
            await refusal(error)(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        finally:
            place.leave()
