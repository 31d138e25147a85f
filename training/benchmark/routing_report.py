"""The routing benchmark as a table, a plot and an MLflow run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.table import Table

from router_ml.offline.curves import evaluate, hull, means
from router_ml.offline.report import cost_quality_plot
from training.benchmark.contenders import OURS, SHUFFLED, Label
from training.benchmark.protocol import Contest
from training.benchmark.rows import Difference, Row

EXPERIMENT = "routing benchmark"
PLOTTED = {"ours": OURS, "kNN 50": Label("kNN 50", "full", None, "predicted"), "shuffled": SHUFFLED}
COLUMNS = ("router", "learns from", "cost", "gap closed %", "committed %", "spend", "better than", "by points")


def as_table(rows: Sequence[Row], title: str) -> Table:
    """The rows for a terminal, one section for each kind of feedback."""
    two_lanes = any(row.mean.apgr is not None for row in rows)
    fixed = any(row.mean.cost_usd is not None for row in rows)
    extra = (("$/1,000", "quality") if fixed else ()) + (("APGR", "CPT 80%") if two_lanes else ())
    table = Table(*COLUMNS, *extra, title=title, title_justify="left")
    controls_first = sorted(rows, key=lambda row: row.label.feedback is not None)
    for _, section in groupby(controls_first, key=lambda row: (row.label.feedback, row.label.logging)):
        for row in section:
            cells = [*_cells(row), *(_fixed(row) if fixed else ()), *(_two_lanes(row) if two_lanes else ())]
            table.add_row(*cells, style="bold" if row.label.name == "ours" else "")
        table.add_section()
    return table


def _cells(row: Row) -> Iterable[str]:
    label, mean, sd = row.label, row.mean, row.sd
    yield label.name
    own = "own draws" if label.feedback == "bandit" and not label.logging else None
    yield " ".join(part for part in (label.feedback, label.logging, own) if part)
    yield label.cost or ""
    yield f"{mean.gap_closed:.1f} ± {sd.gap_closed:.1f}"
    yield "" if mean.committed is None else f"{mean.committed:.1f} ± {sd.committed or 0:.1f}"
    yield _number(mean.spend_vs_budget, ".2f")
    against = [each for each in (row.versus_best, row.versus_hull) if each]
    yield "\n".join(" ".join(part for part in (each.other.name, each.other.cost) if part) for each in against)
    yield "\n".join(_interval(each) for each in against)


def _interval(found: Difference) -> str:
    return f"{found.difference:+.1f} [{found.low:.1f}, {found.high:.1f}]"


def _fixed(row: Row) -> Iterable[str]:
    yield _number(None if row.mean.cost_usd is None else 1000 * row.mean.cost_usd, ".3f")
    yield _number(row.mean.quality, ".3f")


def _two_lanes(row: Row) -> Iterable[str]:
    yield _number(row.mean.apgr, ".3f")
    yield _number(row.mean.cpt80, ".1f")


def _number(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"


def plot(contest: Contest, path: Path) -> Path:
    """Cost and quality of one contest: fixed lanes, their hull, shuffle, oracle, ours and kNN, where they took part."""
    quality, cost = contest.test.quality, contest.test.cost_usd
    reference = evaluate(quality, cost, {}).reference
    sweeps = {
        name: hull(*means(quality, cost, contest.candidates[label].policies))
        for name, label in PLOTTED.items()
        if label in contest.candidates
    }
    lanes = zip(contest.test.lanes, reference.lane_cost.tolist(), reference.lane_quality.tolist(), strict=True)
    return cost_quality_plot(
        path,
        fixed={lane.split("/")[-1]: (at, reached) for lane, at, reached in lanes},
        hull=hull(reference.lane_cost, reference.lane_quality),
        oracle=reference.oracle_points,
        shuffled=sweeps.pop("shuffled", None),
        curves=sweeps,
        title=f"What quality costs, {len(quality)} held-out prompts",
    )


def log(report: Mapping[str, Any], contest: Contest, datasets: Mapping[str, str]) -> str:
    """Record the benchmark as a run in the tracking store: parameters, metrics of each row, table and plot.

    Args:
        report: as it is printed with ``--json``.
        datasets: sha256 by name.

    Returns:
        The id of the run.
    """
    from router_ml.storage.registry import log_run

    with TemporaryDirectory() as temporary:
        table = Path(temporary, "routing.json")
        table.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        return log_run(
            EXPERIMENT,
            params={name: value for name, value in report.items() if name != "rows"},
            metrics=_metrics(report["rows"]),
            datasets=datasets,
            files=[table, plot(contest, Path(temporary, "routing.png"))],
        )


def _metrics(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for row in rows:
        parts = [row["name"], *(row[key] for key in ("feedback", "logging", "cost") if row[key])]
        prefix = "/".join(re.sub(r"[^\w .-]", "_", part) for part in parts)  # all that MLflow takes
        numbers |= {f"{prefix}/{key}": float(value) for key, value in row.items() if isinstance(value, float)}
    return numbers
