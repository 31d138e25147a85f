"""Work with a database that may never answer, done by somebody who cannot wait for ever."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from router_ml.errors import RouterError

Result = TypeVar("Result")


class TooLongError(RouterError):
    """It takes longer than anybody waits. It may come to its end yet."""


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """Do something in a thread of its own, and wait for it for so long.

    Raises:
        TooLongError: it is not over by then, and goes on. RouterError: it failed, with what it raised.
    """
    answer: queue.SimpleQueue[Result | RouterError] = queue.SimpleQueue()

    def do() -> None:
        try:
            answer.put(work())
        except RouterError as error:
            answer.put(error)

    threading.Thread(target=do, name="router-ml-bounded", daemon=True).start()
    try:
        found = answer.get(timeout=seconds)
    except queue.Empty:
        raise TooLongError(f"The database has not answered for {seconds:g} s.") from None
    if isinstance(found, RouterError):
        raise found
    return found
