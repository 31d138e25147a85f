"""A traffic whose truth is known, and challengers that are exactly as good as they are said to be.

The population is an outcome matrix. Its champion routes and explores by ``distribution``, on predictions of models that
saw none of the prompts. A challenger changes places with it on some prompts: what the champion would mostly take there
it takes as rarely as the champion took another lane, and the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.select import Rule, best, distribution
from router_ml.config.schema import Exploration
from router_ml.errors import OfflineDataError
from router_ml.offline.gating.trial import Trial
from training.benchmark.promise_pool import predict
from training.outcomes import Pack

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Fault = Literal["none", "failures are lost", "a hidden override"]

RATED = 0.7
TURNS = 20  # of a session, in traffic of sessions
EXPLORED = 0.2  # share of the champion's decisions off its best lane
LAMBDAS = np.logspace(-1, 5, 61)  # quality per USD
FAULT = 0.8  # share of what a fault could take that it takes
OFF = 0.02  # of the challenger's estimates, beside the champion's
_SLIGHTLY = 1.0001  # times the margin is worse than the margin


@dataclass(frozen=True)
class World:
    """An outcome matrix as traffic, (prompts, lanes): ``quality``, ``cost_usd``, what is ``believed`` of quality and
    ``expected`` of cost, ``logging``; (prompts,): the champion's ``usual`` lane, ``cell``."""

    quality: Floats
    cost_usd: Floats
    believed: Floats
    expected: Floats
    logging: Floats
    usual: Rows
    cell: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.quality)


@dataclass(frozen=True)
class Challenger:
    """``target`` (prompts, lanes), the lane it prefers where it differs (-1: nowhere), and its true differences."""

    name: str
    target: Floats
    instead: Rows
    quality: float
    cost_usd: float


def build(pack: Pack, *, seed: int = 0) -> World:
    """The champion takes the best lane for the money at the lambda that halves the cost of the best lane alone."""
    believed = predict(pack, seed=seed)
    belief, cost = believed.belief, believed.cost_usd
    allowed = np.ones(cost.shape, bool)
    dearest = pack.cost_usd.mean(axis=0)[pack.quality.mean(axis=0).argmax()]

    def spends(rate: float) -> float:
        chosen = best(belief, cost, allowed, _rule(rate))
        return float(pack.cost_usd[np.arange(len(chosen)), chosen].mean())

    rule = _rule(min(LAMBDAS.tolist(), key=lambda rate: abs(spends(rate) - dearest / 2)))
    usual = best(belief, cost, allowed, rule)
    logging = distribution(belief, cost, allowed, rule, exploit=usual)
    cell = np.char.add("intent ", pack.contexts.intent.argmax(axis=1).astype(str))
    return World(pack.quality, pack.cost_usd, belief.quality, cost, logging, usual, cell)


def _rule(rate: float) -> Rule:
    known = Exploration()
    return Rule(floor=0.0, quality_per_usd=rate, explore_share=EXPLORED, epsilon=known.epsilon, gamma=known.gamma)


def challengers(world: World, margin: float, *, seed: int = 0) -> tuple[list[Challenger], list[Challenger]]:
    """Challengers that are worse than the margin by a hair, and some that deserve to be promoted."""
    rng, everywhere = np.random.default_rng(seed), np.ones(len(world), bool)
    dear = world.cost_usd.mean(axis=0)
    order = np.argsort(dear)
    rank = np.argsort(order)
    down = order[np.maximum(rank[world.usual] - 1, 0)]
    shuffled = world.usual[rng.permutation(len(world))]
    noisy = np.where(dear[shuffled] < dear[world.usual], shuffled, down)
    counts = {name: int((world.cell == name).sum()) for name in np.unique(world.cell)}
    largest = world.cell == max(counts, key=lambda name: counts[name])
    cheapest = np.full(len(world), order[0])
    line = -margin * _SLIGHTLY

    def make(name: str, instead: Rows, truth: float, where: NDArray[np.bool_] = everywhere) -> Challenger:
        return swap(world, name, instead, truth, where=where & (instead != world.usual), rng=rng)

    worse = [
        make("one lane down, here and there", down, line),
        make("always the cheapest, here and there", cheapest, line),
        make("cheaper at random", noisy, line),
        make("wrong in one cell", cheapest, line, largest),
    ]
    deserving = [
        make("worse by half the margin, cheaper", down, -margin / 2),
        make("as good, cheaper", down, 0.0),
        make("1 point better, cheaper", down, 0.01),
    ]
    return worse, deserving


