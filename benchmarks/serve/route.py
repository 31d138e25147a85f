"""What ``/v1/route`` costs beside ``predict_route``, and what one worker can do: ``python -m benchmarks.serve route``.

Same prompts of about 60 tokens, the bundle that ships, all guardrails. The worker is uvicorn (uvloop, httptools) in a
process of its own, and so is the client that asks much at a time. What is compared is measured in turns, in one run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.serve.hammer import Connection, prepared
from benchmarks.serving import Measurement, corpus_texts, near, show

ROOT = Path(__file__).parents[2]
TOKENS = 60
MORE_MS = 2.0
LEAST_PER_SECOND = 80.0
CONCURRENCY = (1, 4, 16, 64)
_PATIENCE_S = 60.0
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Worker:
    """One that answers."""

    port: int
    pid: int

    @property
    def processor_ms(self) -> float:
        """What it has taken of the processor so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def worker(**settings: object) -> Iterator[Worker]:
    """A worker with these settings, once it answers."""
    own = {f"ROUTER_ML_SERVE_{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "uvicorn", "--factory", "router_ml.serve.app:from_environment", "--port", "0"]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    environment = {**os.environ, **_ONE_THREAD, **own}
    with (
        TemporaryDirectory() as folder,
        (Path(folder) / "log").open("wb+") as said,
        subprocess.Popen(command, cwd=ROOT, env=environment, stderr=said) as running,
    ):
        try:
            yield Worker(_port(running, Path(folder) / "log"), running.pid)
        finally:
            running.terminate()
            running.wait(_PATIENCE_S)


def _port(running: subprocess.Popen[bytes], log: Path) -> int:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until and running.poll() is None:
        said = log.read_text(errors="replace")
        if "running on http" in said:
            return int(said.partition("running on http")[2].partition(" (")[0].rpartition(":")[2])
        time.sleep(0.05)
    raise RuntimeError(f"The worker did not start: {log.read_text(errors='replace')[-2000:]}")


def texts_of(tokens: int, *, size: int) -> list[str]:
    """Prompts of about so many tokens."""
    from router_ml.storage.bundle import Bundle
    from router_ml.storage.loading import shipped_bundle

    return near(corpus_texts(), Bundle.load(shipped_bundle()).encoder.count_tokens, tokens, size=size)


def measure_latency(rounds: int) -> list[Measurement]:
    """p50 and p95 of both, text by text in turns, and of the differences."""
    from router_ml import Router

    router, texts = Router.load(), texts_of(TOKENS, size=rounds)
    here, there, taken, served_ms = [], [], [], 0.0
    with worker() as served_by:
        connection = Connection(served_by.port)
        for turn, text in enumerate(texts[:20] + texts):
            request = prepared(json.dumps({"text": text}).encode())
            if turn == 20:
                served_ms = served_by.processor_ms
            for which in (turn % 2, 1 - turn % 2):
                began, began_cpu = time.perf_counter(), time.thread_time()
                if which:
                    status, _ = connection.call(request)
                    assert status == 200, status
                else:
                    router.predict_route(text)
                    taken.append(1000 * (time.thread_time() - began_cpu))
                (there if which else here).append(1000 * (time.perf_counter() - began))
        connection.close()
        of_worker = (served_by.processor_ms - served_ms) / rounds
    direct, served = np.array(here[20:]), np.array(there[20:])
    found = [
        Measurement(f"{name}, p{at}", float(np.percentile(times, at)), "ms")
        for name, times in (("predict_route", direct), ("/v1/route", served))
        for at in (50, 95)
    ]
    added = float(np.percentile(served, 50) - np.percentile(direct, 50))
    found.append(Measurement("/v1/route less predict_route, p50", added, "ms", MORE_MS))
    more = of_worker - float(np.mean(taken[20:]))
    return [*found, Measurement("/v1/route less predict_route, processor", more, "ms")]


def measure_throughput(ways: Mapping[str, Mapping[str, object]], *, rounds: int, seconds: float) -> list[Measurement]:
    """Requests per second of each way of deciding at each concurrency: median and range of rounds in turns."""
    bodies = "\n".join(json.dumps({"text": text}) for text in texts_of(TOKENS, size=200)).encode()
    seen: dict[tuple[str, int], list[dict[str, float]]] = {}
    for turn in range(rounds):
        names = list(ways)
        for step in range(len(names)):
            name = names[(turn + step) % len(names)]
            with worker(**ways[name]) as one:
                _hammer(one, bodies, concurrency=4, seconds=1.0)
                for at in CONCURRENCY:
                    seen.setdefault((name, at), []).append(_hammer(one, bodies, concurrency=at, seconds=seconds))
    return [one for key, found in sorted(seen.items()) for one in _rates(*key, found)]


def _rates(name: str, at: int, found: Sequence[Mapping[str, float]]) -> Iterator[Measurement]:
    rates, times = [one["per_second"] for one in found], [one["p50_ms"] for one in found]
    taken = [one["processor_ms"] for one in found]
    yield Measurement(f"{name}, {at} at a time", float(np.median(rates)), "/s")
    yield Measurement(f"{name}, {at} at a time, least", min(rates), "/s")
    yield Measurement(f"{name}, {at} at a time, most", max(rates), "/s")
    yield Measurement(f"{name}, {at} at a time, p50", float(np.median(times)), "ms")
    yield Measurement(f"{name}, {at} at a time, processor of each", float(np.median(taken)), "ms")


def _hammer(worker: Worker, bodies: bytes, *, concurrency: int, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.serve.hammer", str(worker.port), "--concurrency", str(concurrency)]
    command += ["--seconds", str(seconds)]
    before = worker.processor_ms
    done = subprocess.run(command, cwd=ROOT, input=bodies, stdout=subprocess.PIPE, check=True, timeout=600)
    found = json.loads(done.stdout)
    if set(found["statuses"]) != {"200"}:
        raise RuntimeError(f"Not all were answered: {found['statuses']}.")
    return {**found, "processor_ms": (worker.processor_ms - before) / found["all"]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--prompts", type=int, default=300, help="of the comparison with predict_route")
    parser.add_argument("--only", choices=("latency", "throughput"))
    parser.add_argument("--json", action="store_true", help="print JSON only")
    options = parser.parse_args(arguments)
    found: list[Measurement] = []
    if options.only != "throughput":
        found += measure_latency(options.prompts)
    if options.only != "latency":
        ways = {"one by one": {"decide_together": 1}, "together": {}}
        found += measure_throughput(ways, rounds=options.rounds, seconds=options.seconds)
    if options.json:
        sys.stdout.write(json.dumps([{**asdict(item), "ok": item.ok} for item in found], indent=1) + "\n")
    else:
        show(found)
        sys.stdout.write(f"Load of the machine: {' '.join(f'{one:.1f}' for one in os.getloadavg())}\n")
    return int(any(one.ok is False for one in found))


if __name__ == "__main__":
    sys.exit(main())
