"""What an estimator answers."""

from __future__ import annotations

from dataclasses import dataclass

from router_ml.offline.estimating.diagnostics import effective_sample_size
from router_ml.offline.estimating.intervals import Spread
from router_ml.offline.estimating.terms import DIAGNOSTIC, Estimator, Terms


@dataclass(frozen=True)
class Estimate:
    """A mean reward per decision, or a difference of two, with its 95% interval. Effective sample size and largest
    weight are those of the rated rows under the target: few effective rows say that the log knows little about it.
    ``standard_error`` is NaN where the interval is not made from one. A ``diagnostic`` is no evidence."""

    name: str
    value: float
    low: float
    high: float
    standard_error: float
    n: int
    effective_sample_size: float
    max_weight: float
    interval: str = "normal"
    diagnostic: bool = False


def estimate_of(estimator: Estimator, terms: Terms, spread: Spread, kind: str, paired: bool) -> Estimate:
    """The estimate with what its weights say of it; ``paired``: a difference of two policies."""
    return Estimate(
        name=f"{estimator} difference" if paired else estimator,
        value=spread.value,
        low=spread.low,
        high=spread.high,
        standard_error=spread.error,
        n=len(terms.used),
        effective_sample_size=effective_sample_size(terms.used),
        max_weight=float(terms.used.max()),
        interval=kind,
        diagnostic=estimator in DIAGNOSTIC,
    )
