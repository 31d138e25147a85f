"""Speed and size of the serving path: ``python -m benchmarks.serving [--json]``.

Decisions are measured against the bare encoder (tokenise, run, pool) on the same texts in the same run, in turns, so
that a busy machine slows both; there, the ratio of processor times is the steadier one. One thread, all guardrails on.
Texts are those of the authored corpus within 10% of the stated number of tokens. Milliseconds depend on the machine.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks import processes
from training.corpus import load

TOKENS = (15, 60, 250)
WARM_UP = 10
BATCH_SIZE = 1_000
BATCH_ROUNDS = 3
NEAR = 0.1
CORPUS = Path(__file__).parents[1] / "data" / "corpus"

Call = Callable[[str], object]


@dataclass(frozen=True)
class Measurement:
    """One number. ``target`` is the most it may be, where something was promised."""

    name: str
    value: float
    unit: str
    target: float | None = None

    @property
    def ok(self) -> bool | None:
        """Whether the target is met; None without one."""
        return None if self.target is None else self.value <= self.target


def corpus_texts() -> list[str]:
    """All texts of the authored corpus, shuffled the same way each time."""
    texts = [row.text for row in load(CORPUS.glob("*.jsonl"))]
    random.Random(0).shuffle(texts)
    return texts


def near(texts: Sequence[str], count: Callable[[str], int], tokens: int, *, size: int) -> list[str]:
    """``size`` texts of about ``tokens`` tokens, repeated where there are fewer."""
    fitting = (text for text in texts if abs(count(text) - tokens) <= NEAR * tokens)
    return list(islice(cycle(list(islice(fitting, size))), size))


@dataclass(frozen=True)
class Times:
    """Milliseconds of one call, text by text: on the clock, and of this thread's processor."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def in_turns(calls: Sequence[Call], texts: Sequence[str], *, warm_up: int = WARM_UP) -> list[Times]:
    """Times of each call on each text; who comes first changes with every text."""
    for text in texts[:warm_up]:
        for call in calls:
            call(text)
    times = [Times() for _ in calls]
    for turn, text in enumerate(texts):
        for step in range(len(calls)):
            which = (turn + step) % len(calls)
            wall, cpu = time.perf_counter(), time.thread_time()
            calls[which](text)
            times[which].cpu.append(1000 * (time.thread_time() - cpu))
            times[which].wall.append(1000 * (time.perf_counter() - wall))
    return times


def measure_latency(rounds: int, folder: Path) -> list[Measurement]:
    """p50 and p95 of one decision, without and with an SQLite log in ``folder``, beside the bare encoder."""
    from router_ml import Router
    from router_ml.storage.bundle import Bundle
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.loading import shipped_bundle

    bundle = Bundle.load(shipped_bundle())
    texts, count = corpus_texts(), bundle.encoder.count_tokens
    plain = Router(bundle.config, bundle=bundle)
    found = []
    with EventLog(folder / "log.db") as log:
        logging = Router(bundle.config, bundle=bundle, log=log)
        calls: tuple[Call, ...] = (
            lambda text: bundle.encoder.encode([text]),
            plain.predict_route,
            logging.predict_route,
        )
        for tokens in TOKENS:
            bare, *routed = in_turns(calls, near(texts, count, tokens, size=rounds))
            found += _quantiles(f"encoder, {tokens} tokens", bare)
            for name, times in zip(("predict_route", "predict_route with log"), routed, strict=True):
                promised = 1.8 if (name, tokens) == ("predict_route", 60) else None
                found += _quantiles(f"{name}, {tokens} tokens", times)
                found += _ratios(f"{name} / encoder, {tokens} tokens", times, bare, promised)
    return found


def _quantiles(name: str, times: Times) -> list[Measurement]:
    return [Measurement(f"{name}, p{q}", float(np.percentile(times.wall, q)), "ms") for q in (50, 95)]


def _ratios(name: str, times: Times, bare: Times, promised: float | None) -> list[Measurement]:
    p50, p95 = (float(np.percentile(times.wall, q) / np.percentile(bare.wall, q)) for q in (50, 95))
    cpu = float(np.median(times.cpu) / np.median(bare.cpu))
    return [
        Measurement(f"{name}, p50", p50, "x", promised),
        Measurement(f"{name}, p95", p95, "x"),
        Measurement(f"{name}, p50 of processor time", cpu, "x"),
    ]


def measure_throughput(size: int) -> list[Measurement]:
    """Decisions per second of one call with ``size`` short texts, beside the bare encoder's one call; medians."""
    from router_ml import Router
    from router_ml.storage.bundle import Bundle
    from router_ml.storage.loading import shipped_bundle

    bundle = Bundle.load(shipped_bundle())
    router = Router(bundle.config, bundle=bundle)
    texts = near(corpus_texts(), bundle.encoder.count_tokens, TOKENS[0], size=size)
    calls: tuple[Call, ...] = (lambda _: bundle.encoder.encode(texts), lambda _: router.predict_routes(texts))
    bare, routed = (float(np.median(times.wall)) / 1000 for times in in_turns(calls, [""] * BATCH_ROUNDS, warm_up=1))
    return [
        Measurement(f"encoder, batch of {size} short texts", size / bare, "/s"),
        Measurement(f"predict_routes, batch of {size} short texts", size / routed, "/s"),
        Measurement("predict_routes / encoder, time of the batch", routed / bare, "x"),
    ]


def measure_processes(runs: int, size: int) -> list[Measurement]:
    """Import, first decision and memory of fresh processes."""
    texts = json.dumps(corpus_texts()[:size])
    megabyte = 1e6
    return [
        Measurement(
            "import router_ml, over bare Python", processes.seconds_over_bare("import router_ml", runs=runs), "s", 0.3
        ),
        Measurement("cold process to first decision", processes.seconds(processes.FIRST_DECISION, runs=runs), "s", 2.0),
        Measurement(
            f"peak memory, {size} decisions", processes.peak_bytes(processes.SINGLES, texts) / megabyte, "MB", 400
        ),
        Measurement(
            f"peak memory, one batch of {size}", processes.peak_bytes(processes.BATCH, texts) / megabyte, "MB", 400
        ),
    ]


def measure(*, rounds: int = 200, runs: int = 7, batch: int = BATCH_SIZE) -> list[Measurement]:
    """Everything; processes first, while this one is small.

    Args:
        rounds: texts per length. runs: of each fresh process. batch: texts in the batch.
    """
    found = measure_processes(runs, batch)
    with TemporaryDirectory() as folder:
        found += measure_latency(rounds, Path(folder))
    return found + measure_throughput(batch)


def show(measurements: Sequence[Measurement]) -> None:
    """A table with the target beside each number."""
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "measured", "unit", "target", "")
    for item in measurements:
        target = "" if item.target is None else f"<= {item.target:g}"
        verdict = {None: "", True: "met", False: "MISSED"}[item.ok]
        table.add_row(
            item.name, f"{item.value:.3g}" if item.value < 1000 else f"{item.value:.0f}", item.unit, target, verdict
        )
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it runs, not for numbers")
    options = parser.parse_args(arguments)
    found = measure(rounds=3, runs=1, batch=20) if options.quick else measure()
    if options.json:
        sys.stdout.write(json.dumps([{**asdict(item), "ok": item.ok} for item in found], indent=1) + "\n")
    else:
        show(found)


if __name__ == "__main__":
    main()
