"""A summary as plain values: for JSON, and for metrics of a run in MLflow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from training.evals.reporting.comparing import Difference
from training.evals.reporting.rows import Row
from training.evals.reporting.summary import Summary


def to_record(summary: Summary, differences: Sequence[Difference] = ()) -> dict[str, Any]:
    """Everything that a summary says, JSON-ready."""
    return {
        "runs": list(summary.runs),
        "alarms": [
            {"suite": row.suite, "lane": row.lane, "failure": one.name, "count": one.count, "of": one.of}
            for row, one in summary.alarms
        ],
        "tests": summary.tests,
        "unheard": [{"suite": suite, "lane": lane} for suite, lane in summary.unheard],
        "rows": [_row(row) for row in summary.rows],
        "across": {name: [asdict(one) for one in some] for name, some in summary.across.items()},
        "differences": [asdict(one) for one in differences],
    }


def metrics(summary: Summary) -> Iterator[tuple[str, str, str, float]]:
    """Suite, lane, name and value of each number that is known."""
    for row in summary.rows:
        numbers: dict[str, float | None] = {
            "share": row.share.value,
            "share_low": row.share.low if row.share.n else None,
            "share_high": row.share.high if row.share.n else None,
            "quality": None if row.quality is None else row.quality.value,
            "judged": float(row.share.n),
            "not_judged": float(row.not_judged),
            "alarms": float(len(row.alarms)),
            "cost_usd": row.costs.usd,
            "judges_usd": row.costs.judges_usd,
            "p50_ms": row.costs.p50_ms,
            "p95_ms": row.costs.p95_ms,
            "tokens_in": float(row.costs.tokens_in),
            "tokens_out": float(row.costs.tokens_out),
        }
        yield from ((row.suite, row.lane, name, value) for name, value in numbers.items() if value is not None)


def _row(row: Row) -> dict[str, Any]:
    said = asdict(row)
    said["failures"] = [{**asdict(one), "share": one.share} for one in row.failures]
    return said
