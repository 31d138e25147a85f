"""A coroutine run to its end, also from a notebook, whose thread runs a loop already."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Found = TypeVar("Found")


def finished(work: Coroutine[Any, Any, Found]) -> Found:
    """What a coroutine returns, in a loop of its own; in a thread of its own, too, where this one runs a loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1, thread_name_prefix="evals") as thread:
        return thread.submit(asyncio.run, work).result()
