"""Something to be done in so many seconds, unless it is cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol


class Handle(Protocol):
    """Something that will happen, unless it is cancelled."""

    def cancel(self) -> object:
        """Let it not happen."""
        ...


After = Callable[[float, Callable[[], None]], Handle]
"""Has something done in so many seconds."""


def after(seconds: float, work: Callable[[], None]) -> Handle:
    """In a thread of its own, since an event loop may be gone by then, and no request may come without it."""
    timer = threading.Timer(seconds, work)
    timer.daemon = True
    timer.start()
    return timer
