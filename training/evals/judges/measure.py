"""``python -m training.evals.judges.measure``: how often intervals of corrected shares hold the truth.

Simulated worlds: answers that are right with a known share, a judge with known errors, people who judge a few. Beside
both corrections stands the judge's own share with its Wilson interval, which takes the judge for people.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass

import numpy as np

from router_ml.errors import OfflineDataError
from training.evals.judges.agreement import Measured, wilson
from training.evals.judges.corrected import prediction_powered, rogan_gladen


@dataclass(frozen=True)
class World:
    """``right``: share of right answers; ``people``: answers that people judge, of ``answers``."""

    right: float
    sensitivity: float
    specificity: float
    answers: int = 300
    people: int = 60


@dataclass(frozen=True)
class Held:
    """Share of draws whose 95 % interval holds the truth, and how wide it is on average."""

    rogan_gladen: float
    prediction_powered: float
    uncorrected: float
    width_rogan_gladen: float
    width_prediction_powered: float
    refused: int


WORLDS = (
    World(0.8, 0.9, 0.8),
    World(0.95, 0.9, 0.8),
    World(0.6, 0.95, 0.7, answers=200, people=40),
    World(0.9, 0.95, 0.9, people=30),
    World(0.5, 0.85, 0.8),
)


def held(world: World, *, draws: int = 400, seed: int = 0) -> Held:
    """How often each interval holds in a world; a draw whose judge looks no better than chance is refused."""
    rng = np.random.default_rng(seed)
    corrected: list[Measured] = []
    powered: list[Measured] = []
    plain: list[Measured] = []
    for _ in range(draws):
        human, known = _judged(rng, world, world.people, right=0.6)
        truth, said = _judged(rng, world, world.answers, right=world.right)
        hits, caught = int((human & known).sum()), int((~human & ~known).sum())
        of = (hits, int(human.sum())), (caught, int((~human).sum()))
        try:
            corrected.append(
                rogan_gladen(passed=int(said.sum()), of=world.answers, sensitivity=of[0], specificity=of[1])
            )
        except OfflineDataError:
            continue
        powered.append(prediction_powered(truth[: world.people], said[: world.people], said[world.people :]))
        plain.append(wilson(int(said.sum()), world.answers))
    return Held(
        _share(corrected, world.right),
        _share(powered, world.right),
        _share(plain, world.right),
        round(float(np.mean([one.high - one.low for one in corrected])), 3),
        round(float(np.mean([one.high - one.low for one in powered])), 3),
        draws - len(plain),
    )


def _judged(rng: np.random.Generator, world: World, n: int, *, right: float) -> tuple[np.ndarray, np.ndarray]:
    """Truth and verdicts (n,) bool."""
    truth = rng.random(n) < right
    return truth, np.where(truth, rng.random(n) < world.sensitivity, rng.random(n) > world.specificity)


def _share(found: list[Measured], truth: float) -> float:
    return round(float(np.mean([one.low <= truth <= one.high for one in found])), 3)


def main() -> None:
    """Print a line for each world."""
    for world in WORLDS:
        sys.stdout.write(json.dumps({**asdict(world), **asdict(held(world))}) + "\n")


if __name__ == "__main__":
    main()
