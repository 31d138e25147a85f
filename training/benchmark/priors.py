"""``python -m training.benchmark priors``: do priors hold the quality that was planted, and what do they gain?

Worlds of known quality by lane and cell; answers are drawn, and go through all that ``training.evals priors`` does with
them. *Held* is the share of lanes x cells whose 95% interval holds the planted quality, with two standard errors over
lanes (cells of a lane are estimated together). Beside it: ``counts``, each cell's Beta from the configured prior and
its own answers as they are; ``alone``, the same without a prior (Jeffreys 1946); ``pooled``, one quality per lane. With
``--data``, real outcome matrices: priors from half of the groups of near-duplicates against the means of the others.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from scipy.stats import beta

from router_ml.config import RouterConfig, load_config
from training.benchmark.priors_real import Held, held_out
from training.benchmark.priors_worlds import JUDGE, NOW, Planted, World, plant, worlds
from training.evals.priors.answers import Answers
from training.evals.priors.counting import Discounts
from training.evals.priors.estimating import estimate_priors
from training.evals.priors.shrinking import LEVEL
from training.outcomes import ROOT

Floats = NDArray[np.float64]
LANES = 4
CELLS = 5
DRAWS = 60
EDGES = (0, 1, 3, 10, 30, 100)
METHODS = ("ours", "counts", "alone", "pooled")


@dataclass(frozen=True)
class Interval:
    """Mean and ends, (i, k, L) each."""

    mean: Floats
    low: Floats
    high: Floats

    def holds(self, truth: Floats) -> NDArray[np.bool_]:
        """Whether the interval holds the truth."""
        return (self.low <= truth) & (truth <= self.high)


@dataclass(frozen=True)
class Row:
    """One method in one world: share of cells held with two standard errors, mean width, root mean squared error;
    ``by_answers``: the share held by the fewest answers of a cell."""

    world: str
    method: str
    cells: int
    held: float
    error: float
    width: float
    rmse: float
    by_answers: dict[int, float]


def _beta(successes: Floats, counts: Floats, prior: Floats, strength: float) -> Interval:
    a, b = successes + strength * prior, counts - successes + strength * (1 - prior)
    tail = (1 - LEVEL) / 2
    return Interval(a / (a + b), beta.ppf(tail, a, b), beta.ppf(1 - tail, a, b))


def _intervals(found: Planted, config: RouterConfig, world: World) -> dict[str, Interval]:
    lanes = list(config.lanes.values())[: found.quality.shape[2]]
    intents, domains = _labels(config)
    judges = {} if world.judge is None else {"judge": JUDGE}
    made = estimate_priors(
        Answers(found.answers), config, intents=intents, domains=domains, discounts=Discounts(now=NOW, judges=judges)
    ).priors
    prior = np.broadcast_to(np.array([lane.prior.quality for lane in lanes]), found.quality.shape)
    whole = (0, 1)
    passed = np.broadcast_to(found.passed.sum(axis=whole), found.quality.shape)
    counts = np.broadcast_to(found.counts.sum(axis=whole), found.quality.shape)
    return {
        "ours": Interval(made.quality, made.low, made.high),
        "counts": _beta(found.passed, found.counts, prior, lanes[0].prior.strength),
        "alone": _beta(found.passed, found.counts, np.full_like(prior, 0.5), 1.0),
        "pooled": _beta(passed, counts, prior, lanes[0].prior.strength),
    }


def _labels(config: RouterConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(config.taxonomy.intents[:CELLS]), tuple(config.taxonomy.domains[:CELLS])


def measure(world: World, config: RouterConfig, *, draws: int, seed: int) -> list[Row]:
    """Each method in a world, over ``draws`` of it."""
    intents, domains = _labels(config)
    lanes = dict(list(config.lanes.items())[:LANES])
    held: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in METHODS}
    width: dict[str, list[float]] = {name: [] for name in METHODS}
    square: dict[str, list[float]] = {name: [] for name in METHODS}
    sizes = []
    for draw in range(draws):
        rng = np.random.default_rng([seed, draw, *world.name.encode()])
        found = plant(world, lanes, intents=intents, domains=domains, rng=rng)
        sizes.append(found.counts)
        for name, one in _intervals(found, config, world).items():
            held[name].append(one.holds(found.quality))
            width[name].append(float((one.high - one.low).mean()))
            square[name].append(float(np.square(one.mean - found.quality).mean()))
    counts = np.stack(sizes)
    rows = []
    for name in METHODS:
        hits = np.stack(held[name])
        by_lane = hits.mean(axis=(1, 2)).ravel()
        rows.append(
            Row(
                world=world.name,
                method=name,
                cells=hits.size,
                held=float(hits.mean()),
                error=float(2 * by_lane.std(ddof=1) / np.sqrt(len(by_lane))),
                width=float(np.mean(width[name])),
                rmse=float(np.sqrt(np.mean(square[name]))),
                by_answers=_by(counts, hits),
            )
        )
    return rows


def _by(counts: Floats, hits: NDArray[np.bool_]) -> dict[int, float]:
    ends = (*EDGES[1:], np.inf)
    parts = {low: (counts >= low) & (counts < high) for low, high in zip(EDGES, ends, strict=True)}
    return {low: float(hits[some].mean()) for low, some in parts.items() if some.any()}


def benchmark(
    config: RouterConfig, *, draws: int = DRAWS, seed: int = 0, step: Callable[[str], None] = lambda name: None
) -> list[Row]:
    """All worlds."""
    rows = []
    for world in worlds((CELLS, CELLS)):
        step(world.name)
        rows += measure(world, config, draws=draws, seed=seed)
    return rows


def as_table(rows: list[Row]) -> Table:
    """The rows for a terminal."""
    title = f"95% intervals of planted quality: {rows[0].cells:,} lanes x cells a world"
    table = Table("world", "method", "held %", "width", "rmse", *(f"n>={low}" for low in EDGES), title=title)
    for row in rows:
        by = (f"{100 * row.by_answers[low]:.0f}" if low in row.by_answers else "" for low in EDGES)
        cells = (f"{100 * row.held:.1f} ± {100 * row.error:.1f}", f"{row.width:.3f}", f"{row.rmse:.4f}")
        table.add_row(row.world, row.method, *cells, *by, style="bold" if row.method == "ours" else "")
    return table


def real_table(rows: list[Held]) -> Table:
    """Held-out halves of real matrices."""
    table = Table("data", "method", "cells", "held %", "rmse", title="Means of held-out halves within 95% predictions")
    for row in rows:
        held = f"{100 * row.held:.1f} ± {100 * row.error:.1f}"
        style = "bold" if row.method == "ours" else ""
        table.add_row(row.data, row.method, f"{row.cells}", held, f"{row.rmse:.4f}", style=style)
    return table


def main(
    data: Annotated[list[Path] | None, typer.Option(help="Outcome matrix (.parquet) or pack; repeatable.")] = None,
    draws: Annotated[int, typer.Option(min=2, help="Draws of each world.")] = DRAWS,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    bundle: Annotated[Path, typer.Option(help="Encoder and classifier for .parquet.")] = ROOT / "models" / "default",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")] = False,
) -> None:
    """Plant qualities and see whether priors hold them; with --data, held-out halves of real outcomes."""
    config = load_config(bundle / "router.yaml")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(worlds((CELLS, CELLS))) + len(data or ()))
        step: Callable[[str], None] = lambda name: progress.update(task, advance=1, description=name)  # noqa: E731
        rows = benchmark(config, draws=draws, seed=seed, step=step)
        real = [one for path in data or () for one in held_out(path, bundle, seed=seed, step=step)]
    ours = [row for row in rows if row.method == "ours"]
    overall = sum(row.held * row.cells for row in ours) / sum(row.cells for row in ours)
    if as_json:
        report = {"held": overall, "rows": [asdict(row) for row in rows], "real": [asdict(row) for row in real]}
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
        return
    console = Console(width=None if sys.stdout.isatty() else 132)
    console.print(as_table(rows))
    console.print(f"ours holds {100 * overall:.1f}% of all planted cells")
    if real:
        console.print(real_table(real))
