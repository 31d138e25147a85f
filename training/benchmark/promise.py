"""``python -m training.benchmark promise``: how often a promised floor is missed, and what the promise costs.

A lambda is chosen on calibration prompts, by the naive threshold (the largest whose calibration mean reaches the floor)
and by learn-then-test as retraining does. The population is the whole pool of prompts, each decided by models that had
not seen it or its near-duplicates; calibration sets are drawn from it by group, with replacement, so that the true mean
of every policy is known: the mean over the pool. *Missed* is a chosen lambda whose true mean is below the floor. Where
no lambda passes, nothing is promised, and lambda 0 stands in when shares and costs are averaged.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from router_ml.config import TrafficClass
from router_ml.offline.certify import Gains
from router_ml.offline.estimating.capital import race
from training.benchmark.promise_pool import DELTA, Pool, predict, promised, survey
from training.benchmark.promise_tests import growth_bets, hoeffding_bentkus
from training.benchmark.routing import load
from training.outcomes import DEFAULT, ROOT, Pack

Floats = NDArray[np.float64]

MARGINS = (0.01, 0.02, 0.05)  # of the floor below the best lane's mean; for a loss, the loss
RESAMPLINGS = 1000
OTHERS = 200  # resamplings for the other tests
BLOCK = 12  # lambdas tested at once


@dataclass(frozen=True)
class Row:
    """One way to choose lambda for one promise, over resamplings: share missed, share where a lambda was certified, and
    the means of the true quality, cost (USD) and cheap share (requests not on the best lane)."""

    promise: str
    margin: float
    method: str
    resamplings: int
    missed: float
    chosen: float
    quality: float
    cost_usd: float
    cheap_share: float


def study(
    pool: Pool, of: TrafficClass, *, margin: float, share: float, resamplings: int, seed: int = 0
) -> Iterator[Row]:
    """Naive and certified choices, and those by other tests, on calibration sets of ``share`` of the groups' number."""
    groups = len(pool.sums)
    drawn = np.random.default_rng(seed).integers(0, groups, (resamplings, max(round(share * groups), 2)))
    naive: NDArray[np.bool_] = np.min(_sums(pool.sums, drawn), axis=2) >= 0
    last = naive.shape[1] - 1 - naive[:, ::-1].argmax(axis=1)
    yield _row("naive threshold", pool, of, margin, np.where(naive.max(axis=1), last, -1))
    gains, count = pool.gains, drawn.shape[1]
    delta, few = of.promise.delta, drawn[: min(OTHERS, resamplings)]

    def ours(draws: Iterator[Floats]) -> NDArray[np.bool_]:
        return race(draws, count, worst=gains.worst, delta=delta, variance=gains.variance)

    def growth(draws: Iterator[Floats]) -> NDArray[np.bool_]:
        return growth_bets(draws, count, worst=gains.worst, delta=delta, variance=gains.variance)

    def bentkus(draws: Iterator[Floats]) -> NDArray[np.bool_]:
        return hoeffding_bentkus(draws, count, worst=gains.worst, best=_best(gains, of), delta=delta)

    for name, rows, test in (("ours", drawn, ours), ("growth bets", few, growth), ("Hoeffding-Bentkus", few, bentkus)):
        yield _row(name, pool, of, margin, _in_sequence(gains.values, rows, test))


def _in_sequence(
    values: Floats, drawn: NDArray[np.intp], test: Callable[[Iterator[Floats]], NDArray[np.bool_]]
) -> NDArray[np.intp]:
    """Index of the last lambda before the first that fails, (r,), -1 for none; blocks of lambdas, as long as needed."""
    passed, alive = np.zeros(len(drawn), dtype=np.intp), np.arange(len(drawn))
    for start in range(0, values.shape[1], BLOCK):
        block, rows = np.ascontiguousarray(values[:, start : start + BLOCK]), drawn[alive]
        kept: NDArray[np.bool_] = np.min(test(block[rows[:, place]] for place in range(rows.shape[1])), axis=2)
        passed[alive] += np.logical_and.accumulate(kept, axis=1).sum(axis=1)
        alive = alive[kept.all(axis=1)]
        if not len(alive):
            break
    return passed - 1


