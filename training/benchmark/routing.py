"""``python -m training.benchmark routing``: how much of the gap between fixed lanes and the oracle each router closes.

Five seeded 60/40 splits by group, so that near-duplicates never sit on both sides; or, with ``--train`` and ``--test``,
one fit and 20 bootstraps of the test part by group. Differences below two points are noise on a few hundred prompts;
rows of ours say by how many points they differ from the best other row, with an interval.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from router_ml.errors import EncoderMismatchError, InvalidRequestError, OfflineDataError
from router_ml.understanding.classifier import Classifier
from router_ml.understanding.encoder import Encoder
from training.benchmark import paretobandit
from training.benchmark.contenders import Entry, entries
from training.benchmark.protocol import Contest, hold_contest, score
from training.benchmark.routing_report import as_table, log, plot
from training.benchmark.rows import Repeats, Row, pool
from training.outcomes import DEFAULT, ROOT, Pack, load_pack, read_matrix

SPLITS, BOOTSTRAPS = 5, 20
TRAIN_SHARE = 0.6
ROWS_PER_LANE = 25


def load(path: Path, bundle: Path) -> Pack:
    """An outcome matrix (``.parquet``), embedded by the bundle's encoder, or a pack (path without ending).

    Raises:
        OfflineDataError: there is no such file, or it holds too little or what cannot be scored.
    """
    if path.suffix == ".parquet":
        pack, _ = read_matrix(path, Encoder.load(bundle / "encoder"), Classifier.load(bundle))
    elif path.with_suffix(".json").is_file():
        pack = load_pack(path)
    else:
        raise OfflineDataError(f"There is no outcome pack {path}.json. Give a .parquet file, or a pack without ending.")
    count, lanes = pack.quality.shape
    if lanes < 2 or count < ROWS_PER_LANE * lanes:
        raise OfflineDataError(
            f"{path.name} has {count} prompts on {lanes} lanes; a benchmark needs two lanes and {ROWS_PER_LANE} "
            "prompts per lane at least."
        )
    in_range = np.isfinite(pack.quality).all() and pack.quality.min() >= 0 and pack.quality.max() <= 1
    if not in_range or not (np.isfinite(pack.cost_usd) & (pack.cost_usd > 0)).all():
        raise OfflineDataError(
            f"{path.name} must have quality in 0..1 and a cost above 0 everywhere. Drop other prompts."
        )
    return pack


def align(test: Pack, train: Pack) -> Pack:
    """``test`` with the lanes in the order of ``train``.

    Raises:
        OfflineDataError, EncoderMismatchError: other lanes, or embeddings of another encoder.
    """
    if set(test.lanes) != set(train.lanes):
        raise OfflineDataError(f"Test has lanes {', '.join(test.lanes)}, training has {', '.join(train.lanes)}.")
    if test.encoder != train.encoder:
        raise EncoderMismatchError("Train and test were embedded by different encoders. Build one of them again.")
    order = [test.lanes.index(lane) for lane in train.lanes]
    return replace(test, quality=test.quality[:, order], cost_usd=test.cost_usd[:, order], lanes=train.lanes)


def benchmark(
    pack: Pack,
    test: Pack | None = None,
    *,
    field: Sequence[Entry] | None = None,
    splits: int = SPLITS,
    step: Callable[[str], None] = lambda name: None,
) -> tuple[list[Row], Contest]:
    """All rows, and the first contest for a plot.

    Args:
        pack: split ``splits`` times; with ``test`` it is the training part of a single fit.
        test: bootstrapped ``BOOTSTRAPS`` times.
        field: who takes part, everybody by default.
        step: hears which router is fitted next.
    """
    field = entries() if field is None else field
    if test is None:
        contests = []
        for seed in range(splits):
            train, held_out = pack.split(TRAIN_SHARE, seed=seed)
            contests.append(hold_contest(train, held_out, field, seed=seed, step=step))
        repeats = Repeats(splits, (1 - TRAIN_SHARE) / TRAIN_SHARE)
        return pool([score(contest) for contest in contests], repeats), contests[0]
    contest = hold_contest(pack, align(test, pack), field, seed=0, step=step)
    scores = [score(contest.resample(seed)) for seed in range(BOOTSTRAPS)]
    return pool(scores, Repeats(BOOTSTRAPS, None)), contest


def main(
    data: Annotated[Path, typer.Option(help="Outcome matrix (.parquet) or pack (path without ending).")] = DEFAULT,
    train: Annotated[Path | None, typer.Option(help="Learn from this instead; needs --test.")] = None,
    test: Annotated[Path | None, typer.Option(help="Score on this instead; needs --train.")] = None,
    bundle: Annotated[Path, typer.Option(help="Encoder and classifier for .parquet.")] = ROOT / "models" / "default",
    rows: Annotated[list[str] | None, typer.Option(help="Only this row (may be given again).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")] = False,
    plot_to: Annotated[Path | None, typer.Option("--plot", help="Save a plot of the first split.")] = None,
    mlflow: Annotated[bool, typer.Option("--mlflow", help="Record a run in the tracking store.")] = False,
) -> None:
    """Compare routers on an outcome matrix: gap closed, committed points, spend against budget."""
    if (train is None) != (test is None):
        raise InvalidRequestError("--train and --test go together; with --data alone the file is split by group.")
    field = entries(rows or ())
    pack = load(train or data, bundle)
    other = load(test, bundle) if test else None
    source = f"{train.name} -> {test.name}" if train and test else data.name
    found, contest = _run(pack, other, field)
    repeats = BOOTSTRAPS if other else SPLITS
    report: dict[str, Any] = {"data": source, "splits": repeats, "rows": [row.as_json() for row in found]}
    if plot_to:
        plot(contest, plot_to)
    if mlflow:
        log(report, contest, {"data": pack.digest} | ({"test": other.digest} if other else {}))
    if as_json:
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
        return
    kind = "bootstraps of the test part" if other else "splits by group"
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(as_table(found, f"{source}: {len(pack.group)} prompts, {repeats} {kind}, mean ± sd"))


def _run(pack: Pack, other: Pack | None, field: Sequence[Entry]) -> tuple[list[Row], Contest]:
    """The benchmark behind a progress bar on standard error."""
    if not paretobandit.installed():
        sys.stderr.write("Without ParetoBandit, which is not installed: pip install paretobandit\n")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("fitting", total=len(field) * (1 if other else SPLITS))
        return benchmark(
            pack,
            other,
            field=field,
            splits=SPLITS,
            step=lambda name: progress.update(task, advance=1, description=name),
        )
