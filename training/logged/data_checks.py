"""Is a log sound, and what can be concluded from it? Said before anything is learned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from router_ml.allocation.context import Contexts
from router_ml.allocation.quality import EVIDENCE_CAP, Z_90
from router_ml.config import RouterConfig
from router_ml.errors import OfflineDataError
from router_ml.offline.estimating.diagnostics import sample_ratio
from router_ml.offline.feedback import Feedback, of_action
from router_ml.storage.database.records import LoggedData
from router_ml.understanding.classifier import ClassifierSpec
from training.allocation import Outcomes
from training.logged.sample import Counts
from training.predicting.fitting import MIN_OUTCOMES

IMPLAUSIBLE = 0.001
FEW_IN_CELL = 20.0  # outcomes
OFTEN = 0.02  # of the requests
_MOST_NAMED = 6


@dataclass(frozen=True)
class Check:
    """One check of a log; ``passed`` is None where there was too little to check by."""

    name: str
    passed: bool | None
    found: str
    expected: str
    why: str


def check_log(counts: Counts, data: LoggedData | None) -> tuple[Check, ...]:
    """The checks of a log, from its counts and the sample that is learned from."""
    drawn = None if data is None else data.select(data.randomised & (data.action >= 0))
    return (
        _propensities(drawn),
        _ratings(drawn),
        _share(
            "embeddings are kept",
            *_of_ratings(counts, counts.private),
            least=0.5,
            why="Without the embedding of the base's encoder a rating says what a lane did in a cell, not for whom.",
        ),
        _share(
            "answers are of the lanes as they are now",
            *_of_ratings(counts, counts.other_version),
            least=0.5,
            why="What another version or model of a lane did counts for a fifth.",
        ),
        _share(
            "prices are those of today",
            counts.decisions - counts.other_prices,
            counts.decisions,
            least=0.5,
            why="What was paid at other prices does not say how many tokens were written, so such costs teach nothing.",
        ),
        _share(
            "decisions were drawn at random",
            counts.randomised,
            counts.decisions,
            least=0.02,
            why="Where nothing was drawn, a lane was chosen for a reason, and no comparison can take the reason out.",
        ),
    )


def _of_ratings(counts: Counts, without: int) -> tuple[int, int]:
    whole = counts.rated + counts.private
    return whole - without, whole


def _share(name: str, part: int, whole: int, *, least: float, why: str) -> Check:
    found = f"{part} of {whole}" + (f" ({part / whole:.1%})" if whole else "")
    return Check(name, None if not whole else part >= least * whole, found, f"{least:.0%} or more", why)


def _propensities(drawn: LoggedData | None) -> Check:
    name, expected = "choices follow the logged propensities", f"p >= {IMPLAUSIBLE:g}"
    why = "Else propensities are not those that acted, or rows were lost; nothing is certified from such a log."
    if drawn is None or len(drawn) < 2:
        return Check(name, None, "no decision was drawn at random", expected, why)
    try:
        # whatever was rated, the draw can be checked: every row has a reward here
        found = sample_ratio(_feedback(drawn, np.zeros(len(drawn)), None)).p_value
    except OfflineDataError as error:
        return Check(name, False, str(error), expected, why)
    return Check(name, found >= IMPLAUSIBLE, f"p = {found:.3g} on {len(drawn)} decisions", expected, why)


def _ratings(drawn: LoggedData | None) -> Check:
    name, expected = "ratings are as many as P(rated) says", "within what chance explains"
    why = "A missing rating is not a zero; decisions that are still to be rated belong after --until."
    if drawn is None or len(drawn) < 2 or not np.isfinite(drawn.quality).any():
        return Check(name, None, "no decision that was drawn at random is rated", expected, why)
    share = f"{np.isfinite(drawn.quality).mean():.1%} of {len(drawn)} decisions are rated"
    try:
        _feedback(drawn, drawn.quality, drawn.rated_probability)
    except OfflineDataError as error:
        return Check(name, False, str(error), expected, why)
    return Check(name, True, share, expected, why)


def _feedback(drawn: LoggedData, reward: np.ndarray, chance: np.ndarray | None) -> Feedback:
    propensity = of_action(drawn.propensities, drawn.action)
    return Feedback(drawn.action, propensity, reward, rated_probability=chance, logging=drawn.propensities)


def not_concluded(
    counts: Counts | None, outcomes: Outcomes | None, config: RouterConfig, spec: ClassifierSpec
) -> Iterator[str]:
    """What these outcomes do not show, in words.

    Args:
        counts: of a log, None without one. outcomes: all that is learned from, over the configured lanes.
    """
    seen = np.zeros(len(config.lanes)) if outcomes is None else np.isfinite(outcomes.quality).sum(axis=0)
    few = [f"{name} ({int(n)})" for name, n in zip(config.lanes, seen, strict=True) if n < MIN_OUTCOMES]
    if few:
        yield (
            f"How good {', '.join(few)} would be: fewer than {MIN_OUTCOMES} ratings with an embedding, so the prior of "
            "router.yaml stays."
        )
    if outcomes is not None:
        yield from _levels(outcomes, config)
        yield from _cells(outcomes.contexts, outcomes, spec)
    if counts is not None and counts.decisions:
        yield from _confounded(counts)


def _levels(outcomes: Outcomes, config: RouterConfig) -> Iterator[str]:
    wide = []
    for lane, name in enumerate(config.lanes):
        values = outcomes.quality[np.isfinite(outcomes.quality[:, lane]), lane]
        half = Z_90 * values.std() / np.sqrt(len(values)) if len(values) >= MIN_OUTCOMES else 0.0
        if half > 0.02:
            wide.append(f"{name} +-{half:.3f}")
    if wide:
        yield f"Differences between lanes below these 90% margins of their average quality: {', '.join(wide)}."


def _cells(contexts: Contexts, outcomes: Outcomes, spec: ClassifierSpec) -> Iterator[str]:
    """Cells with much traffic and few outcomes of any lane."""
    weight = np.where(np.isfinite(outcomes.quality), outcomes.weights, 0.0).sum(axis=1)
    traffic = contexts.cells() / max(len(contexts), 1)
    evidence = (contexts.intent * weight[:, None]).T @ contexts.domain
    thin = np.argwhere((traffic >= OFTEN) & (evidence < FEW_IN_CELL))
    if len(thin):
        names = [f"{spec.intent.labels[i]}/{spec.domain.labels[k]}" for i, k in thin]
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        yield (
            f"What lanes do in {', '.join(names[:_MOST_NAMED])}{more}: fewer than {FEW_IN_CELL:.0f} ratings each; "
            "estimates there lean on the prior and on other cells."
        )
    rich = (evidence >= EVIDENCE_CAP).sum()
    if not rich:
        yield f"Any cell by itself: none has {EVIDENCE_CAP:.0f} ratings, so every interval is still wide."


def _confounded(counts: Counts) -> Iterator[str]:
    never = [name for name, n in counts.by_lane.items() if n >= MIN_OUTCOMES and not counts.randomised_by_lane[name]]
    if never:
        yield (
            f"Whether {', '.join(never)} would do as well elsewhere: never drawn at random, so their ratings are of "
            "requests that were chosen for them."
        )
    if not counts.randomised:
        yield "Whether the challenger beats the champion, from this log: no decision was drawn at random."
    if counts.private:
        yield (
            f"For which private requests a lane is good: {counts.private} ratings without embedding teach the average "
            "of their cell alone."
        )
