"""``python -m training.benchmark ope``: do off-policy intervals hold the truth as often as they say?

An outcome matrix is the population: the value of a policy on it is known. Logs of n decisions are drawn from it under
two logging policies, a near-uniform mix and a skewed one that follows a noisy guess of each prompt's best lane, with
all ratings and with missing ones, whose probability depends on the prompt and the lane and is known or estimated. The
target follows a quality model that was learned on other prompts. Every log goes through the library as a user's
would, cross-fits included.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from router_ml.offline import ope
from router_ml.offline.estimating.bounded import Setup
from router_ml.offline.estimating.confidence import log_wealth
from router_ml.offline.estimating.ratings import rated_probability
from router_ml.offline.feedback import Feedback
from training.benchmark.ope_tables import tables
from training.benchmark.routing import load
from training.outcomes import DEFAULT, ROOT, Pack

Floats = NDArray[np.float64]
Ratings = Literal["all", "known", "modelled"]

SIZES = (300, 1000, 3000)
LOGGING = ("uniform", "skewed")
RATINGS: tuple[Ratings, ...] = ("all", "known", "modelled")
FEATURES = 10  # principal components that the reward model sees
LEARN = 0.3  # of the groups, for the target
EXPLORE = 0.3  # the skewed log's uniform share
ALPHA = 0.05


@dataclass(frozen=True)
class World:
    """A population (N prompts): features, quality, logging and target policy (N, lanes), P(rated) (N, lanes)."""

    features: Floats
    quality: Floats
    logging: Floats
    target: Floats
    rated: Floats

    @cached_property
    def truth(self) -> float:
        """What the target earns."""
        return float((self.target * self.quality).sum(axis=1).mean())

    @cached_property
    def gain(self) -> float:
        """How much more than the log."""
        return self.truth - float((self.logging * self.quality).sum(axis=1).mean())


@dataclass(frozen=True)
class Row:
    """One estimator in one cell, over seeds: share of logs whose 95% interval holds the truth, has it ``below`` and
    ``above``; mean width, root mean squared error and bias; mean effective rows. For ``betting`` the share of logs that
    never ruled the truth out."""

    log: str
    ratings: str
    n: int
    estimator: str
    interval: str
    seeds: int
    coverage: float
    effective: float
    below: float = float("nan")
    above: float = float("nan")
    width: float = float("nan")
    rmse: float = float("nan")
    bias: float = float("nan")


def make_world(pack: Pack, log: str, *, seed: int = 0) -> World:
    """The population of a pack under one logging policy."""
    learn, judged = pack.split(LEARN, seed=seed)
    embedding = learn.contexts.embedding.astype(np.float64)
    centre = embedding.mean(axis=0)
    _, scale, axes = np.linalg.svd(embedding - centre, full_matrices=False)
    axes = axes[: 2 * FEATURES].T / scale[: 2 * FEATURES] * np.sqrt(len(embedding))

    def design(some: Pack) -> Floats:
        return np.column_stack([np.ones(len(some.group)), (some.contexts.embedding - centre) @ axes])

    rows = design(learn)
    believed = design(judged) @ np.linalg.solve(rows.T @ rows + 30 * np.eye(rows.shape[1]), rows.T @ learn.quality)
    lanes = pack.quality.shape[1]
    rng = np.random.default_rng(seed + 1)
    target = 0.9 * np.eye(lanes)[believed.argmax(axis=1)] + 0.1 / lanes
    if log == "uniform":
        logging = np.full(believed.shape, 0.8 / lanes)
        logging[:, learn.quality.mean(axis=0).argmax()] += 0.2
    else:
        guess = believed + 0.15 * rng.normal(size=believed.shape)
        liked = np.exp((guess - guess.max(axis=1, keepdims=True)) / 0.1)
        logging = (1 - EXPLORE) * liked / liked.sum(axis=1, keepdims=True) + EXPLORE / lanes
    features = design(judged)[:, 1 : FEATURES + 1]
    rated = 0.6 + 0.2 * np.tanh(features[:, :1]) + 0.15 * (np.arange(lanes) % 2)
    return World(features, judged.quality, logging, target, np.clip(rated, 0.3, 0.95))


def draw(world: World, n: int, ratings: Ratings, seed: int) -> tuple[Floats, Floats, Feedback]:
    """Target (n, lanes), features (n, f) and feedback of one log."""
    rng = np.random.default_rng(seed)
    prompt = rng.integers(len(world.quality), size=n)
    logging = world.logging[prompt]
    action = (rng.random(n)[:, None] > logging.cumsum(axis=1)[:, :-1]).sum(axis=1)
    reward, features = world.quality[prompt, action], world.features[prompt]
    probability = None
    if ratings != "all":
        probability = world.rated[prompt, action]
        reward = np.where(rng.random(n) < probability, reward, np.nan)
        if ratings == "modelled":
            lanes = logging.shape[1]
            probability = rated_probability(features, action, np.isfinite(reward), lanes=lanes, seed=seed)
    feedback = Feedback(
        action=action,
        propensity=logging[np.arange(n), action],
        reward=reward,
        rated_probability=probability,
        logging=logging,
        bounds=(0.0, 1.0),
    )
    return world.target[prompt], features, feedback


def estimates(target: Floats, features: Floats, feedback: Feedback, seed: int) -> Iterator[ope.Estimate]:
    """Every estimator on one log, and the headline differences from the log's own policy."""
    lanes = target.shape[1]
    model = ope.cross_fit(ope.ridge(lanes), features, feedback, seed=seed)
    yield from ope.evaluate_all(target, feedback, reward_model=model).values()
    assert feedback.logging is not None
    for name in ("dr", "snips"):
        yield ope.difference(target, feedback.logging, feedback, estimator=name, reward_model=model)


