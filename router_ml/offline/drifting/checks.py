"""What a drift report looks at, as one check after another: what comes in, and what each lane makes of it.

Checks that compare samples hand in their statistics under all permutations; ``drift`` judges them together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.drifting import statistics
from router_ml.offline.drifting.blocks import Design, Floats
from router_ml.storage.database.records import LoggedData

LEAST_ROWS = 30  # decisions in each window that a comparison of what comes in needs
LEAST_RATED = 20  # answers of a lane in each window that a comparison of lanes needs
LEAST_PROPENSITY = 0.05  # so that one lucky draw does not stand for a hundred requests
RETRAIN = "Requests are of another kind than the bundle has learned: retrain, and evaluate some of the new ones first "
RETRAIN += "(router-ml next)."


@dataclass(frozen=True)
class Sampled:
    """A check before it is judged. ``statistic`` (b + 1,); ``effect`` in the unit of ``least``, the smallest effect
    that is worth an alarm; ``place``: the block from which on."""

    name: str
    lane: str
    statistic: Floats
    effect: float
    least: float
    found: str
    do: str
    rows: tuple[int, int]
    place: int = -1


@dataclass(frozen=True)
class Skipped:
    """A check that the windows do not allow, and why."""

    name: str
    lane: str
    why: str


@dataclass(frozen=True)
class Windows:
    """Both windows of a log, stacked: the first ``before`` rows are the reference."""

    data: LoggedData
    before: int
    plan: Design
    seed: int

    @property
    def recent(self) -> NDArray[np.bool_]:
        """Which rows are recent, (n,)."""
        return np.arange(len(self.data)) >= self.before

    def counts(self, rows: NDArray[np.bool_]) -> tuple[int, int]:
        """How many of ``rows`` (n,) are in the reference and in the recent window."""
        return int(rows[: self.before].sum()), int(rows[self.before :].sum())


def inputs(windows: Windows) -> Iterator[Sampled | Skipped]:
    """What comes in: embeddings, a classifier that tells the windows apart, and the mix of labels and sizes."""
    data, everything = windows.data, np.ones(len(windows.data), bool)
    if min(windows.counts(everything)) < LEAST_ROWS:
        yield Skipped("inputs", "", f"{windows.counts(everything)} decisions, at least {LEAST_ROWS} in each needed")
        return
    yield from _embeddings(windows)
    mixes = {
        "intent": (data.intent, RETRAIN),
        "domain": (data.domain, RETRAIN),
        "language": (
            data.language,
            "Check that the encoder was validated on the languages that came in; else retrain.",
        ),
        "risk tier": (data.risk_tier, "Look at what brings the tier (router-ml explain): traffic, or a changed rule."),
        "abstention": (
            np.where(data.abstained, "unsure", "sure"),
            "The classifier is unsure of other requests than before: label some, and train it again.",
        ),
    }
    for name, (labels, do) in mixes.items():
        yield _mix(windows, name, labels, do)
    tokens = data.features[:, -1] if data.features.shape[1] else np.full(len(data), np.nan)
    if np.isfinite(tokens).all():
        yield _sizes(windows, tokens.astype(np.float64))
    else:
        yield Skipped("tokens in", "", "features were not kept of every decision")


def _embeddings(windows: Windows) -> Iterator[Sampled | Skipped]:
    data = windows.data
    kept = np.isfinite(data.embeddings).all(axis=1) & (data.embeddings.shape[1] > 0)
    counts = windows.counts(kept)
    if min(counts) < LEAST_ROWS:
        why = f"embeddings were kept of {counts} decisions, at least {LEAST_ROWS} in each window needed"
        yield from (Skipped(name, "", why) for name in ("embedding", "classifier"))
        return
    plan = windows.plan.only(kept)
    embeddings = data.embeddings if kept.all() else data.embeddings[kept]  # a copy may be large
    reduced = statistics.reduce(embeddings, seed=windows.seed)
    value, effect = statistics.discrepancy(reduced, plan, seed=windows.seed)
    found = f"discrepancy of embeddings {effect:.3f}: about that share of requests is of another kind"
    yield Sampled("embedding", "", value, effect, 0.03, found, RETRAIN, counts)
    known = np.nan_to_num(data.features[kept])
    value, area = statistics.told_apart(np.concatenate([reduced, known], axis=1), plan, seed=windows.seed)
    found = f"a classifier tells the windows apart with AUC {area:.3f} (chance .5)"
    yield Sampled("classifier", "", value, area - 0.5, 0.02, found, RETRAIN, counts)


def _mix(windows: Windows, name: str, labels: NDArray[np.str_], do: str) -> Sampled:
    value, distance, moved = statistics.mix(labels, windows.plan)
    named = "; ".join(f"{label or '(none)'} {before:.1%} -> {after:.1%}" for label, before, after in moved[:3])
    counts = windows.counts(np.ones(len(labels), bool))
    return Sampled(name, "", value, distance, 0.03, f"{distance:.1%} of the mix moved: {named}", do, counts)


def _sizes(windows: Windows, tokens: Floats) -> Sampled:
    value, distance, _ = statistics.mix(statistics.binned(tokens), windows.plan)
    before, after = np.median(tokens[: windows.before]), np.median(tokens[windows.before :])
    found = f"median {before:.0f} -> {after:.0f} tokens in; {distance:.1%} of the distribution moved"
    do = "Check limits and expected costs: requests have another length than those that costs were learned from."
    counts = windows.counts(np.ones(len(tokens), bool))
    return Sampled("tokens in", "", value, distance, 0.05, found, do, counts)


def lanes(windows: Windows) -> Iterator[Sampled | Skipped]:
    """What each lane makes of it: quality against what was expected, cost against expected cost, latency."""
    data, rows = windows.data, np.arange(len(windows.data))
    answered = np.where(data.executed >= 0, data.executed, data.action)
    own = (answered == data.action) & (data.action >= 0)  # after a fallback, estimates speak of another lane
    at = rows, np.maximum(answered, 0)
    drawn = np.where(data.randomised, np.nan_to_num(data.propensities[at], nan=1.0), 1.0)
    weight = 1 / (np.maximum(drawn, LEAST_PROPENSITY) * np.nan_to_num(data.rated_probability, nan=1.0))
    residual = data.quality - data.estimated_quality[at]
    with np.errstate(divide="ignore", invalid="ignore"):
        dearer = np.log(data.cost_usd) - np.log(data.estimated_cost_usd[at])
        slow = np.log(data.latency_ms)
    for index, lane in enumerate(data.lanes):
        mine = own & (answered == index)
        if not mine.any():
            continue
        yield from _quality(windows, lane, residual, np.where(mine & np.isfinite(residual), weight, 0.0))
        yield _factor(windows, lane, "cost", dearer, mine)
        yield _factor(windows, lane, "latency", slow, mine)


def _quality(windows: Windows, lane: str, residual: Floats, weight: Floats) -> Iterator[Sampled | Skipped]:
    counts = windows.counts(weight > 0)
    if min(counts) < LEAST_RATED:
        why = f"{counts} rated answers, at least {LEAST_RATED} in each window needed"
        yield from (Skipped(name, lane, why) for name in ("calibration", "change point"))
        return
    do = f"Raise lanes.{lane}.version if its model changed, so that it is probed and learned anew; else retrain."
    value, shift = statistics.mean_shift(residual, weight, windows.plan)
    if not np.isfinite(value[0]):
        why = f"{counts} rated answers weigh as few as {statistics.LEAST_AFTER:g} would, for their propensities"
        yield from (Skipped(name, lane, why) for name in ("calibration", "change point"))
        return
    found = (
        f"quality minus estimate {shift.before:+.3f} -> {shift.after:+.3f} "
        f"(by {shift.change:+.3f} ± {1.96 * shift.standard_error:.3f})"
    )
    yield Sampled("calibration", lane, value, abs(shift.change), 0.01, found, do, counts)
    value, shift = statistics.change_point(residual, weight, windows.plan)
    found = f"quality minus estimate {shift.before:+.3f} before, {shift.after:+.3f} since"
    yield Sampled("change point", lane, value, abs(shift.change), 0.01, found, do, counts, shift.place)


FACTORS = {
    "cost": (
        "logged over expected cost",
        0.02,
        "Compare lanes.{lane}.price with the bill; where it is right, retrain.",
    ),
    "latency": ("latency", 0.05, "Ask the provider of {lane}; set its latency in router.yaml, or a deadline."),
}


def _factor(windows: Windows, lane: str, name: str, logs: Floats, mine: NDArray[np.bool_]) -> Sampled | Skipped:
    """A positive number of a lane, compared by its logarithm."""
    what, least, do = FACTORS[name]
    known = mine & np.isfinite(logs)
    counts = windows.counts(known)
    if min(counts) < LEAST_RATED:
        return Skipped(name, lane, f"{name} is known of {counts} answers, at least {LEAST_RATED} in each window needed")
    value, shift = statistics.mean_shift(logs, known.astype(float), windows.plan)
    factor = float(np.exp(shift.change))
    level = f"{np.exp(shift.before):.3g} -> {np.exp(shift.after):.3g}"
    found = f"{what} {level} (geometric mean, {factor - 1:+.1%})"
    return Sampled(name, lane, value, abs(factor - 1), least, found, do.format(lane=lane), counts)
