"""The server: a loop in a thread of its own, scripts of faults, and a record of what came."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from router_ml.errors import InvalidRequestError
from router_ml.faults import http, serving
from router_ml.faults.answers import Said
from router_ml.faults.asked import Asked
from router_ml.faults.fault import Fault, Kind

ANY = "*"
Play = Callable[[Asked], tuple[Fault, Said | None]]
"""What a model does with a request: a fault, ``good`` for none, and what is said under it (None: what suits)."""
_GOOD = Fault("good")
_PATIENCE_S = 10.0
_BACKLOG = 1024


@dataclass(frozen=True)
class Call:
    """A call that came: ``at`` in seconds since the server started; ``fault`` that it met; ``body`` as it was sent."""

    at: float
    model: str
    fault: Kind
    path: str
    stream: bool
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)


@dataclass
class _Script:
    faults: tuple[Fault, ...]
    at: int = 0

    def next(self) -> Fault:
        fault = self.faults[min(self.at, len(self.faults) - 1)]
        self.at += 1
        return fault


@dataclass
class _Rate:
    share: float
    faults: tuple[Fault, ...]
    draw: random.Random

    def next(self) -> Fault:
        return self.draw.choice(self.faults) if self.draw.random() < self.share else _GOOD


class FaultServer:
    """Serves while its ``with`` block lasts, or between ``start`` and ``close``.

    Models are named as clients name them in the body of a call; ``*`` stands for any that has nothing of its own. A
    model without a script or a rate gives good answers.

    Args:
        port: 0 for one that is free.
        keep: the most calls that are kept in ``calls``; ``count`` goes on.
        bodies: whether ``calls`` keep what was sent.
    """

    def __init__(self, *, port: int = 0, host: str = "127.0.0.1", keep: int = 100_000, bodies: bool = True) -> None:
        self._host, self._port, self._bodies = host, port, bodies
        self._calls: deque[Call] = deque(maxlen=keep)
        self._count: Counter[tuple[str, Kind]] = Counter()
        self._scripts: dict[str, _Script] = {}
        self._rates: dict[str, _Rate] = {}
        self._plays: dict[str, Play] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._started = time.monotonic()

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://{self._host}:{self._port}"

    @property
    def openai_url(self) -> str:
        """Base address for ``openai/...`` and ``hosted_vllm/...``."""
        return f"{self.url}/v1"

    @property
    def anthropic_url(self) -> str:
        """Base address for ``anthropic/...``."""
        return self.url

    @property
    def calls(self) -> list[Call]:
        """What came, in order of arrival."""
        with self._lock:
            return list(self._calls)

    @property
    def count(self) -> dict[tuple[str, Kind], int]:
        """How many calls met which fault, by model and kind."""
        with self._lock:
            return dict(self._count)

    def script(self, model: str, faults: Sequence[Fault | str | Mapping[str, Any]]) -> None:
        """What happens to the next calls of a model, one after another; the last one repeats. An empty script takes an
        earlier one away.

        Raises:
            InvalidRequestError: it is no list of faults.
        """
        read = Fault.read_all(faults)
        with self._lock:
            self._scripts.pop(model, None)
            if read:
                self._scripts[model] = _Script(read)

    def rate(self, model: str, share: float, faults: Sequence[Fault | str | Mapping[str, Any]], seed: int) -> None:
        """Let a share of the calls of a model meet one of these faults, drawn in the order in which calls arrive.

        Raises:
            InvalidRequestError: the share is none, or there is no fault to draw.
        """
        read = Fault.read_all(faults)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1 or not read:
            raise InvalidRequestError(
                f"Found share {share!r} and {len(read)} faults, expected a share in 0..1 and at least one fault."
            )
        with self._lock:
            self._rates[model] = _Rate(share, read, random.Random(f"{seed} {model}"))

    def play(self, model: str, play: Play | None) -> None:
        """Let a function say what a model does with each call that no script or rate is for; None takes it away. It
        runs in the server's loop, so it must not wait for anything."""
        with self._lock:
            self._plays.pop(model, None)
            if play is not None:
                self._plays[model] = play

    def reset(self) -> None:
        """Forget scripts, rates, plays and calls."""
        with self._lock:
            for kept in (self._scripts, self._rates, self._plays, self._calls, self._count):
                kept.clear()

    def next_fault(self, incoming: http.Incoming, asked: Asked) -> serving.Met:
        """What a call that has come meets. For the connection that serves it."""
        model, said = asked.model, None
        with self._lock:
            source = next(
                (known[name] for name in (model, ANY) for known in (self._scripts, self._rates) if name in known), None
            )
            play = self._plays.get(model) or self._plays.get(ANY)
        if source is None and play is not None:
            fault, said = play(asked)
        with self._lock:
            if source is not None:
                fault = source.next()
            elif play is None:
                fault = _GOOD
            self._count[model, fault.kind] += 1
            body = incoming.read() if self._bodies else {}
            headers = {name: value for name, value in incoming.headers.items() if name not in _SECRET}
            at = time.monotonic() - self._started
            self._calls.append(Call(at, model, fault.kind, incoming.path, asked.stream, headers, body))
            return serving.Met(fault, self._count.total(), said)

    def look(self, path: str) -> dict[str, object] | None:
        """What is told about the server itself: ``/health``, ``/v1/models``, and ``/faults/calls``, which counts."""
        if path == "/health":
            return {"status": "ok"}
        if path.endswith("/models"):
            with self._lock:
                named = (*self._scripts, *self._rates, *self._plays, *(model for model, _ in self._count))
                names = dict.fromkeys(named)
            listed = [{"id": name, "object": "model", "owned_by": "faults"} for name in names if name != ANY]
            return {"object": "list", "data": listed}
        if path == "/faults/calls":
            return {"calls": [{"model": model, "fault": kind, "count": n} for (model, kind), n in self.count.items()]}
        return None

    def start(self) -> Self:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        listening = socket.create_server((self._host, self._port), backlog=_BACKLOG)
        self._port = int(listening.getsockname()[1])
        self._started = time.monotonic()
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        work = (self._loop, self, listening, ready)
        self._thread = threading.Thread(target=_run, args=work, name="fault-server", daemon=True)
        self._thread.start()
        ready.wait(_PATIENCE_S)
        return self

    def close(self) -> None:
        """Stop, and let go of every connection, also of those that hang."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop = self._thread = None

    def wait(self) -> None:
        """Serve until it is closed or interrupted."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(1.0)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


_SECRET = ("authorization", "x-api-key", "api-key")


def _run(
    loop: asyncio.AbstractEventLoop, server: FaultServer, listening: socket.socket, ready: threading.Event
) -> None:
    asyncio.set_event_loop(loop)
    serving_them = loop.run_until_complete(
        asyncio.start_server(lambda reader, writer: serving.serve(reader, writer, server), sock=listening)
    )
    loop.call_soon(ready.set)
    try:
        loop.run_forever()
    finally:
        serving_them.close()
        open_ones = asyncio.all_tasks(loop)
        for task in open_ones:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*open_ones, return_exceptions=True))
        loop.close()
