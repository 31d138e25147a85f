"""The checks of the gate that need nothing but a trial: each asks one question, and says what was found.

A promotion needs all of them, so the chance of promoting a challenger that is worse than the margin is at most the
chance that the lower end of its 95% interval fails, whatever the others do (intersection-union, Berger 1982). That is
2.5% in theory; a one-sided 95% bound, which would be enough on paper, fails more often than it says at heavy weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from router_ml.config.schema import Release
from router_ml.offline.estimating.clustered import Z95_ONE_SIDED, Z95_TWO_SIDED, benjamini_hochberg, mean
from router_ml.offline.estimating.reliability import reliability
from router_ml.offline.gating.trial import Comparison, Trial

ALARM = 0.001  # p-value of a data check: such data are wrong, not unlucky
ALARM_Z = 3.290526731491926  # the same, two-sided
ROUNDING = 1e-6  # of quality, and of the champion's mean cost: records are rounded, so equal things differ by less
EQUAL_COST = 0.02  # of the champion's mean cost: a difference below it counts as none
FEWEST_CLUSTERS = 10  # an interval from fewer is a guess
SMALLEST_SLICE = 50  # rated decisions: fewer say nothing
_Z80 = 0.8416212335729143
_MAX_NEEDED = 100_000_000


@dataclass(frozen=True)
class Check:
    """One question: ``passed`` is None where it could not be asked. ``found`` is the number that decided, if there is
    one, ``expected`` what it should be, ``why`` the answer in a sentence."""

    name: str
    passed: bool | None
    found: float | None
    expected: str
    why: str


@dataclass(frozen=True)
class Slice:
    """Quality difference of one part of the traffic with its 95% interval; ``worse``: surely by more than the margin,
    allowing for how many parts were looked at."""

    by: str
    name: str
    rows: int
    rated: int
    value: float
    low: float
    high: float
    worse: bool


def data_checks(trial: Trial, found: Comparison, release: Release) -> Iterator[Check]:
    """Can these data carry a verdict at all?"""
    ratio = found.sample_ratio
    yield Check(
        "sample_ratio",
        ratio.p_value >= ALARM,
        ratio.p_value,
        f"p >= {ALARM:g}",
        "Lanes were drawn as often as their logged propensities say."
        if ratio.p_value >= ALARM
        else "Lanes were not drawn as often as their logged propensities say, or decisions were lost: find out which.",
    )
    average = mean(trial.weight, trial.clusters)
    off = abs(average.value - 1) / average.standard_error if average.standard_error > 1e-9 else 0.0
    yield Check(
        "mean_weight",
        off <= ALARM_Z,
        average.value,
        f"1, within {ALARM_Z:.2f} standard errors of {average.standard_error:.4f}",
        "Importance weights are 1 on average."
        if off <= ALARM_Z
        else f"Importance weights are {off:.1f} standard errors from 1 on average: propensities are not those that "
        "acted, or which decisions are here depends on the lane.",
    )
    effective = found.dr.effective_sample_size
    short = release.min_effective / max(effective, 1e-9)
    yield Check(
        "effective_sample_size",
        effective >= release.min_effective,
        effective,
        f">= {release.min_effective:g}",
        f"{found.rated} rated decisions say as much as {effective:.0f} of the challenger's own."
        + ("" if short <= 1 else f" About {math.ceil(found.rated * short)} rated decisions would be enough."),
    )
    groups = len(np.unique(trial.clusters))
    yield Check(
        "clusters",
        groups >= FEWEST_CLUSTERS,
        float(groups),
        f">= {FEWEST_CLUSTERS}",
        "Each decision counts as independent of the others."
        if trial.cluster is None
        else f"{groups} groups of decisions count as independent: persons, organisations or days.",
    )
    yield Check(
        "support",
        found.off_support <= release.margin,
        found.off_support,
        f"<= {release.margin:g}",
        "The challenger goes where the log could go."
        if found.off_support == 0
        else f"In {found.off_support:.2%} of the choices the challenger goes where the log could not; the lower end "
        "counts each of them as lost. More exploration, or a canary, would show them.",
    )


def result_checks(trial: Trial, found: Comparison, release: Release) -> Iterator[Check]:
    """Is the challenger as good, and cheaper?"""
    low, kept = found.quality_low, found.quality_low >= -release.margin
    needed = ratings_needed(found, release)
    more = "" if kept or needed is None else f" About {needed} rated decisions would show it, if it is so."
    yield Check(
        "quality",
        kept,
        low,
        f"lower end >= {-release.margin:g}",
        f"Quality changes by {found.dr.value:+.4f}, at worst by {low:+.4f}.{more}",
    )
    yield _cost(found)
    gap = trial.disagreement()
    apart = abs(gap.value) / gap.standard_error if gap.standard_error > 1e-9 else 0.0
    yield Check(
        "agreement",
        apart <= ALARM_Z,
        gap.value,
        f"0, within {ALARM_Z:.2f} standard errors of {gap.standard_error:.4f}",
        f"The doubly robust and the self-normalised estimate are {apart:.1f} standard errors apart.",
    )
    yield _calibration(trial)


def _cost(found: Comparison) -> Check:
    expected = f"upper end below 0, or quality up at equal cost (within {EQUAL_COST:.0%})"
    if found.cost_usd is None:
        return Check("cost", None, None, expected, "No cost is known. Report outcomes with cost_usd.")
    high, equal = found.cost_usd.high, EQUAL_COST * found.champion_cost_usd
    better = found.quality_low > ROUNDING and high <= equal
    part = found.cost_usd.value / found.champion_cost_usd if found.champion_cost_usd > 0 else math.nan
    said = f"Cost changes by {1000 * found.cost_usd.value:+.4f} USD per 1,000 decisions ({part:+.1%}), at most by "
    said += f"{1000 * high:+.4f}."
    cheaper = high < -ROUNDING * found.champion_cost_usd  # a challenger that is its champion is not cheaper
    return Check("cost", cheaper or better, high, expected, said + (" Quality is surely up." if better else ""))


def _calibration(trial: Trial) -> Check:
    expected = "the challenger's error is not surely above the champion's"
    if trial.predicted is None or trial.believed is None:
        return Check("calibration", None, None, expected, "Nothing is known of what one of the two expected.")
    rows = trial.feedback.rated & np.isfinite(trial.predicted) & np.isfinite(trial.believed)
    if rows.sum() < SMALLEST_SLICE:
        said = f"{int(rows.sum())} rated decisions have both estimates, {SMALLEST_SLICE} are needed."
        return Check("calibration", None, None, expected, said)
    weight = trial.feedback.rating_weight[rows]
    both = reliability(trial.believed[rows], trial.predicted[rows], trial.quality[rows], weight)
    passed = both.difference <= Z95_ONE_SIDED * both.standard_error
    said = f"What it expects is off by {both.second:.3f}, the champion's estimates by {both.first:.3f}."
    return Check("calibration", passed, both.second, expected, said)


def ratings_needed(found: Comparison, release: Release) -> int | None:
    """Rated decisions after which the quality check passes with 80% probability, if the estimate is the truth; None
    where no number would do."""
    room = found.dr.value - found.off_support - found.lost_quality + release.margin
    if room <= 0:
        return None
    ratio = (Z95_TWO_SIDED + _Z80) * found.dr.standard_error / room
    needed = math.ceil(found.rated * ratio**2)
    return needed if needed <= _MAX_NEEDED else None


def slices_of(trial: Trial, margin: float) -> tuple[Slice, ...]:
    """Parts with enough rated decisions, the worst first."""
    found, p_values = list[Slice](), list[float]()
    rated = trial.feedback.rated
    for by, names in trial.slices.items():
        for name in np.unique(names):
            rows = names == name
            if (count := int((rows & rated).sum())) < SMALLEST_SLICE:
                continue
            gain = mean(trial.gain[rows], trial.clusters[rows])
            half = gain.half()
            p_values.append(1 - gain.p_above(-margin))
            found.append(
                Slice(by, str(name), int(rows.sum()), count, gain.value, gain.value - half, gain.value + half, False)
            )
    worse = benjamini_hochberg(p_values)
    marked = [replace(each, worse=bool(bad)) for each, bad in zip(found, worse, strict=True)]
    return tuple(sorted(marked, key=lambda each: each.value))


def slice_check(slices: tuple[Slice, ...], margin: float) -> Check:
    """Does no part of the traffic pay for the mean?"""
    worse = [each for each in slices if each.worse]
    expected = f"none surely worse by more than {margin:g}"
    if not slices:
        said = f"No part has {SMALLEST_SLICE} rated decisions."
        return Check("slices", None, None, expected, said)
    said = f"None of {len(slices)} parts with {SMALLEST_SLICE} rated decisions is surely worse."
    if worse:
        named = ", ".join(f"{each.by} {each.name} ({each.value:+.3f})" for each in worse[:3])
        said = f"{len(worse)} of {len(slices)} parts are surely worse: {named}."
    return Check("slices", not worse, float(len(worse)), expected, said)