def swap(
    world: World, name: str, instead: Rows, truth: float, *, where: NDArray[np.bool_], rng: np.random.Generator
) -> Challenger:
    """A challenger whose mean quality differs by ``truth``: it prefers ``instead`` (prompts,) on some of ``where``.

    To be as good it has to know more than chance does, so prompts where it loses, or gains, are left out at random
    until the mean is on the far side of ``truth``; then it does so only part of the time.

    Raises:
        OfflineDataError: this matrix has no such challenger.
    """
    rows = np.arange(len(world))
    at, other = (rows, world.usual), (rows, instead)
    moved = np.maximum(world.logging[at] - world.logging[other], 0.0) * where
    gain = moved * (world.quality[other] - world.quality[at]) / len(world)
    used = moved > 0
    unwanted = rng.permutation(np.flatnonzero(used & ((gain < 0) if truth >= 0 else (gain > 0))))
    side = 1 if truth >= 0 else -1
    totals = float(gain[used].sum()) - np.append(0.0, np.cumsum(gain[unwanted]))
    enough = np.flatnonzero(side * totals >= side * truth)
    used[unwanted[: enough[0] if len(enough) else 0]] = False
    total = float(gain[used].sum())
    if not len(enough) or (truth != 0 and abs(total) < abs(truth) / 2):
        raise OfflineDataError(f"No challenger {name!r} with a difference of {truth:+.4f} on this matrix.")
    part = 1.0 if truth == 0 else truth / total
    change = np.zeros_like(world.logging)
    change[at] -= part * moved * used
    change[other] += part * moved * used
    target = world.logging + change
    difference = [float((change * values).sum(axis=1).mean()) for values in (world.quality, world.cost_usd)]
    return Challenger(name, target, np.where(used, instead, -1), *difference)


def replay(
    world: World, challenger: Challenger, rated: int, *, fault: Fault, rng: np.random.Generator, turns: int = 1
) -> Trial:
    """A log of as many decisions as give about ``rated`` ratings, and the challenger before it. With ``turns``, each
    session asks the same that many times: decisions of one depend on each other as much as they can."""
    session = np.arange(round(rated / RATED)) // turns
    prompt = rng.integers(len(world), size=int(session[-1]) + 1)[session]
    logging = world.logging[prompt]
    acting = _acting(world, challenger, prompt) if fault == "a hidden override" else logging
    action = np.minimum((rng.random((len(prompt), 1)) > acting.cumsum(axis=1)).sum(axis=1), logging.shape[1] - 1)
    if fault == "failures are lost":
        failed = _loses(world, challenger, prompt) & (action == challenger.instead[prompt])
        kept = ~failed | (rng.random(len(prompt)) > FAULT)
        prompt, logging, action, session = prompt[kept], logging[kept], action[kept], session[kept]
    quality = np.where(rng.random(len(prompt)) < RATED, world.quality[prompt, action], np.nan)
    believed = world.believed[prompt]
    expected = believed[np.arange(len(prompt)), action]
    return Trial(
        lanes=tuple(str(lane) for lane in range(logging.shape[1])),
        target=challenger.target[prompt],
        logging=logging,
        action=action,
        quality=quality,
        rated_probability=np.full(len(prompt), RATED),
        cost_usd=world.cost_usd[prompt, action],
        quality_model=believed,
        cost_model=world.expected[prompt],
        predicted=np.clip(expected + OFF * rng.standard_normal(len(prompt)), 0, 1),
        believed=expected,
        slices={"class": np.full(len(prompt), "all"), "cell": world.cell[prompt]},
        cluster=session if turns > 1 else None,
    )


def _loses(world: World, challenger: Challenger, prompt: Rows) -> NDArray[np.bool_]:
    """Where the challenger's lane is worse than the champion's, (n,)."""
    instead = challenger.instead[prompt]
    there = world.quality[prompt, np.maximum(instead, 0)] < world.quality[prompt, world.usual[prompt]]
    return np.asarray((instead >= 0) & there)


def _acting(world: World, challenger: Challenger, prompt: Rows) -> Floats:
    """Something that knows which prompts are hard takes them off the challenger's lane, and the log does not say so."""
    acting = world.logging[prompt].copy()
    rows = np.flatnonzero(_loses(world, challenger, prompt))
    instead, usual = challenger.instead[prompt[rows]], world.usual[prompt[rows]]
    taken = FAULT * acting[rows, instead]
    acting[rows, instead] -= taken
    acting[rows, usual] += taken
    return acting
