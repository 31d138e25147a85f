"""What callers report of lanes, providers and failure domains; eligibility follows from the next decision on."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from router_ml.config import Lane
from router_ml.errors import InvalidRequestError


class Health:
    """The places that are down; ``snapshot`` is replaced as a whole, never changed, so a decision reads one state."""

    def __init__(self, lanes: Mapping[str, Lane]) -> None:
        self._places: set[str] = set()
        self._lock = threading.Lock()
        self.snapshot: Mapping[str, str] = {}
        self.know(lanes)

    def know(self, lanes: Mapping[str, Lane]) -> None:
        """Take reports of the places of these lanes, too; what is down stays so."""
        more = {*lanes, *(x.provider for x in lanes.values()), *(x.failure_domain for x in lanes.values())}
        self._places = self._places | more

    def report(self, name: str, status: str) -> None:
        """Say that a place is ``down`` or ``up``.

        Raises:
            InvalidRequestError: no lane, provider or failure domain has this name, or the status is another.
        """
        if name not in self._places or status not in ("up", "down"):
            expected = f"one of {', '.join(sorted(self._places))} and up or down"
            raise InvalidRequestError(f"Found {name!r} with status {status!r}, expected {expected}.")
        with self._lock:
            down = {place for place in self.snapshot if place != name} | ({name} if status == "down" else set())
            self.snapshot = dict.fromkeys(sorted(down), "down")
