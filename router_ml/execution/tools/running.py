"""Calls of tools that are being made at this moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from router_ml.contract import ToolCall


class Running:
    """Calls that are being made, by decision: those that a lane asks for at once are each other's earlier ones."""

    def __init__(self) -> None:
        self._calls: dict[str, list[ToolCall]] = {}
        self._lock = threading.Lock()

    def beside(self, decision_id: str, call: ToolCall) -> list[ToolCall]:
        """Those of a decision, but for the same write, which is one call however often it is asked for."""
        with self._lock:
            calls = list(self._calls.get(decision_id, ()))
        return [one for one in calls if one.key is None or one.key != call.key]

    @contextmanager
    def one(self, decision_id: str, call: ToolCall) -> Iterator[None]:
        """While a call is made."""
        with self._lock:
            self._calls.setdefault(decision_id, []).append(call)
        try:
            yield
        finally:
            with self._lock:
                left = self._calls[decision_id]
                left.remove(call)
                if not left:
                    del self._calls[decision_id]
