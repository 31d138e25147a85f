"""``python -m benchmarks.learning``: how long allocation takes to learn, and to choose.

Outcomes are made up on the prompts of the shipped pack, copied with some noise until there are enough: what is measured
is time and memory, not quality.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import numpy as np
import typer

from router_ml.allocation.choose import choose
from router_ml.allocation.context import Contexts
from router_ml.allocation.estimate import Allocation, estimate
from router_ml.allocation.select import Rule, best, distribution
from router_ml.config import Lane
from router_ml.storage.bundle import Bundle
from router_ml.storage.loading import shipped_bundle
from training.allocation import Outcomes, fit
from training.outcomes import load_pack

REPEATS = 300


def prompts(count: int) -> Contexts:
    """The pack's prompts, again and again, each a little different."""
    contexts, random = load_pack().contexts, np.random.default_rng(0)
    rows = np.arange(count) % len(contexts)
    part = contexts.take(rows)
    noise = random.normal(scale=0.02, size=part.embedding.shape).astype(np.float32)
    return replace(part, embedding=part.embedding + noise)


def learn(contexts: Contexts, lanes: dict[str, Lane]) -> tuple[Allocation, float]:
    """An allocation learned from made-up outcomes of every lane, and the seconds it took."""
    random, shape = np.random.default_rng(1), (len(contexts), len(lanes))
    quality = (random.random(shape) < np.linspace(0.6, 0.9, shape[1])).astype(np.float64)
    cost = np.exp(random.normal(-7, 0.5, shape)) * np.linspace(1, 5, shape[1])
    started = time.perf_counter()
    learned = fit(Outcomes(contexts, quality, cost, np.ones(shape)), lanes)
    return learned, time.perf_counter() - started


def median_us(call: Callable[[], object]) -> float:
    """Median microseconds of a call."""
    took = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        took.append(time.perf_counter() - started)
    return 1e6 * float(np.median(took))


def choosing(learned: Allocation, lanes: dict[str, Lane], contexts: Contexts) -> dict[str, float]:
    """Microseconds of the steps of one choice."""
    one = contexts.take(slice(0, 1))
    known = estimate(learned, lanes, one)
    rule = Rule(floor=0.6, quality_per_usd=30, explore_share=0.1, epsilon=0.02, gamma=200)
    everything, names = np.ones(known.cost_usd.shape, bool), list(lanes)
    prior, cost = learned.quality.predict(one), known.cost_usd

    def select() -> object:
        exploit = best(known.belief, known.cost_usd, everything, rule)
        return distribution(known.belief, known.cost_usd, everything, rule, exploit=exploit)

    return {
        "distribution_us": median_us(select),
        "bandit_us": median_us(lambda: learned.bandit.predict(one, prior, cost)),
        "estimate_us": median_us(lambda: estimate(learned, lanes, one)),
        "choose_us": median_us(lambda: choose(known, names, names, rule, seed=1)),
    }


def main(
    rows: Annotated[int, typer.Option(help="Prompts to learn from, and half as many before.")] = 20_000,
) -> None:
    """Time learning and choosing on as many lanes as the shipped configuration has."""
    lanes = dict(Bundle.load(shipped_bundle()).config.lanes)
    report: dict[str, object] = {"lanes": len(lanes)}
    for count in (rows // 2, rows):
        contexts = prompts(count)
        learned, seconds = learn(contexts, lanes)
        report[f"seconds_{count}"] = round(seconds, 2)
    report["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    report |= {name: round(value, 1) for name, value in choosing(learned, lanes, contexts).items()}
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
