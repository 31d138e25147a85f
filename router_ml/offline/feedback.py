"""Logged bandit feedback, checked: what every off-policy estimate starts from.

Rows are decisions that were drawn at random with known propensity. The action is the planned lane together with its
fallbacks (intention to treat). A missing rating is not a zero: rated rows are weighted by 1 / P(rated).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from router_ml.errors import OfflineDataError
from router_ml.offline.estimating.feedback_checks import (
    TOLERANCE,
    UNRATED,
    Floats,
    check_distribution,
    check_draws,
    check_late,
    check_lengths,
    check_policy,
    check_ratings,
    of_action,
    rating_known,
    unexplained_share,
)

if TYPE_CHECKING:
    from router_ml.storage.database.records import LoggedData

__all__ = ["TOLERANCE", "UNRATED", "Feedback", "Floats", "Part", "check_distribution", "of_action"]

_REAL = ("propensity", "reward", "rated_probability", "logging")


@dataclass(frozen=True)
class Feedback:
    """Logged decisions, all (n,): ``action`` (index of the planned lane), ``propensity`` (probability with which it was
    drawn), ``reward`` (NaN = not rated), ``rated_probability`` (of being picked for rating, default 1; only rated rows
    need one). Optional: ``logging`` (n, lanes), the full propensities, for support and sample-ratio checks;
    ``cluster`` (n,) such as the user, for intervals that allow for dependence within a cluster; ``left_out``, how many
    further decisions are not here because they were not randomised.

    Bernstein and betting intervals also need the design: ``bounds``, the range that a reward can have; ``least_rated``,
    the least P(rated) of the rating plan, unless ``rarest`` finds it; ``least_propensity``, below which no lane that
    can be drawn ever falls, where ``logging`` may not show it (later policies were chosen by earlier outcomes).

    A few ratings always get lost: half a percent of the decisions may be unrated beyond what P(rated) explains. They
    count as nothing, so a model speaks for them where there is one; ``unexplained`` says how many they are.

    Raises:
        OfflineDataError: a value that no randomised log can hold, or more ratings missing than that.
    """

    action: NDArray[np.int64]
    propensity: Floats
    reward: Floats
    rated_probability: Floats | None = None
    logging: Floats | None = None
    cluster: NDArray[Any] | None = None
    left_out: int = 0
    bounds: tuple[float, float] | None = None
    least_rated: float | None = None
    least_propensity: float | None = None

    whole: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name, kind in (("action", None), ("cluster", None), *((name, float) for name in _REAL)):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else np.asarray(value, dtype=kind))
        check_lengths(self)
        check_draws(self)
        check_ratings(self)

    def __len__(self) -> int:
        return len(self.action)

    @property
    def rated(self) -> NDArray[np.bool_]:
        """Which decisions have a reward: (n,)."""
        return np.isfinite(self.reward)

    @property
    def rating_weight(self) -> Floats:
        """1 / P(rated) where rated, 0 elsewhere: (n,), 1 on average."""
        weight = np.zeros(len(self))
        weight[self.rated] = 1.0 if self.rated_probability is None else 1 / self.rated_probability[self.rated]
        return weight

    @property
    def unexplained(self) -> float:
        """Share of the decisions that are unrated beyond what P(rated) and chance explain."""
        return unexplained_share(self)

    @property
    def rarest(self) -> float:
        """The least P(rated) that a decision can have: as declared, of all decisions where all have one, else the one
        that all rated decisions share. Never of those that happened to be rated: the rarest are mostly not among them.

        Raises:
            OfflineDataError: P(rated) differs, is known of rated decisions only, and ``least_rated`` is not declared.
        """
        if self.least_rated is not None:
            return self.least_rated
        if self.rated_probability is None:
            return 1.0
        seen = self.rated_probability[self.rated]
        least, known = float(seen.min()), rating_known(self)
        if known.all():
            return float(self.rated_probability.min())
        if seen.max() - least <= TOLERANCE and not (self.rated_probability < least - TOLERANCE).any():
            return least
        raise OfflineDataError(
            f"Rated decisions have P(rated) from {least:g} to {seen.max():g}; {int((~known).sum())} others have none. "
            "The largest weight must not depend on what was rated: give P(rated) of every decision, or declare the "
            "least of the rating plan, Feedback(least_rated=...)."
        )

    def weights(self, target: ArrayLike) -> Floats:
        """Importance weights (n,) of a policy (n, lanes): its probability of the logged action over the propensity.

        Raises:
            OfflineDataError: not a policy over these lanes, or one that goes where the log could not.
        """
        policy = np.asarray(target, dtype=float)
        check_policy(policy, self)
        return of_action(policy, self.action) / self.propensity

    @classmethod
    def from_log(
        cls,
        data: LoggedData,
        *,
        reward: Literal["quality", "cost_usd"] = "quality",
        rated_probability: ArrayLike | None = None,
        least_rated: float | None = None,
    ) -> Feedback:
        """The randomised rows of a log. A target policy belongs to the same rows: ``data.select(data.randomised)``.

        A rating that came after the attribution window (``data.late``) is no rating, so P(rated) is that of a rating in
        time. Where everything was to be rated, leave such rows out first, if nothing about request or lane delays them:
        ``data = data.select(~data.late)``. That is not done here, because a policy's rows would no longer be these.

        Args:
            rated_probability: of those rows, such as ``estimating.ratings`` estimates it; by default as logged.
            least_rated: of the rating plan, as in ``Feedback``; a log knows P(rated) of rated rows only.

        Raises:
            OfflineDataError: as ``Feedback``, or rows are late though everything was to be rated.
        """
        rows = data.select(data.randomised)
        logged = rows.rated_probability if rated_probability is None else rated_probability
        check_late(rows, getattr(rows, reward), None if reward == "cost_usd" else np.asarray(logged, dtype=float))
        return cls(
            action=rows.action,
            propensity=of_action(rows.propensities, rows.action),
            reward=getattr(rows, reward),
            rated_probability=np.asarray(logged, dtype=float) if reward == "quality" else None,
            logging=rows.propensities,
            left_out=len(data) - len(rows),
            bounds=(0.0, 1.0) if reward == "quality" else None,
            least_rated=least_rated if reward == "quality" else None,
        )


class Part(Feedback):
    """Some rows of a log whose other rows are elsewhere. What only the whole log can show (whether anything is rated,
    whether P(rated) explains what is missing) is not looked at: ``rating_sums`` of all parts together tell."""

    whole: ClassVar[bool] = False