def _sums(sums: Floats, drawn: NDArray[np.intp]) -> Floats:
    """Sums over each calibration set, (r, s, k)."""
    counts = np.stack([np.bincount(rows, minlength=len(sums)) for rows in drawn])
    result: Floats = np.tensordot(counts, sums, axes=1)
    return result


def _best(gains: Gains, of: TrafficClass) -> float:
    """No gain is above this."""
    room = 1 + of.promise.max_loss if of.promise.kind == "loss" else 1 - of.floor
    copies = gains.worst / (1 - of.promise.max_loss if of.promise.kind == "loss" else of.floor)
    return room * copies


def _row(method: str, pool: Pool, of: TrafficClass, margin: float, chosen: NDArray[np.intp]) -> Row:
    """``chosen``: index of the lambda of each resampling, -1 for none."""
    at = np.maximum(chosen, 0)
    kind = of.promise.kind
    return Row(
        promise=f"loss <= {margin:g}" if kind == "loss" else f"mean >= {of.floor:.3f}",
        margin=margin,
        method=method,
        resamplings=len(chosen),
        missed=float(((chosen >= 0) & ~pool.kept[at]).mean()),
        chosen=float((chosen >= 0).mean()),
        quality=float(pool.quality[at].mean()),
        cost_usd=float(pool.cost_usd[at].mean()),
        cheap_share=float(pool.cheap_share[at].mean()),
    )


def benchmark(
    pack: Pack,
    *,
    kind: str = "mean",
    share: float = 1.0,
    resamplings: int = RESAMPLINGS,
    step: Callable[[str], None] = lambda name: None,
) -> list[Row]:
    """All rows for the floors of ``MARGINS``."""
    step("predictions of models that saw none of the prompts")
    believed, rows = predict(pack), list[Row]()
    for margin in MARGINS:
        step(f"{margin:g} below the best lane")
        of = promised(pack, kind, margin)
        rows += study(survey(pack, believed, of), of, margin=margin, share=share, resamplings=resamplings)
    return rows


def as_table(rows: list[Row], title: str) -> Table:
    """The rows for a terminal."""
    table = Table(
        "promise", "lambda by", "missed %", "chosen %", "quality", "$ per 1,000", "cheap share %", title=title
    )
    for row in rows:
        error = 100 * (row.missed * (1 - row.missed) / row.resamplings) ** 0.5
        cells = (f"{100 * row.missed:.1f} ± {error:.1f}", f"{100 * row.chosen:.0f}", f"{row.quality:.3f}")
        last = (f"{1000 * row.cost_usd:.3f}", f"{100 * row.cheap_share:.1f}")
        table.add_row(row.promise, row.method, *cells, *last, style="bold" if row.method == "ours" else "")
    return table


def main(
    data: Annotated[Path, typer.Option(help="Outcome matrix (.parquet) or pack (path without ending).")] = DEFAULT,
    kind: Annotated[str, typer.Option(help="Of the promise: mean (a floor) or loss (against the best lane).")] = "mean",
    share: Annotated[float, typer.Option(help="Groups in a calibration set, as a share of all.")] = 1.0,
    resamplings: Annotated[int, typer.Option(min=2, help="Calibration sets.")] = RESAMPLINGS,
    bundle: Annotated[Path, typer.Option(help="Encoder and classifier for .parquet.")] = ROOT / "models" / "default",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")] = False,
) -> None:
    """Resample calibration sets: how often is a promised floor missed, and at what cheap share?"""
    pack = load(data, bundle)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("fitting", total=1 + len(MARGINS))
        rows = benchmark(
            pack,
            kind=kind,
            share=share,
            resamplings=resamplings,
            step=lambda name: progress.update(task, advance=1, description=name),
        )
    if as_json:
        report = {"data": data.name, "delta": DELTA, "share": share, "rows": [asdict(row) for row in rows]}
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
        return
    console = Console(width=None if sys.stdout.isatty() else 132)
    console.print(as_table(rows, f"{data.name}: {len(pack.group)} prompts, delta {DELTA:g}"))
