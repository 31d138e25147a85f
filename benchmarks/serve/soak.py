"""A steady load for minutes: ``python -m benchmarks.serve.soak [--minutes 30] [--rate 20] [--workers 1] [--json]``.

Decisions, chats and streamed chats in turns on the fault server, each decision with an outcome. A worker that leaks
shows in its memory: MB per hour over the second half, with a 95% interval over blocks of neighbouring samples. Where
the first half is less than the 10,000 decisions that a worker remembers, nothing is said of memory, since that still
fills: at 5 requests/s an hour and ten minutes are needed. A worker that has not the processor for the rate refuses with
503, which counts as an error.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.serve.load import Answered, Ask, Load, quantile_ms
from benchmarks.serve.running import Serving, on_faults, serving
from benchmarks.serving import corpus_texts
from router_ml.faults import FaultServer
from router_ml.storage.bundle import Bundle
from router_ml.storage.loading import shipped_bundle

SAMPLE_S = 1.0
BLOCKS = 10
REMEMBERED = 10_000
"""Decisions that the memories of a worker hold."""
FLAT_MB_PER_HOUR = 20.0
"""Below which memory counts as flat, where the interval does not tell it from nothing."""


def chat(text: str, *, stream: bool = False) -> dict[str, Any]:
    """The body of a chat completion."""
    return {"model": "auto", "messages": [{"role": "user", "content": text}], "stream": stream}


def outcome(decision_id: str) -> tuple[str, dict[str, Any]]:
    """What is reported of a decision."""
    return "/v1/outcomes", {"decision_id": decision_id, "quality": 1.0}


ROUTE = Ask("route", "/v1/route", lambda text: {"text": text}, then=outcome)
CHAT = Ask("chat", "/v1/chat/completions", chat)
STREAM = Ask("chat, streamed", "/v1/chat/completions", lambda text: chat(text, stream=True))
ASKS = (ROUTE, CHAT, ROUTE, STREAM)


@dataclass(frozen=True)
class Slope:
    """MB per hour with its 95% interval, and the resident memory at the end."""

    mb_per_hour: float
    low: float
    high: float
    end_mb: float

    @property
    def flat(self) -> bool:
        """Whether it does not grow, as far as can be told."""
        return self.low <= 0 or self.mb_per_hour < FLAT_MB_PER_HOUR


@dataclass(frozen=True)
class Kind:
    """One kind of request; ``why``: its errors by status, or by what happened where there was none."""

    name: str
    answered: int
    errors: int
    p50_ms: float
    p99_ms: float
    why: dict[str, int]


@dataclass(frozen=True)
class Soaked:
    """``memory`` by worker."""

    minutes: float
    rate: float
    kinds: tuple[Kind, ...]
    memory: dict[str, Slope]

    @property
    def errors(self) -> int:
        """Of all kinds."""
        return sum(kind.errors for kind in self.kinds)

    @property
    def filled(self) -> bool:
        """Whether what a worker remembers had filled by the second half."""
        workers = max(len(self.memory), 1)
        return 30 * self.minutes * self.rate / workers >= REMEMBERED

    @property
    def grows(self) -> bool:
        """Whether memory does, as far as can be told in this time."""
        return self.filled and not all(one.flat for one in self.memory.values())


def resident_mb(pid: int) -> float:
    """Memory of a process that is not shared with files, MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return math.nan


def slope(samples: Sequence[tuple[float, float]]) -> Slope:
    """How memory grows over the second half of some samples (seconds, MB), which are averaged in blocks.

    >>> found = slope([(second, 300.0 + second / 3600) for second in range(600)])
    >>> round(found.mb_per_hour, 3), found.flat
    (1.0, True)
    """
    half = np.asarray(samples[len(samples) // 2 :])
    blocks = np.array([block.mean(axis=0) for block in np.array_split(half, min(BLOCKS, len(half)))])
    hours, mb = (blocks[:, 0] - blocks[:, 0].mean()) / 3600, blocks[:, 1]
    spread = float(hours @ hours)
    found = float(hours @ mb) / spread if spread else 0.0
    left = mb - mb.mean() - found * hours
    error = math.sqrt(float(left @ left) / max(len(mb) - 2, 1) / spread) if spread else 0.0
    return Slope(found, found - 2.31 * error, found + 2.31 * error, float(half[-1, 1]))  # t with 8 degrees of freedom


def soak(running: Serving, *, minutes: float, rate: float, asks: Sequence[Ask] = ASKS) -> Soaked:
    """Load a gateway and look at it every second."""
    texts = corpus_texts()[:2000]
    pids = {str(number): pid for number, pid in enumerate(running.workers() or [running.process.pid])}
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in pids}
    with Load(running.url, asks, rate, texts) as load:
        began = time.monotonic()
        while (now := time.monotonic() - began) < 60 * minutes:
            for name, pid in pids.items():
                samples[name].append((now, resident_mb(pid)))
            time.sleep(SAMPLE_S)
        load.stop()
    kinds = tuple(_kinds(load.answered))
    return Soaked(minutes, rate, kinds, {name: slope(found) for name, found in samples.items()})


def _kinds(answered: Sequence[Answered]) -> Iterator[Kind]:
    for name in dict.fromkeys(one.name for one in answered):
        these = [one for one in answered if one.name == name]
        good = [one for one in these if one.ok]
        why = Counter(one.error or str(one.status) for one in these if not one.ok)
        yield Kind(name, len(these), why.total(), quantile_ms(good, 0.5), quantile_ms(good, 0.99), dict(why))


def show(found: Soaked) -> None:
    """As a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("kind", "requests", "errors", "p50 ms", "p99 ms", title=f"{found.minutes:g} min, {found.rate:g}/s")
    for kind in found.kinds:
        errors = " ".join([str(kind.errors), *(f"({count} {why})" for why, count in kind.why.items())])
        table.add_row(kind.name, str(kind.answered), errors, f"{kind.p50_ms:.1f}", f"{kind.p99_ms:.1f}")
    console = Console()
    console.print(table)
    table = Table("worker", "memory at the end, MB", "MB per hour", "95%", "flat")
    for name, one in found.memory.items():
        interval = f"{one.low:.1f} to {one.high:.1f}"
        flat = "too short" if not found.filled else "yes" if one.flat else "NO"
        table.add_row(name, f"{one.end_mb:.0f}", f"{one.mb_per_hour:.1f}", interval, flat)
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; exit status 1 where a request failed or memory grew."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=20.0, help="requests per second, outcomes aside")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server = stack.enter_context(FaultServer(bodies=False))
        config = on_faults(server, Bundle.load(shipped_bundle()).config, folder)
        log = ("--config", str(config), "--log", str(folder / "log.sqlite"))
        spool = {"ROUTER_ML_SPOOL": str(folder / "spool")}
        running = stack.enter_context(serving("--workers", str(options.workers), *log, environ=spool))
        found = soak(running, minutes=options.minutes, rate=options.rate)
    if options.json:
        sys.stdout.write(json.dumps(asdict(found), indent=1) + "\n")
    else:
        show(found)
    raise SystemExit(bool(found.errors or found.grows))


if __name__ == "__main__":
    main()