def ever_out(world: World, target: Floats, feedback: Feedback) -> tuple[bool, bool]:
    """Whether the betting sequence of the value, and of the gain, ever rules out the truth on this log."""
    found = []
    for baseline, right in ((None, world.truth), (feedback.logging, world.gain)):
        up, down = Setup(target, feedback, baseline, None).bets("snips")
        limit = np.log(2 / ALPHA)
        found.append(
            any(
                float(wealth.max()) >= limit
                for bets, at in ((up, right), (down, -right))
                for wealth in log_wealth(bets, np.array([at]), alpha=ALPHA)
            )
        )
    return found[0], found[1]


def study(
    world: World, log: str, *, n: int, ratings: Ratings, seeds: int, step: Callable[[], None] = lambda: None
) -> list[Row]:
    """Every estimator over ``seeds`` logs of ``n`` decisions."""
    table: dict[str, list[tuple[float, ...]]] = {}
    out: list[tuple[bool, bool]] = []
    effective = 0.0
    for seed in range(seeds):
        target, features, feedback = draw(world, n, ratings, _seed(log, ratings, n, seed))
        for one in estimates(target, features, feedback, seed):
            right = world.gain if "difference" in one.name else world.truth
            table.setdefault(one.name, []).append(
                (one.low > right, one.high < right, one.high - one.low, one.value - right)
            )
            effective += one.effective_sample_size / seeds if one.name == "ips" else 0
        if ratings != "modelled":
            out.append(ever_out(world, target, feedback))
        step()
    rows = []
    for name, found in table.items():
        below, above, width, error = np.array(found, dtype=float).T
        rows.append(
            Row(
                log,
                ratings,
                n,
                name,
                "normal",
                seeds,
                coverage=float(1 - below.mean() - above.mean()),
                below=float(below.mean()),
                above=float(above.mean()),
                width=float(width.mean()),
                rmse=float(np.sqrt(np.square(error).mean())),
                bias=float(error.mean()),
                effective=effective,
            )
        )
    for name, ever in zip(("value", "difference"), np.array(out, dtype=float).reshape(-1, 2).T, strict=True):
        if out:
            held = float(1 - ever.mean())
            rows.append(Row(log, ratings, n, name, "betting", seeds, coverage=held, effective=effective))
    return rows


def _seed(log: str, ratings: str, n: int, seed: int) -> int:
    return zlib.crc32(f"{log} {ratings} {n} {seed}".encode())


def main(
    data: Annotated[Path, typer.Option(help="Outcome matrix (.parquet) or pack (path without ending).")] = DEFAULT,
    seeds: Annotated[int, typer.Option(help="Logs per cell.")] = 2000,
    sizes: Annotated[str, typer.Option(help="Decisions per log, with commas.")] = ",".join(map(str, SIZES)),
    ratings: Annotated[str, typer.Option(help="Which ratings: all, known, modelled, with commas.")] = ",".join(RATINGS),
    bundle: Annotated[Path, typer.Option(help="Encoder and classifier for .parquet.")] = ROOT / "models" / "default",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")] = False,
) -> None:
    """Coverage, width and error of off-policy estimates on full-information matrices, and of betting at any time."""
    pack = load(data, bundle)
    kinds: list[Ratings] = [kind for kind in RATINGS if kind in ratings.split(",")]
    counts = [int(size) for size in sizes.split(",")]
    rows: list[Row] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("logs", total=len(LOGGING) * len(kinds) * len(counts) * seeds)
        for log in LOGGING:
            world = make_world(pack, log)
            for kind in kinds:
                for n in counts:
                    rows += study(world, log, n=n, ratings=kind, seeds=seeds, step=lambda: progress.advance(task))
    if as_json:
        about = {"data": data.name, "seeds": seeds, "binomial_error": (0.05 * 0.95 / seeds) ** 0.5}
        sys.stdout.write(json.dumps({**about, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
        return
    console = Console(width=None if sys.stdout.isatty() else 160)
    for table in tables(rows, data.name, seeds):
        console.print(table)
