"""Worlds whose quality by lane and cell is known: what is planted, and the answers that are drawn from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from router_ml.config import Lane
from training.evals.priors.answers import Answer
from training.evals.priors.likelihood import Reliability

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator], Floats]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIZES = (0, 1, 3, 10, 30, 100)
JUDGE = Reliability(sensitivity=0.9, specificity=0.8)


@dataclass(frozen=True)
class World:
    """``quality``: draws a lane's planted quality (i, k). ``sizes``: groups per cell, one of them drawn for each.
    ``group``: most cases of a group, whose quality varies between groups with ``correlation``. ``judge``: who says
    whether an answer passed. ``older``: share of answers of another version, whose logits differ by ``moved``."""

    name: str
    quality: Draw
    sizes: tuple[int, ...] = SIZES
    group: int = 1
    correlation: float = 0.5
    judge: Reliability | None = None
    older: float = 0.0
    moved: float = 0.5


@dataclass(frozen=True)
class Planted:
    """The quality of lanes (i, k, L), answers drawn from it, how many each cell has (i, k, L), and how many passed."""

    quality: Floats
    answers: list[Answer] = field(default_factory=list)
    counts: Floats = field(default_factory=lambda: np.zeros(0))
    passed: Floats = field(default_factory=lambda: np.zeros(0))


def logistic(x: Floats) -> Floats:
    """1 / (1 + e^-x)."""
    result: Floats = 1 / (1 + np.exp(-x))
    return result


def effects(shape: tuple[int, int], *, rows: float, columns: float, own: float) -> Draw:
    """Logits that are a lane's mean plus effects of intents, of domains and of cells of their own."""

    def drawn(rng: np.random.Generator) -> Floats:
        middle = rng.normal(1.2, 0.8)
        intent, domain = rng.normal(0, rows, (shape[0], 1)), rng.normal(0, columns, (1, shape[1]))
        return logistic(middle + intent + domain + rng.normal(0, own, shape))

    return drawn


def worlds(shape: tuple[int, int]) -> tuple[World, ...]:
    """All worlds, over cells of this shape."""
    additive = effects(shape, rows=0.5, columns=0.5, own=0.15)

    def same(rng: np.random.Generator) -> Floats:
        return np.full(shape, logistic(np.array(rng.normal(1.2, 0.8))))

    def two_kinds(rng: np.random.Generator) -> Floats:
        return np.where(rng.random(shape) < 0.6, rng.uniform(0.85, 0.95, shape), rng.uniform(0.35, 0.55, shape))

    def one_odd(rng: np.random.Generator) -> Floats:
        found = logistic(rng.normal(2.2, 0.1, shape))
        found[rng.integers(shape[0]), rng.integers(shape[1])] = 0.3
        return found

    def ends(rng: np.random.Generator) -> Floats:
        near = rng.beta(0.5, 30, shape)
        return near if rng.random() < 0.3 else 1 - near

    base = World("additive", additive)
    return (
        base,
        World("no difference between cells", same),
        World("each cell its own", effects(shape, rows=0.1, columns=0.1, own=1.0)),
        World("two kinds of cells", two_kinds),
        World("one odd cell", one_odd),
        World("near 0 or 1", ends),
        replace(base, name="few answers", sizes=(0, 0, 1, 2, 4)),
        replace(base, name="groups of paraphrases", sizes=(0, 1, 3, 10, 30), group=8),
        replace(base, name="noisy judge, reliability known", judge=JUDGE),
        replace(base, name="half of another version", older=0.5),
    )


def plant(
    world: World,
    lanes: dict[str, Lane],
    *,
    intents: tuple[str, ...],
    domains: tuple[str, ...],
    rng: np.random.Generator,
) -> Planted:
    """A draw of a world: planted quality, and answers."""
    shape = len(intents), len(domains), len(lanes)
    quality = np.stack([world.quality(rng) for _ in lanes], axis=2)
    found = Planted(quality, [], np.zeros(shape), np.zeros(shape))
    for column, (name, lane) in enumerate(lanes.items()):
        for row, intent in enumerate(intents):
            for place, domain in enumerate(domains):
                cell = row, place, column
                blank = Answer(name, lane.model, lane.version, "planted", intent, domain, "", "", 0.0, NOW)
                answers = _drawn(world, blank, float(quality[cell]), rng)
                found.answers.extend(answers)
                found.counts[cell] = len(answers)
                found.passed[cell] = sum(one.quality for one in answers)
    return found


def _drawn(world: World, blank: Answer, quality: float, rng: np.random.Generator) -> list[Answer]:
    answers = []
    for number in range(int(rng.choice(world.sizes))):
        old = rng.random() < world.older
        here = quality
        if old:
            clipped = min(max(quality, 1e-6), 1 - 1e-6)
            here = float(logistic(np.array(np.log(clipped / (1 - clipped)) + rng.choice((-1, 1)) * world.moved)))
        size = int(rng.integers(1, world.group + 1))
        if size > 1:
            spread = 1 / world.correlation - 1
            here = float(rng.beta(max(here * spread, 1e-3), max((1 - here) * spread, 1e-3)))
        for case in range(size):
            right = rng.random() < here
            passes = 1.0 if world.judge is None else world.judge.sensitivity
            fails = 1.0 if world.judge is None else world.judge.specificity
            said = rng.random() < (passes if right else 1 - fails)
            answers.append(
                replace(
                    blank,
                    case=f"{number}-{case}",
                    cluster=f"{number}",
                    quality=float(said),
                    checks=() if world.judge is None else ("judge",),
                    version="another" if old else blank.version,
                )
            )
    return answers
