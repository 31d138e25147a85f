"""Requests at a steady rate, whether or not earlier ones have been answered: what users do to a gateway."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np

TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Ask:
    """A kind of request: a name for the tables, a path and a body; ``text`` is put in for each request.

    ``then``: what is asked next, of the answer's decision id.
    """

    name: str
    path: str
    make: Callable[[str], dict[str, Any]]
    then: Callable[[str], tuple[str, dict[str, Any]]] | None = None


@dataclass(frozen=True)
class Answered:
    """``began``: seconds by ``time.monotonic``; ``error``: of a request that got no whole answer; ``decision_id``: what
    the gateway says it has kept."""

    name: str
    began: float
    seconds: float
    status: int
    error: str | None = None
    decision_id: str | None = None

    @property
    def ok(self) -> bool:
        """Answered, and not by an error."""
        return self.error is None and 200 <= self.status < 300


@dataclass
class Load:
    """Asks a gateway from a thread of its own until ``stop``; ``answered`` grows.

    Args:
        url: of the gateway. asks: taken in turns. rate: requests per second. texts: taken in turns.
        timeout_s: after which a request counts as failed.
    """

    url: str
    asks: Sequence[Ask]
    rate: float
    texts: Sequence[str]
    headers: dict[str, str] = field(default_factory=dict)
    timeout_s: float = TIMEOUT_S
    answered: list[Answered] = field(default_factory=list)
    sent: int = 0

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load", daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask no more, and wait for the answers that are still to come."""
        self._stop.set()
        self._thread.join(2 * self.timeout_s)

    def since(self, began: float) -> list[Answered]:
        """Those that began at or after a time."""
        return [one for one in list(self.answered) if one.began >= began]

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self.timeout_s)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector, headers=self.headers) as session:
            running: set[asyncio.Task[None]] = set()
            start = time.monotonic()
            asks, texts = itertools.cycle(self.asks), itertools.cycle(self.texts)
            while not self._stop.is_set():
                behind = (time.monotonic() - start) * self.rate - self.sent
                for _ in range(int(behind)):
                    task = asyncio.create_task(self._one(session, next(asks), next(texts)))
                    running.add(task)
                    task.add_done_callback(running.discard)
                    self.sent += 1
                await asyncio.sleep(0.5 / self.rate)
            if running:
                await asyncio.wait(running, timeout=self.timeout_s)

    async def _one(self, session: aiohttp.ClientSession, ask: Ask, text: str) -> None:
        answered = await self._post(session, ask.name, ask.path, ask.make(text))
        self.answered.append(answered)
        if ask.then is not None and answered.ok and answered.decision_id is not None:
            path, body = ask.then(answered.decision_id)
            self.answered.append(await self._post(session, path, path, body))

    async def _post(self, session: aiohttp.ClientSession, name: str, path: str, body: dict[str, Any]) -> Answered:
        began, status, said = time.monotonic(), 0, None
        try:
            async with session.post(f"{self.url}{path}", json=body) as answer:
                status = answer.status
                raw = await answer.read()
                said = answer.headers.get("x-router-ml-decision-id") or _id_in(raw)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Answered(name, began, time.monotonic() - began, status, type(error).__name__)
        return Answered(name, began, time.monotonic() - began, status, None, said)


def _id_in(raw: bytes) -> str | None:
    """The decision id at the beginning of a decision, without reading all of it."""
    mark = b'"decision_id":"'
    at = raw.find(mark)
    return raw[at + len(mark) : raw.find(b'"', at + len(mark))].decode() if at >= 0 else None


def quantile_ms(answered: Sequence[Answered], share: float) -> float:
    """Milliseconds within which a share of them was answered; NaN of none."""
    return float(np.quantile([1000 * one.seconds for one in answered], share)) if answered else float("nan")
