"""``python -m training.benchmark acquisition``: does it matter which prompts are evaluated next, and on which lanes?

From 50 prompts that were run on every lane, each arm buys more of the training part for the same money: what 200 random
prompts on every lane cost. Then the quality and cost models are fitted again and route the held-out groups. Two numbers
on those: the gap closed over all trade-offs, and the utility at one trade-off (lambda: what the step from the cheapest
to the best lane paid on the first 50) between the best fixed lane (0) and the oracle (100). Without the bandit, which
adds noise of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from router_ml.allocation.context import Contexts
from router_ml.allocation.quality import Z_90, believe
from router_ml.offline.curves import evaluate, sweep
from router_ml.offline.next_prompts import contenders
from training.allocation import Outcomes, project
from training.benchmark.lesson import Lesson
from training.benchmark.ours import fit_batch
from training.outcomes import DEFAULT, Pack, load_pack

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

FIRST, NEXT = 50, 200  # prompts
SPLITS, STARTS = 5, 2
TRAIN_SHARE = 0.6
POOL = 4000  # prompts to choose from
PRIOR_STRENGTH = 5.0
PRECISION = 30.0  # ridge of the linear model whose uncertainty A-optimal choice reduces
BASE = "random, every lane"


@dataclass(frozen=True)
class Start:
    """What is known before choosing: the pool (n), the rows evaluated so far, and beliefs of every lane (n, L)."""

    pool: Pack
    first: Rows
    quality: Floats
    deviation: Floats
    cost: Floats
    rate: float

    def contend(self, threshold: float) -> NDArray[np.bool_]:
        """Where each lane could be the best."""
        rates, allowed = np.full(len(self.quality), self.rate), np.ones(self.quality.shape, bool)
        return contenders(self.quality, self.deviation, self.cost, rates, allowed, threshold=threshold)


@dataclass(frozen=True)
class Result:
    """An arm on one split: gap closed and utility, both percent, prompts bought and runs of a lane."""

    gap_closed: float
    utility: float
    prompts: int
    runs: int


def begin(pool: Pack, *, seed: int) -> Start:
    """Evaluate ``FIRST`` random prompts and believe what they teach."""
    first = np.random.default_rng([seed, 1]).permutation(len(pool.group))[:FIRST]
    seen = np.ones((FIRST, len(pool.lanes)), bool)
    quality, cost = _learn(pool, first, seen, pool.contexts, seed)
    lesson = Lesson(_outcomes(pool, first, seen), seed)
    model, _ = lesson.quality
    prior, strength = pool.quality[first].mean(axis=0), np.full(len(pool.lanes), PRIOR_STRENGTH)
    belief = believe(quality, model.evidence(pool.contexts), prior=prior, strength=strength)
    spent = pool.cost_usd[first].mean(axis=0)
    step = spent[prior.argmax()] - spent.min()
    rate = max(prior.max() - prior[spent.argmin()], 0.01) / max(step, 0.01 * spent.max())
    return Start(pool, first, belief.quality, (belief.high - belief.low) / (2 * Z_90), cost, float(rate))


def arms(start: Start, *, seed: int) -> Iterator[tuple[str, Rows, NDArray[np.bool_]]]:
    """Name, the pool's rows in the order to buy them, and the lanes to run (n, L)."""
    count = len(start.quality)
    every = np.ones(start.quality.shape, bool)
    fresh = np.setdiff1d(np.random.default_rng([seed, 2]).permutation(count), start.first, assume_unique=True)
    random = np.random.default_rng([seed, 3]).permutation(fresh)
    stake = _stake(start)
    semantic = project(start.pool.contexts).semantic(start.pool.contexts)[:, :32].astype(np.float64)
    yield BASE, random, every
    yield "most uncertain, every lane", random[np.argsort(-stake[random], kind="stable")], every
    yield "most diverse (k-center), every lane", _k_center(semantic, start.first, 3 * NEXT), every
    yield "most informative (A-optimal), every lane", _informative(semantic, stake, start.first, 3 * NEXT), every
    for threshold in (0.01, 0.02, 0.05, 0.2):
        yield f"random, lanes that contend (p >= {threshold:g})", random, start.contend(threshold)


def play(train: Pack, test: Pack, *, seed: int) -> dict[str, Result]:
    """Every arm on one split."""
    pool = train.take(np.sort(np.random.default_rng([seed, 0]).permutation(len(train.group))[:POOL]))
    start = begin(pool, seed=seed)
    results: dict[str, Result] = {}
    money = 0.0
    for name, order, lanes in arms(start, seed=seed):
        spent = np.where(lanes[order], pool.cost_usd[order], 0.0).sum(axis=1)
        money = money or float(spent[:NEXT].sum())
        bought = order[: int((np.cumsum(spent) <= money * (1 + 1e-9)).sum())]
        rows = np.concatenate([start.first, bought])
        seen = np.concatenate([np.ones((FIRST, lanes.shape[1]), bool), lanes[bought]])
        predicted = _learn(pool, rows, seen, test.contexts, seed)
        results[name] = _score(test, *predicted, start.rate, len(bought), int(lanes[bought].sum()))
    return results


