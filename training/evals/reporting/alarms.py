"""When failures are an alarm: when there are more of them than the share that a suite tolerates explains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from router_ml.offline.estimating.clustered import benjamini_hochberg

LEVEL = 0.01
"""How often a lane that fails exactly as often as is tolerated alarms, at most, per failure and suite."""
FALSE = 0.05
"""The same over all tests of a lane: of failures that it alarms for, as many are expected to be chance, at most."""
UNLISTED = "It is not among the failures that the suite says it catches."


@dataclass(frozen=True)
class Failure:
    """A way to fail. ``count`` of ``of`` judged rows; ``means``: the sentence of the suite; ``p_value`` of as many
    where as many as tolerated are to be expected, None where none is tolerated; ``alarm``: for that reason, or by
    ``ring``; ``cases`` that failed so."""

    name: str
    means: str
    count: int
    of: int
    tolerated: float
    alarm: bool
    p_value: float | None
    cases: tuple[str, ...]

    @property
    def share(self) -> float:
        """Of the rows that were judged."""
        return self.count / self.of if self.of else 1.0


def failure(
    name: str, failed: Mapping[str, Sequence[bool]], *, cases: Sequence[str], tolerated: float, means: str | None
) -> Failure:
    """One way to fail, as seen in rows by cluster.

    With nothing tolerated, one failure is an alarm. Else the exact binomial test: P(as many or more) at the tolerated
    share; all tests of a lane together say whether that is an alarm. A cluster counts once, with the share of its
    rows that failed, rounded down over all clusters, so that ten paraphrases of one question are no ten failures.
    """
    count, of = sum(map(sum, failed.values())), sum(map(len, failed.values()))
    listed = UNLISTED if means is None else means
    if tolerated == 0.0:
        return Failure(name, listed, count, of, tolerated, count > 0, None, tuple(cases))
    whole = math.floor(sum(sum(rows) / len(rows) for rows in failed.values() if rows) + 1e-9)
    return Failure(name, listed, count, of, tolerated, False, at_least(whole, len(failed), tolerated), tuple(cases))


def ring(p_values: Sequence[float]) -> list[bool]:
    """Which of the tests of a lane are alarms: each at ``LEVEL``, and so that at most ``FALSE`` of its alarms are
    expected to be chance (Benjamini & Hochberg 1995). Of a lane that is nowhere worse than is tolerated any alarm is.

    >>> ring([0.5, 0.002, 0.009]), any(ring([0.004] + [0.5] * 18)), ring([0.004, 0.001, 0.001] + [0.5] * 16)[:3]
    ([False, True, True], False, [True, True, True])
    """
    claimed = benjamini_hochberg(p_values, level=FALSE)
    return [bool(one) and p < LEVEL for one, p in zip(claimed, p_values, strict=True)]


def at_least(count: int, of: int, share: float) -> float:
    """P(``count`` or more of ``of``) where each fails with probability ``share``.

    >>> round(at_least(3, 20, 0.05), 4), at_least(0, 20, 0.05)
    (0.0755, 1.0)
    """
    if count <= 0:
        return 1.0
    if share >= 1.0:
        return 1.0
    terms = (
        math.exp(
            math.lgamma(of + 1)
            - math.lgamma(k + 1)
            - math.lgamma(of - k + 1)
            + k * math.log(share)
            + (of - k) * math.log1p(-share)
        )
        for k in range(count, of + 1)
    )
    return min(1.0, math.fsum(terms))
