"""How routers are compared: what they may see of the training part, and how they are scored on the test part.

A router predicts quality and cost per lane; sweeping lambda over them gives its policies. ``gap_closed`` reads the
whole sweep. ``committed`` fixes lambda on the training part first, from predictions by models that had not seen the
row; where only some outcomes were logged, from doubly robust ones: prediction + (outcome - prediction) / probability.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from router_ml.offline.curves import (
    Plan,
    Policies,
    apgr_cpt,
    budgets,
    commit,
    committed_score,
    evaluate,
    hull,
    realise,
    sweep,
)
from training.allocation import Outcomes
from training.benchmark.contenders import OURS, SHUFFLED, Contender, Entry, Label, Player
from training.benchmark.feedback import Feedback, Logging, observe, stream
from training.benchmark.lesson import CostKind, Floats, Lesson
from training.outcomes import Pack

FOLDS = 3
MIX_STEPS = 161


@dataclass(frozen=True)
class Candidate:
    """A router on test: policies (s, n), plans committed on the training part, and for two lanes the predicted gain of
    the stronger one (n,)."""

    policies: Policies
    plans: tuple[Plan, ...] = ()
    margin: Floats | None = None


@dataclass(frozen=True)
class Contest:
    """All routers on one test part, and the budgets (USD per request, from the training means) they committed to."""

    test: Pack
    budgets: tuple[float, ...]
    candidates: Mapping[Label, Candidate]
    strong: int

    def resample(self, seed: int) -> Contest:
        """A bootstrap of the test part by group."""
        groups, of_row = np.unique(self.test.group, return_inverse=True)
        order = np.argsort(of_row, kind="stable")
        members = np.split(order, np.cumsum(np.bincount(of_row))[:-1])
        drawn = stream(seed, "bootstrap").integers(0, len(groups), len(groups))
        rows = np.concatenate([members[group] for group in drawn])
        candidates = {
            label: Candidate(each.policies[:, rows], each.plans, None if each.margin is None else each.margin[rows])
            for label, each in self.candidates.items()
        }
        return replace(self, test=self.test.take(rows), candidates=candidates)


@dataclass(frozen=True)
class Score:
    """One router on one test part; ``gap_closed`` and ``committed`` in percent, ``spend_vs_budget`` 1 when met.
    None where a number means nothing: committed for controls, cost and quality for sweeps, APGR beyond two lanes."""

    gap_closed: float
    committed: float | None = None
    spend_vs_budget: float | None = None
    cost_usd: float | None = None
    quality: float | None = None
    apgr: float | None = None
    cpt50: float | None = None
    cpt80: float | None = None


def hold_contest(
    train: Pack, test: Pack, field: Sequence[Entry], *, seed: int, step: Callable[[str], None] = lambda name: None
) -> Contest:
    """Fit every router of the ``field`` on ``train`` and let it choose on ``test``; ``step`` hears which one is next.

    Blind controls take part in any case: each fixed lane, a random mix and, with ours, its predictions shuffled.
    """
    spent = budgets(train.quality, train.cost_usd)
    strong = int(train.quality.mean(axis=0).argmax())
    candidates: dict[Label, Candidate] = {
        Label(f"always {name}"): Candidate(np.full((1, len(test.group)), lane)) for lane, name in enumerate(train.lanes)
    }
    candidates[Label("random mix")] = Candidate(_random_mix(train, len(test.group), seed))
    courses: dict[tuple[Feedback, Logging | None], _Course] = {}
    for entry in field:
        step(entry.name)
        if isinstance(entry, Player):
            candidates[entry.label()] = Candidate(entry.play(train, test.contexts, seed))
            continue
        taught = (entry.feedback, entry.logging)
        if taught not in courses:
            courses[taught] = _course(train, *taught, seed)
        candidates |= _run(entry, courses[taught], test, spent, strong)
    return Contest(test, spent, candidates, strong)


def _run(
    contender: Contender, course: _Course, test: Pack, spent: tuple[float, ...], strong: int
) -> dict[Label, Candidate]:
    ahead = _predict(contender, course.whole, test.contexts)
    calibration = _out_of_fold(contender, course)
    margin = ahead.quality[:, strong] - ahead.quality[:, 1 - strong] if len(test.lanes) == 2 else None
    candidates = {}
    for kind in contender.costs:
        plans = _commit(course.whole.outcomes, calibration, kind, spent)
        policies = sweep(ahead.quality, ahead.cost[kind])
        candidates[contender.label(kind)] = Candidate(policies, plans, margin)
    if contender.label("predicted") == OURS:
        order = stream(course.whole.seed, "shuffle").permutation(len(test.group))
        candidates[SHUFFLED] = Candidate(sweep(ahead.quality[order], ahead.cost["predicted"][order]))
    return candidates


def score(contest: Contest) -> dict[Label, Score]:
    """Every router's numbers on the contest's test part."""
    quality, cost = contest.test.quality, contest.test.cost_usd
    policies = {str(index): each.policies for index, each in enumerate(contest.candidates.values())}
    found = evaluate(quality, cost, policies)
    scores = {}
    for (label, candidate), reached in zip(contest.candidates.items(), found.routers.values(), strict=True):
        result = Score(reached.gap_closed)
        if reached.point:
            result = replace(result, cost_usd=reached.point.cost, quality=reached.point.quality)
        if candidate.plans:
            points = [realise(quality, cost, candidate.policies, plan) for plan in candidate.plans]
            kept = committed_score(found.reference, points, contest.budgets)
            result = replace(result, committed=kept.gap_closed, spend_vs_budget=1 + kept.overspend_pct / 100)
        scores[label] = _two_lanes(result, candidate, quality, contest.strong)
    return scores


def _two_lanes(result: Score, candidate: Candidate, quality: Floats, strong: int) -> Score:
    if candidate.margin is None or quality[:, strong].mean() <= quality[:, 1 - strong].mean():
        return result
    two = apgr_cpt(quality[:, 1 - strong], quality[:, strong], candidate.margin)
    return replace(result, apgr=two.apgr, cpt50=two.cpt50, cpt80=two.cpt80)


@dataclass(frozen=True)
class _Predicted:
    quality: Floats
    cost: dict[CostKind, Floats]


@dataclass(frozen=True)
class _Course:
    """What one kind of feedback teaches: all of it, and for each fold its rows and a lesson without them."""

    whole: Lesson
    folds: tuple[tuple[NDArray[np.intp], Lesson], ...]


def _course(train: Pack, feedback: Feedback, logging: Logging | None, seed: int) -> _Course:
    outcomes = observe(train, feedback, logging, seed=seed)
    groups, of_row = np.unique(train.group, return_inverse=True)
    fold = (stream(seed, "folds").permutation(len(groups)) % FOLDS)[of_row]
    lessons = [Lesson(outcomes.take(np.flatnonzero(fold != part)), seed) for part in range(FOLDS)]
    return _Course(
        Lesson(outcomes, seed), tuple((np.flatnonzero(fold == part), each) for part, each in enumerate(lessons))
    )


def _predict(contender: Contender, lesson: Lesson, contexts: Contexts) -> _Predicted:
    cost = {kind: lesson.cost(kind, contexts) for kind in contender.costs}
    return _Predicted(contender.fit(lesson)(contexts), cost)


def _out_of_fold(contender: Contender, course: _Course) -> _Predicted:
    """Predictions for the training rows, each by a model that saw neither the row nor its near-duplicates."""
    outcomes = course.whole.outcomes
    quality = np.empty_like(outcomes.quality)
    cost = {kind: np.empty_like(outcomes.quality) for kind in contender.costs}
    for rows, lesson in course.folds:
        predicted = _predict(contender, lesson, outcomes.contexts.take(rows))
        quality[rows] = predicted.quality
        for kind in contender.costs:
            cost[kind][rows] = predicted.cost[kind]
    return _Predicted(quality, cost)


def _commit(outcomes: Outcomes, calibration: _Predicted, kind: CostKind, spent: tuple[float, ...]) -> tuple[Plan, ...]:
    policies = sweep(calibration.quality, calibration.cost[kind])
    quality = _corrected(calibration.quality, outcomes.quality, outcomes.probability)
    dollars = calibration.cost["mean" if kind == "log" else kind]  # a place on a log scale buys nothing
    cost = _corrected(dollars, outcomes.cost_usd, outcomes.probability)
    return tuple(commit(quality, cost, policies, budget) for budget in spent)


def _corrected(predicted: Floats, observed: Floats, probability: Floats) -> Floats:
    """Doubly robust outcome of every lane: the outcome itself where every lane was seen."""
    seen = np.isfinite(observed)
    return predicted + np.where(seen, (np.where(seen, observed, 0) - predicted) / np.where(seen, probability, 1), 0)


def _random_mix(train: Pack, count: int, seed: int) -> Policies:
    """Mixtures of the fixed lanes on the hull of the training part, from the cheapest to the best, blind to prompts."""
    lane_cost, lane_quality = train.cost_usd.mean(axis=0), train.quality.mean(axis=0)
    vertices = [int(np.flatnonzero(lane_cost == cost)[0]) for cost in hull(lane_cost, lane_quality)[0]]
    place = np.linspace(0, len(vertices) - 1, MIX_STEPS)
    luck = stream(seed, "mix").random((MIX_STEPS, count))
    step = place.astype(int)[:, None] + (luck < (place % 1)[:, None])
    policies: Policies = np.asarray(vertices)[step]
    return policies