def _score(test: Pack, quality: Floats, cost: Floats, rate: float, prompts: int, runs: int) -> Result:
    closed = evaluate(test.quality, test.cost_usd, {"arm": sweep(quality, cost)}).routers["arm"].gap_closed
    value = test.quality - rate * test.cost_usd
    taken = value[np.arange(len(value)), (quality - rate * cost).argmax(axis=1)].mean()
    fixed, oracle = value.mean(axis=0).max(), value.max(axis=1).mean()
    return Result(closed, float(100 * (taken - fixed) / (oracle - fixed)), prompts, runs)


def _outcomes(pack: Pack, rows: Rows, seen: NDArray[np.bool_]) -> Outcomes:
    hidden = np.where(seen, 0.0, np.nan)
    probability = np.where(seen, 1.0, np.nan)
    return Outcomes(pack.contexts.take(rows), pack.quality[rows] + hidden, pack.cost_usd[rows] + hidden, probability)


def _learn(pack: Pack, rows: Rows, seen: NDArray[np.bool_], contexts: Contexts, seed: int) -> tuple[Floats, Floats]:
    """Predicted quality and cost of ``contexts`` after these outcomes."""
    lesson = Lesson(_outcomes(pack, rows, seen), seed)
    return fit_batch(lesson)(contexts), lesson.cost("predicted", contexts)


def _stake(start: Start) -> Floats:
    """How much knowing the best lane would be worth: the mean gain over draws from the belief, (n,)."""
    value = start.quality - start.rate * start.cost
    noise = np.random.default_rng(0).standard_normal((64, *value.shape))
    best: Floats = (value + start.deviation * noise).max(axis=2).mean(axis=0) - value.max(axis=1)
    return best


def _k_center(points: Floats, first: Rows, count: int) -> Rows:
    """Farthest-first traversal (Gonzalez 1985)."""
    distance = np.min([np.square(points - points[row]).sum(axis=1) for row in first], axis=0)
    taken = []
    for _ in range(min(count, len(points) - len(first))):
        taken.append(int(distance.argmax()))
        distance = np.minimum(distance, np.square(points - points[taken[-1]]).sum(axis=1))
    return np.array(taken, np.intp)


def _informative(points: Floats, weight: Floats, first: Rows, count: int) -> Rows:
    """Greedy A-optimal design: the row that most reduces the variance of a linear model where it is at stake."""
    design = np.column_stack([np.ones(len(points)), points])
    covariance = np.linalg.inv(PRECISION * np.eye(design.shape[1]) + design[first].T @ design[first])
    matter = (design * weight[:, None]).T @ design
    free = np.ones(len(points), bool)
    free[first] = False
    taken = []
    for _ in range(min(count, int(free.sum()))):
        reach = design @ covariance
        gain = ((reach @ matter) * reach).sum(axis=1) / (1 + (reach * design).sum(axis=1))
        row = int(np.where(free, gain, -1).argmax())
        taken.append(row)
        free[row] = False
        step = covariance @ design[row]
        covariance -= np.outer(step, step) / (1 + design[row] @ step)
    return np.array(taken, np.intp)


def summarise(results: list[dict[str, Result]]) -> list[dict[str, object]]:
    """Means over splits and paired differences to ``BASE`` with their standard errors."""
    rows: list[dict[str, object]] = []
    for name in results[0]:
        row: dict[str, object] = {"name": name}
        for field in ("gap_closed", "utility"):
            ours = np.array([getattr(each[name], field) for each in results])
            apart = ours - np.array([getattr(each[BASE], field) for each in results])
            row[field] = round(float(ours.mean()), 3)
            row[f"{field}_sd"] = round(float(ours.std(ddof=1)), 3)
            row[f"{field}_vs_random"] = round(float(apart.mean()), 3)
            row[f"{field}_vs_random_se"] = round(float(apart.std(ddof=1) / np.sqrt(len(apart))), 3)
        row["prompts"] = round(float(np.mean([each[name].prompts for each in results])), 1)
        row["runs"] = round(float(np.mean([each[name].runs for each in results])), 1)
        rows.append(row)
    return rows


def main(
    data: Annotated[list[Path] | None, typer.Option(help="Outcome pack (path without ending); repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")] = False,
) -> None:
    """Which prompts to evaluate next, for the same money: random or chosen, on every lane or on those that matter."""
    reports = []
    for stem in data or [DEFAULT]:
        pack = load_pack(stem)
        plays = [(split, start) for split in range(SPLITS) for start in range(STARTS)]
        results = []
        for split, start in track(plays, stem.name, console=Console(stderr=True)):
            train, test = pack.split(TRAIN_SHARE, seed=split)
            results.append(play(train, test, seed=100 * split + start))
        reports.append({"data": stem.name, "plays": len(plays), "rows": summarise(results)})
        if not as_json:
            Console(width=None if sys.stdout.isatty() else 150).print(_table(reports[-1]))
    if as_json:
        sys.stdout.write(json.dumps(reports, indent=1) + "\n")


def _table(report: dict[str, object]) -> Table:
    table = Table("arm", "gap closed", "- random", "utility", "- random", "prompts", "runs", title=str(report["data"]))
    rows = report["rows"]
    assert isinstance(rows, list)
    for row in rows:
        cells = []
        for field in ("gap_closed", "utility"):
            cells.append(f"{row[field]:.1f} ± {row[f'{field}_sd']:.1f}")
            cells.append(f"{row[f'{field}_vs_random']:+.1f} ± {row[f'{field}_vs_random_se']:.1f}")
        table.add_row(row["name"], *cells, f"{row['prompts']:.0f}", f"{row['runs']:.0f}")
    return table
