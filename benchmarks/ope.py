"""``python -m benchmarks.ope``: seconds and memory of all off-policy estimators on a large log, cross-fits included."""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from router_ml.offline import ope
from router_ml.offline.feedback import Feedback, Floats

FEATURES = 20


def make_log(rows: int, lanes: int, *, seed: int = 0) -> tuple[Floats, NDArray[np.float32], Feedback]:
    """Target (n, lanes), features (n, f) float32 and feedback, 30% of it rated."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    skill = features @ rng.normal(size=(FEATURES, lanes)).astype(np.float32) / np.sqrt(FEATURES)
    logging = np.exp(skill - skill.max(axis=1, keepdims=True), dtype=np.float64)
    logging = 0.8 * logging / logging.sum(axis=1, keepdims=True) + 0.2 / lanes
    action = (rng.random(rows)[:, None] > logging.cumsum(axis=1)[:, :-1]).sum(axis=1)
    reward = (rng.random(rows) < 1 / (1 + np.exp(-skill[np.arange(rows), action]))).astype(float)
    reward[rng.random(rows) >= 0.3] = np.nan
    target = np.full((rows, lanes), 0.1 / lanes)
    target[np.arange(rows), skill.argmax(axis=1)] += 0.9
    feedback = Feedback(
        action=action,
        propensity=logging[np.arange(rows), action],
        reward=reward,
        rated_probability=np.full(rows, 0.3),
        logging=logging,
    )
    return target, features, feedback


def main(
    rows: Annotated[int, typer.Option(help="Logged decisions.")] = 1_000_000,
    lanes: Annotated[int, typer.Option(help="Lanes.")] = 8,
    rounds: Annotated[int, typer.Option(help="Rounds of the bootstrap.")] = 200,
) -> None:
    """Time cross-fitting, diagnostics, normal intervals and the bootstrap of every estimator."""
    target, features, feedback = make_log(rows, lanes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    times: dict[str, float] = {}

    def timed(name: str, start: float) -> None:
        times[f"{name}_s"] = round(time.perf_counter() - start, 2)

    whole = start = time.perf_counter()
    processor = time.process_time()
    model = ope.cross_fit(ope.ridge(lanes), features, feedback)
    timed("cross_fit", start)
    start = time.perf_counter()
    found = ope.evaluate_all(target, feedback, reward_model=model)
    timed("all_estimators", start)
    start = time.perf_counter()
    ope.evaluate_all(target, feedback, reward_model=model, bootstrap=rounds)
    timed("all_estimators_bootstrap", start)
    start = time.perf_counter()
    ope.diagnose(target, feedback)
    timed("diagnose", start)
    timed("total", whole)
    times["processor_s"] = round(time.process_time() - processor, 2)
    report: dict[str, object] = {"rows": rows, "lanes": lanes, "features": FEATURES, "bootstrap": rounds, **times}
    report["target_s"] = 30
    report["data_mb"] = before
    report["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    report["dr"] = [round(found["dr"].low, 4), round(found["dr"].high, 4)]
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
