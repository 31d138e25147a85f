"""``complete`` and ``acomplete``: one shared executor on the router of ``predict_route``, opened on first use."""

from __future__ import annotations

import threading
from typing import Any

from router_ml.execution.beginning import Request
from router_ml.execution.completion import Completion
from router_ml.execution.executor import Executor
from router_ml.front_door import default_router

_lock = threading.Lock()
_shared: list[Executor] = []


def default_executor() -> Executor:
    """The shared executor of this process. It has no tools; one that has is an ``Executor`` of your own."""
    router = default_router()
    with _lock:
        if not _shared or _shared[0].router is not router:
            _shared[:] = [Executor(router)]
        return _shared[0]


def complete(request: Request, **fields: Any) -> Completion:
    """Decide a request and carry the decision out; see ``Executor.acomplete``."""
    return default_executor().complete(request, **fields)


async def acomplete(request: Request, **fields: Any) -> Completion:
    """``complete`` for callers with an event loop."""
    return await default_executor().acomplete(request, **fields)
