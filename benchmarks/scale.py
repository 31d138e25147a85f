"""``python -m benchmarks.scale main``: what partitioned Parquet costs per row, and from that the sizing of a large log.

Each measurement is a process of its own. A rate is rows per second of *processor time*, so that neighbours on a shared
machine do not count; starting (imports, opening the bundle, a Ray cluster) is told apart by the slope between sizes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from router_ml import RouteRequest
from router_ml.offline import engine as engines
from router_ml.offline.engine.columns import lists
from router_ml.offline.engine.schemas import LANES

ROOT = Path(__file__).parents[1]
PARTITION = 25_000  # rows
SIZES = {
    "embed": (100, 200, 400),
    "score": (5_000, 10_000, 20_000, 40_000),
    "ope": (50_000, 200_000, 800_000),
    "ope_by_person": (50_000, 200_000, 800_000),
    "simulate": (30_000, 60_000, 120_000),  # above the calm run before it, which plays 20,000
}
QUICK = {
    "embed": (10, 20),
    "score": (200, 400),
    "ope": (500, 1000),
    "ope_by_person": (500, 1000),
    "simulate": (200, 400),
}
ENGINES = ("pyarrow", "ray")
TICKS = 100  # per second, of /proc

app = typer.Typer(add_completion=False)


def requests(folder: Path, rows: int) -> None:
    """Requests of the held-out corpus, again and again."""
    import pyarrow as arrow

    corpus = (ROOT / "data" / "corpus" / "heldout.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [RouteRequest(text=json.loads(line)["text"]).model_dump_json() for line in corpus]

    def table(start: int, count: int) -> Any:
        return arrow.table({"request": [texts[number % len(texts)] for number in range(start, start + count)]})

    _write(folder, rows, table)


def features(folder: Path, rows: int) -> None:
    """Features of such requests, each a little moved, so that they do not compress."""
    import pyarrow as arrow
    from pyarrow import parquet

    with tempfile.TemporaryDirectory() as scratch:
        requests(Path(scratch) / "in", 100)
        engines.embed(Path(scratch) / "in", Path(scratch) / "out")
        base = parquet.read_table(Path(scratch) / "out")
    embedding, known = (np.stack(base[name].to_numpy()).astype(np.float32) for name in ("embedding", "features"))

    def table(start: int, count: int) -> Any:
        rng = np.random.default_rng(start)
        rows = (start + np.arange(count)) % len(embedding)
        moved = embedding[rows] + rng.normal(0, 0.01, (count, embedding.shape[1])).astype(np.float32)
        moved /= np.linalg.norm(moved, axis=1, keepdims=True)
        columns = {"embedding": lists(moved), "features": lists(known[rows])}
        return arrow.table(columns).replace_schema_metadata(base.schema.metadata)

    _write(folder, rows, table)


def log(folder: Path, rows: int) -> None:
    """A scored log of eight lanes, 30% of it rated, of a user for every ten decisions."""
    import pyarrow as arrow

    from benchmarks.ope import make_log

    lanes = 8

    def table(start: int, count: int) -> Any:
        target, _, feedback = make_log(count, lanes, seed=start)
        model = np.random.default_rng(start).random((count, lanes))
        users = np.random.default_rng(start + 1).integers(rows // 10, size=count)
        columns = {
            "action": feedback.action,
            "quality": arrow.array(feedback.reward, from_pandas=True),
            "rated_probability": feedback.rated_probability,
            "propensities": lists(np.asarray(feedback.logging)),
            "target": lists(target),
            "estimated_quality": lists(model),
            "person": arrow.array([f"u{user}" for user in users]),
        }
        return arrow.table(columns).replace_schema_metadata({LANES: json.dumps([f"lane {n}" for n in range(lanes)])})

    _write(folder, rows, table)


def nothing(folder: Path, rows: int) -> None:
    """A simulation makes its own traffic."""
    folder.mkdir(parents=True)


MAKE = {"simulate": nothing, "embed": requests, "score": features, "ope": log, "ope_by_person": log}


@app.command()
def one(function: str, engine: str, rows: int, folder: Path) -> None:
    """One measurement: seconds, processor seconds and peak memory of a worker, as JSON."""
    out = Path(tempfile.mkdtemp(dir=folder.parent))
    how: Any = {"engine": engine, "workers": 1}
    start = time.perf_counter()
    with _watched(engine) as seen:
        if function.startswith("ope"):
            cluster = "person" if function == "ope_by_person" else None
            engines.ope(folder, out, reward_model="estimated_quality", cluster=cluster, **how)
        elif function == "simulate":
            engines.simulate(out, scenario=_sized(rows), deal=engines.Deal(seeds=1), **how)
        else:
            getattr(engines, function)(folder, out, **how)
    size = sum(path.stat().st_size for path in out.rglob("*.parquet"))
    found = {"seconds": time.perf_counter() - start, "bytes_out": size, **seen()}
    sys.stdout.write(json.dumps(found) + "\n")


@app.command()
def main(
    function: Annotated[
        list[str] | None, typer.Option(help="embed, score, ope, ope_by_person, simulate; default all.")
    ] = None,
    engine: Annotated[list[str] | None, typer.Option(help="pyarrow, ray; default both.")] = None,
    size: Annotated[
        list[int] | None, typer.Option(min=1, help="Rows, two or more of them; default by function.")
    ] = None,
    quick: Annotated[bool, typer.Option(help="Tiny sizes, to see that it runs.")] = False,
    decisions: Annotated[int, typer.Option(help="Of the log to size.")] = 10**8,
    cores: Annotated[int, typer.Option(help="That it may use.")] = 64,
    usd: Annotated[float, typer.Option(help="Assumed price of a core-hour.")] = 0.05,
) -> None:
    """Measure every function with every engine at several sizes, and size a log from the slopes."""
    report: dict[str, Any] = {"measured": [], "sizing": []}
    for name in function or list(MAKE):
        sizes = size or (QUICK if quick else SIZES)[name]
        for kind in engine or ENGINES:
            found = [_measured(name, kind, rows) for rows in sizes]
            report["measured"] += found
            report["sizing"].append(sized(found, decisions=decisions, cores=cores, usd=usd))
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


def sized(found: list[dict[str, Any]], *, decisions: int, cores: int, usd: float) -> dict[str, Any]:
    """From measurements of one function at several sizes to a log: the slope by least squares."""
    rows, spent = (np.array([each[key] for each in found], float) for key in ("rows", "cpu_s"))
    slope, start = np.polyfit(rows, spent, 1)
    off = float(np.abs(start + slope * rows - spent).max() / spent.max())
    hours = slope * decisions / 3600
    return {
        "function": found[0]["function"],
        "engine": found[0]["engine"],
        "rows_per_core_second": round(1 / slope, 1),
        "start_s": round(float(start), 1),
        "off_line": round(off, 3),
        "core_hours": round(hours, 2),
        f"hours_on_{cores}_cores": round(hours / cores, 3),
        "usd": round(hours * usd, 2),
        "gb_in": round(found[-1]["bytes_in"] / found[-1]["rows"] * decisions / 1e9, 1),
        "gb_out": round(found[-1]["bytes_out"] / found[-1]["rows"] * decisions / 1e9, 2),
        "peak_mb": max(each["peak_mb"] for each in found),
    }


def _sized(rows: int) -> Any:
    from router_ml.offline.simulate import sized
    from router_ml.offline.simulation.scenarios.loading import load_scenario

    return sized(load_scenario("quiet_week"), count=rows)


def _measured(function: str, engine: str, rows: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in"
        MAKE[function](source, rows)
        command = [sys.executable, "-m", "benchmarks.scale", "one", function, engine, str(rows), str(source)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        size = sum(path.stat().st_size for path in source.rglob("*.parquet"))
    measured = {"function": function, "engine": engine, "rows": rows, "bytes_in": size}
    measured |= json.loads(done.stdout.splitlines()[-1])
    sys.stderr.write(json.dumps(measured) + "\n")
    return measured


@contextmanager
def _watched(engine: str) -> Iterator[Callable[[], dict[str, float]]]:
    """Processor seconds and peak memory of the worker: this process, or Ray's actor."""
    if engine == "pyarrow":
        before = time.process_time()
        yield lambda: {
            "cpu_s": time.process_time() - before,
            "peak_mb": _peak_mb(Path("/proc/self")),  # that of getrusage has the parent's in it
        }
        return
    seen, over = {"cpu_s": 0.0, "peak_mb": 0}, threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            for pid in Path("/proc").glob("[0-9]*"):
                _look(pid, seen)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield lambda: dict(seen)
    finally:
        over.set()
        watcher.join()


def _look(pid: Path, seen: dict[str, float]) -> None:
    try:
        if "ray::MapWorker" not in (pid / "cmdline").read_text():
            return
        values = (pid / "stat").read_text().rpartition(")")[2].split()
        peak = _peak_mb(pid)
    except OSError:  # it has ended
        return
    seen["cpu_s"] = max(seen["cpu_s"], (int(values[11]) + int(values[12])) / TICKS)
    seen["peak_mb"] = max(seen["peak_mb"], peak)


def _peak_mb(process: Path) -> int:
    lines = (process / "status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


def _write(folder: Path, rows: int, table: Callable[[int, int], Any]) -> None:
    from pyarrow import parquet

    folder.mkdir(parents=True)
    for start in range(0, rows, PARTITION):
        part = table(start, min(PARTITION, rows - start))
        parquet.write_table(part, folder / f"{start:09}.parquet", compression="zstd")


if __name__ == "__main__":
    app()
