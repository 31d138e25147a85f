"""A run of evaluations as a run in MLflow: what was asked as parameters, what came of it as metrics with intervals."""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from training.evals.reporting.page import page
from training.evals.reporting.record import metrics, to_record
from training.evals.reporting.runs import Run
from training.evals.running.record import RECORD

EXPERIMENT = "evaluations"


def track(run: Run, *, tracking_uri: str | None = None) -> str:
    """Record a run in MLflow.

    Metrics are called ``SUITE/LANE/share``, ``share_low``, ``share_high`` and so on. Its files are the results with
    their answers, the record of the run, the report as a page and as JSON.

    Returns:
        The id of the run in MLflow.

    Raises:
        RegistryError, MissingExtraError: as ``registry.log_run``.
    """
    from router_ml.storage.registry import log_run

    record, summary = run.record, run.summary()
    params: dict[str, object] = {"run": record.run, "lanes": ",".join(one.lane for one in record.arms)}
    params |= {f"lane/{_plain(one.lane)}": f"{one.model} {one.version}" for one in record.arms}
    params |= {f"suite/{_plain(one.name)}": f"{one.version} {one.digest}" for one in record.suites}
    params |= {f"settings/{name}": value for name, value in record.settings.model_dump().items()}
    numbers = {f"{_plain(suite)}/{_plain(lane)}/{name}": value for suite, lane, name, value in metrics(summary)}
    with TemporaryDirectory() as temporary:
        shown, said = Path(temporary, "report.html"), Path(temporary, "report.json")
        shown.write_text(page(summary, title=f"Evaluations {record.run}"), encoding="utf-8")
        said.write_text(json.dumps(to_record(summary), ensure_ascii=False) + "\n", encoding="utf-8")
        kept = (run.folder / name for name in ("results.jsonl", "across.json", RECORD))
        return log_run(
            EXPERIMENT,
            params=params,
            metrics={**numbers, "alarms": float(len(summary.alarms)), "spent_usd": record.spent_usd},
            datasets={one.name: one.digest for one in record.suites},
            files=[*(path for path in kept if path.is_file()), shown, said],
            tags={"evaluation": record.run, "status": record.status},
            tracking_uri=tracking_uri,
        )


def _plain(name: str) -> str:
    """What MLflow takes as a name."""
    return re.sub(r"[^\w.-]", "_", name)
