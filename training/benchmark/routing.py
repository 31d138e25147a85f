"""``python -m training.benchmark routing``: how much of the gap between fixed lanes and the oracle each router closes.

Five seeded 60/40 splits by group, so that near-duplicates never sit on both sides; or, with ``--train`` and ``--test``,
one fit and 20 bootstraps of the test part by group. Differences below two points are noise on a few hundred prompts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from router_ml.errors import EncoderMismatchError, InvalidRequestError, OfflineDataError
from router_ml.offline.curves import evaluate, hull, means
from router_ml.offline.report import cost_quality_plot
from router_ml.understanding.classifier import Classifier
from router_ml.understanding.encoder import Encoder
from training.benchmark.protocol import CONTENDERS, OURS, SHUFFLED, Contest, Label, Score, hold_contest, score
from training.outcomes import DEFAULT, ROOT, Pack, load_pack, read_matrix

SPLITS, BOOTSTRAPS = 5, 20
TRAIN_SHARE = 0.6
ROWS_PER_LANE = 25
PLOTTED = {"ours": OURS, "kNN 50": Label("kNN 50", "full", None, "predicted")}


@dataclass(frozen=True)
class Row:
    """One router: mean and standard deviation of its scores over the splits."""

    label: Label
    mean: Score
    sd: Score

    def as_json(self) -> dict[str, object]:
        """The row of the JSON report, numbers rounded to six digits."""
        result: dict[str, object] = asdict(self.label)
        for field in fields(Score):
            value, spread = getattr(self.mean, field.name), getattr(self.sd, field.name)
            result[field.name] = None if value is None else round(value, 6)
            if field.name in ("gap_closed", "committed", "apgr"):
                result[f"{field.name}_sd"] = None if spread is None else round(spread, 6)
        return result


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
    pack: Pack, test: Pack | None = None, *, splits: int = SPLITS, step: Callable[[str], None] = lambda name: None
) -> tuple[list[Row], Contest]:
    """All rows, and the first contest for a plot.

    Args:
        pack: split ``splits`` times; with ``test`` it is the training part of a single fit.
        test: bootstrapped ``BOOTSTRAPS`` times.
        step: hears which router is fitted next.
    """
    if test is None:
        contests = []
        for seed in range(splits):
            train, held_out = pack.split(TRAIN_SHARE, seed=seed)
            contests.append(hold_contest(train, held_out, seed=seed, step=step))
        scores = [score(contest) for contest in contests]
        return _rows(scores), contests[0]
    contest = hold_contest(pack, align(test, pack), seed=0, step=step)
    return _rows([score(contest.resample(seed)) for seed in range(BOOTSTRAPS)]), contest


def _rows(scores: list[dict[Label, Score]]) -> list[Row]:
    return [
        Row(
            label,
            _pooled([each[label] for each in scores], np.mean),
            _pooled([each[label] for each in scores], _spread),
        )
        for label in scores[0]
    ]


def _spread(values: list[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _pooled(scores: list[Score], pool: Callable[[list[float]], float]) -> Score:
    def of(name: str) -> float | None:
        values = [getattr(each, name) for each in scores]
        return None if any(value is None for value in values) else float(pool(values))

    return Score(**{field.name: of(field.name) for field in fields(Score)})  # type: ignore[arg-type]


def as_table(rows: list[Row], title: str) -> Table:
    """The rows for a terminal."""
    columns = (
        "router",
        "learns from",
        "cost",
        "gap closed %",
        "committed %",
        "spend / budget",
        "$ per 1,000",
        "quality",
    )
    two_lanes = any(row.mean.apgr is not None for row in rows)
    table = Table(*columns, *(("APGR", "CPT 80%") if two_lanes else ()), title=title, title_justify="left")
    for row in rows:
        mean, sd = row.mean, row.sd
        committed = "" if mean.committed is None else f"{mean.committed:.1f} ± {sd.committed or 0:.1f}"
        cells = [row.label.name, row.label.feedback or "", row.label.cost or ""]
        cells += [f"{mean.gap_closed:.1f} ± {sd.gap_closed:.1f}", committed, _number(mean.spend_vs_budget, ".2f")]
        cells += [_number(None if mean.cost_usd is None else 1000 * mean.cost_usd, ".3f"), _number(mean.quality, ".3f")]
        cells += [_number(mean.apgr, ".3f"), _number(mean.cpt80, ".1f")] if two_lanes else []
        table.add_row(*cells, style="bold" if row.label.name == "ours" else "")
    return table


def _number(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"


def plot(contest: Contest, path: Path) -> Path:
    """Cost and quality of one contest: fixed lanes, their hull, shuffle, oracle, ours and kNN."""
    quality, cost = contest.test.quality, contest.test.cost_usd
    reference = evaluate(quality, cost, {}).reference
    sweeps = {
        name: hull(*means(quality, cost, contest.candidates[label].policies))
        for name, label in {**PLOTTED, "shuffled": SHUFFLED}.items()
    }
    lanes = zip(contest.test.lanes, reference.lane_cost.tolist(), reference.lane_quality.tolist(), strict=True)
    return cost_quality_plot(
        path,
        fixed={lane.split("/")[-1]: (at, reached) for lane, at, reached in lanes},
        hull=hull(reference.lane_cost, reference.lane_quality),
        oracle=reference.oracle_points,
        shuffled=sweeps.pop("shuffled"),
        curves=sweeps,
        title=f"What quality costs, {len(quality)} held-out prompts",
    )


def main(
    data: Annotated[Path, typer.Option(help="Outcome matrix (.parquet) or pack (path without ending).")] = DEFAULT,
    train: Annotated[Path | None, typer.Option(help="Learn from this instead; needs --test.")] = None,
    test: Annotated[Path | None, typer.Option(help="Score on this instead; needs --train.")] = None,
    bundle: Annotated[Path, typer.Option(help="Encoder and classifier for .parquet.")] = ROOT / "models" / "default",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")] = False,
    plot_to: Annotated[Path | None, typer.Option("--plot", help="Save a plot of the first split.")] = None,
) -> None:
    """Compare routers on an outcome matrix: gap closed, committed points, spend against budget."""
    if (train is None) != (test is None):
        raise InvalidRequestError("--train and --test go together; with --data alone the file is split by group.")
    pack = load(train or data, bundle)
    other = load(test, bundle) if test else None
    source = f"{train.name} -> {test.name}" if train and test else data.name
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("fitting", total=len(CONTENDERS) * (1 if other else SPLITS))
        rows, contest = benchmark(
            pack, other, splits=SPLITS, step=lambda name: progress.update(task, advance=1, description=name)
        )
    if plot_to:
        plot(contest, plot_to)
    repeats = BOOTSTRAPS if other else SPLITS
    if as_json:
        report = {"data": source, "splits": repeats, "rows": [row.as_json() for row in rows]}
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
        return
    kind = "bootstraps of the test part" if other else "splits by group"
    console = Console(width=None if sys.stdout.isatty() else 132)
    console.print(as_table(rows, f"{source}: {len(pack.group)} prompts, {repeats} {kind}, mean ± sd"))
