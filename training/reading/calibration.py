"""Temperatures, thresholds and the promises behind them, from scores of rows that the model has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from router_ml.understanding.classifier import HEADS, ClassifierSpec, Head, Promise, RiskHead
from training.labelled.examples import UNKNOWN, Targets, Taxonomy

Floats = NDArray[np.float32]
ERROR, DELTA = 0.10, 0.10  # among answered requests, and how often that promise may be broken
RISK_RECALL, FALSE_POSITIVES = 0.96, 0.04
NEVER = 2.0  # no probability reaches it
TAIL, MIN_TAIL = 0.9, 10  # quantile of harmless scores, and how many must lie above it
GRID = np.arange(0.99, 0.09, -0.01).round(2)  # fixed beforehand, strictest first


def uncalibrated(taxonomy: Taxonomy) -> ClassifierSpec:
    """Heads that pass scores through: for training, and for measuring before calibration."""
    intent, domain, mode = (Head(taxonomy.head(name), 1.0, 0.0) for name in HEADS)
    count = len(taxonomy.risks)
    risks = RiskHead(taxonomy.risks, (1.0,) * count, (0.0,) * count, (0.5,) * count, (0.0,) * count)
    return ClassifierSpec(intent, domain, mode, risks)


def temperature(scores: Floats, truth: NDArray[np.int64]) -> float:
    """The temperature (Guo et al., 2017) that minimises the log loss of scores (n, k) of unseen rows."""
    from scipy.optimize import minimize_scalar

    def log_loss(log_heat: float) -> float:
        scaled = scores / np.exp(log_heat)
        shifted = scaled - scaled.max(axis=1, keepdims=True)
        normaliser = np.log(np.exp(shifted).sum(axis=1))
        return float((normaliser - shifted[np.arange(len(truth)), truth]).mean())

    return float(np.exp(minimize_scalar(log_loss, bounds=(-2, 3), method="bounded").x))


def platt(scores: Floats, truth: Floats) -> tuple[float, float]:
    """Slope and offset (Platt, 1999) of the logit of one risk; (1, 0) where all rows agree."""
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(truth)) < 2:
        return 1.0, 0.0
    model = LogisticRegression(C=10.0).fit(scores[:, None], truth > 0)
    return max(float(model.coef_[0, 0]), 1e-3), float(model.intercept_[0])


def softmax(scores: Floats) -> Floats:
    """Probabilities by row."""
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Floats = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result


def abstention(
    probabilities: Floats, truth: NDArray[np.int64], *, error: float, delta: float
) -> tuple[float, Promise | None]:
    """The lowest confidence from which on at most a share ``error`` of the answered rows is wrong, promised.

    Learn-then-test (Angelopoulos et al., 2021) with fixed-sequence testing: thresholds are tested from the strictest on
    and the first that cannot be proven ends the search, so that P(error among answered > ``error``) <= ``delta`` over
    the draw of the rows. Errors are 0/1, so the p-value of a threshold is the exact binomial tail. It holds for each
    head by itself, and for requests like the calibration rows. Without a threshold that can be proven, everything
    abstains.
    """
    from scipy.stats import binom

    confidence, wrong = probabilities.max(axis=1), probabilities.argmax(axis=1) != truth
    lowest: float | None = None
    for threshold in GRID:
        answered = confidence >= threshold
        count = int(answered.sum())
        if (1 - error) ** count > delta:
            continue  # so few that not even no error at all would prove it
        if binom.cdf(int(wrong[answered].sum()), count, error) > delta:
            break
        lowest = float(threshold)
    return (NEVER, None) if lowest is None else (lowest, Promise(error, 1 - delta, len(truth)))


def recall_threshold(probability: Floats, truth: Floats, *, recall: float, false_positives: float) -> float:
    """The highest threshold that reaches ``recall``; where that lets more than ``false_positives`` fire, the lowest
    that does not. One half where there is nothing to choose by."""
    positive, negative = np.sort(probability[truth > 0]), np.sort(probability[truth == 0])
    for_recall, for_precision = (
        (np.float32(0.5),) * 2 if not len(positive) else (positive[int(len(positive) * (1 - recall))], np.float32(0))
    )
    if len(negative):
        at = min(int(np.ceil(len(negative) * (1 - false_positives))), len(negative) - 1)
        for_precision = np.nextafter(negative[at], np.float32(1))
    return float(np.clip(max(for_recall, for_precision), 0.01, 0.99))


def excess(scores: Floats, truth: Floats) -> float:
    """How much the highest of e times as many harmless scores is higher: the mean excess of the scores (n,) of rows
    without the risk over their 90% quantile, which is the scale of an exponential tail (Embrechts et al., 1997)."""
    quiet = scores[truth == 0]
    if len(quiet) < MIN_TAIL / (1 - TAIL):
        return 0.0
    limit = np.quantile(quiet, TAIL)
    return round(float((quiet[quiet > limit] - limit).mean()), 4)


def calibrate(
    raw: Floats,
    targets: Targets,
    *,
    errors: Mapping[str, float] = MappingProxyType({}),
    limits: Mapping[str, float] = MappingProxyType({}),
) -> ClassifierSpec:
    """Temperatures and thresholds from scores (n, k) of rows that the model has not seen.

    Args:
        errors: promised error among answered by head, where another than ``ERROR``.
        limits: false positives allowed by risk, where others than ``FALSE_POSITIVES``.
    """
    cuts = targets.taxonomy.cuts
    heads = []
    for name, part in zip(HEADS, np.split(raw, cuts, axis=1), strict=False):
        labels, truth = targets.taxonomy.head(name), targets.truth(name)
        known = truth != UNKNOWN
        if not known.any():
            heads.append(Head(labels, 1.0, NEVER))
            continue
        heat = temperature(part[known], truth[known])
        probabilities = softmax(part[known] / np.float32(heat))
        below, promise = abstention(probabilities, truth[known], error=errors.get(name, ERROR), delta=DELTA)
        heads.append(Head(labels, heat, below, promise))
    slopes, offsets, thresholds, per_piece = [], [], [], []
    for at, risk in enumerate(targets.taxonomy.risks):
        there = targets.risks[:, at]
        known = np.isfinite(there)
        score = raw[known, cuts[-1] + at]
        slope, offset = platt(score, there[known])
        probability = 1 / (1 + np.exp(-(slope * score + offset)))
        limit = limits.get(risk, FALSE_POSITIVES)
        per_piece.append(excess(score, there[known]))
        slopes.append(slope)
        offsets.append(offset)
        thresholds.append(recall_threshold(probability, there[known], recall=RISK_RECALL, false_positives=limit))
    names = targets.taxonomy.risks
    risks = RiskHead(names, tuple(slopes), tuple(offsets), tuple(thresholds), tuple(per_piece))
    return ClassifierSpec(heads[0], heads[1], heads[2], risks)
