"""``python -m training.benchmark log-sizes``: what single outcomes add to prompts that were run on every lane.

The training part of a pack (seeded splits by group) is taken as evaluated prompts and a log that knows one lane of
each request, drawn evenly; the share of evaluated prompts varies. Three fits meet on the held-out part: ``evaluated``
leaves the log out, ``completed`` and ``joint`` are the two ways of ``training.predicting.kernel`` to learn from both.
Then the log alone, by its size. Numbers are mean squared errors of quality, in thousandths, and the gap closed at mean
costs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from router_ml.offline import curves
from training.allocation import Outcomes
from training.outcomes import DEFAULT, Pack, load_pack
from training.predicting import kernel

Floats = NDArray[np.float64]
Fit = Callable[[Outcomes, int], tuple[kernel.Space, kernel.Fitted]]
SPLITS, TRAIN_SHARE = 3, 0.6
SHARES = (0.92, 0.6, 0.3)
SIZES = (200, 500, 1000, 2000, 4000)


def joint(outcomes: Outcomes, seed: int) -> tuple[kernel.Space, kernel.Fitted]:
    """A common function and one of each lane's own, whatever the share of complete prompts."""
    space = kernel.survey(outcomes.contexts, sparse=True, seed=seed)
    return space, kernel.regress(space, outcomes.quality, sparse=True, seed=seed)


def completed(outcomes: Outcomes, seed: int) -> tuple[kernel.Space, kernel.Fitted]:
    """Incomplete prompts completed first, whatever the share of complete prompts."""
    space = kernel.survey(outcomes.contexts, seed=seed)
    return space, kernel.regress(space, outcomes.quality, sparse=False)


def evaluated(outcomes: Outcomes, seed: int) -> tuple[kernel.Space, kernel.Fitted]:
    """The evaluated prompts alone."""
    return completed(outcomes.take(np.flatnonzero(np.isfinite(outcomes.quality).all(axis=1))), seed)


FITS: dict[str, Fit] = {"evaluated": evaluated, "completed": completed, "joint": joint}


def single(train: Pack, evaluated_rows: NDArray[np.intp], seed: int) -> Outcomes:
    """One lane of each prompt, drawn evenly, and every lane of the evaluated ones."""
    rows, lanes = train.quality.shape
    drawn = np.random.default_rng([seed, *b"one lane"]).integers(0, lanes, rows)
    seen = np.eye(lanes, dtype=bool)[drawn]
    seen[evaluated_rows] = True
    quality = np.where(seen, train.quality, np.nan)
    return Outcomes(train.contexts, quality, np.where(seen, train.cost_usd, np.nan), np.ones_like(quality))


def scored(fit: Fit, outcomes: Outcomes, test: Pack, seed: int) -> tuple[float, float]:
    """Mean squared error on the test part, and gap closed in percent."""
    space, found = fit(outcomes, seed)
    quality = np.clip(space.similarity.near(test.contexts) @ found.weights + found.offset, 0, 1).astype(np.float64)
    cost = np.repeat(test.cost_usd.mean(axis=0)[None], len(quality), axis=0)
    policies = {"fit": curves.sweep(quality, cost).astype(np.uint8)}
    gap = curves.evaluate(test.quality, test.cost_usd, policies).routers["fit"].gap_closed
    return 1000 * float(np.square(quality - test.quality).mean()), gap


def runs(pack: Pack, splits: int) -> Iterator[tuple[str, str, float, float]]:
    """Setting, fit, error and gap closed, one for each split."""
    for seed in range(splits):
        train, test = pack.split(TRAIN_SHARE, seed=seed)
        order = np.random.default_rng([seed, *b"evaluated"]).permutation(len(train.group))
        for share in SHARES:
            outcomes = single(train, order[: round(share * len(order))], seed)
            for name, fit in FITS.items():
                yield f"{share:.0%} evaluated", name, *scored(fit, outcomes, test, seed)
        for size in (size for size in SIZES if size <= len(order)):
            part = train.take(order[:size])
            yield f"log alone, {size}", "joint", *scored(joint, single(part, order[:0], seed), test, seed)


def main(
    data: Annotated[Path, typer.Option(help="Outcome pack, path without ending.")] = DEFAULT,
    splits: Annotated[int, typer.Option(help="Splits by group.")] = SPLITS,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")] = False,
) -> None:
    """Compare ways to learn from evaluated prompts and a log together."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for setting, name, error, gap in runs(load_pack(data), splits):
        found.setdefault((setting, name), []).append((error, gap))
    rows = [
        (setting, name, *np.mean(each, axis=0).round(2).tolist(), *np.std(each, axis=0, ddof=1).round(2).tolist())
        for (setting, name), each in found.items()
    ]
    if as_json:
        keys = ("setting", "fit", "error", "gap_closed", "error_sd", "gap_closed_sd")
        sys.stdout.write(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=1) + "\n")
        return
    table = Table("learns from", "fit", "squared error, 1/1000", "gap closed, %")
    for setting, name, error, gap, error_sd, gap_sd in rows:
        table.add_row(setting, name, f"{error:.2f} ± {error_sd:.2f}", f"{gap:.1f} ± {gap_sd:.1f}")
    Console(width=None if sys.stdout.isatty() else 120).print(table)
