"""Logs as partitioned Parquet, for the tests of the engine."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from router_ml.offline.engine.columns import lists
from router_ml.offline.feedback import Feedback, Floats


def feedback_of(
    rows: int, *, seed: int = 0, lanes: int = 3, rated: float = 0.5, users: int | None = None, good: float = 0.6
) -> tuple[Floats, Feedback, Floats]:
    """Target, feedback and reward model (n, lanes)."""
    rng = np.random.default_rng(seed)
    logging, target = (rng.dirichlet(np.full(lanes, 2.0), rows) * 0.9 + 0.1 / lanes for _ in range(2))
    action = (rng.random(rows)[:, None] > logging.cumsum(axis=1)[:, :-1]).sum(axis=1)
    reward = (rng.random(rows) < good + 0.1 * action).astype(float)
    feedback = Feedback(
        action=action,
        propensity=logging[np.arange(rows), action],
        reward=np.where(rng.random(rows) < rated, reward, np.nan),
        rated_probability=np.full(rows, rated),
        logging=logging,
        cluster=None if users is None else np.array([f"user {name}" for name in rng.integers(users, size=rows)]),
    )
    return target, feedback, np.clip(rng.normal(good, 0.1, (rows, lanes)), 0, 1)


def write_log(folder: Path, target: Floats, feedback: Feedback, model: Floats, cuts: list[int]) -> Path:
    """One file for the rows between two cuts, in folders by day."""
    import pyarrow as arrow
    from pyarrow import parquet

    columns: dict[str, Any] = {
        "action": feedback.action,
        "quality": arrow.array(feedback.reward, from_pandas=True),
        "rated_probability": feedback.rated_probability,
        "propensities": lists(np.asarray(feedback.logging)),
        "target": lists(target),
        "estimated_quality": lists(model),
    }
    if feedback.cluster is not None:
        columns["user"] = feedback.cluster
    table = arrow.table(columns)
    ends = [0, *cuts, len(feedback)]
    for number, (start, stop) in enumerate(pairwise(ends)):
        path = folder / f"day=2026-03-{number + 1:02}" / "part.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table.slice(start, stop - start), path)
    return folder
