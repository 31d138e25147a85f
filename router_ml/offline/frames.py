"""Off-policy evaluation of a ``pandas.DataFrame``, one row per decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import MissingExtraError, OfflineDataError
from router_ml.offline import ope
from router_ml.offline.estimating.support import support
from router_ml.offline.feedback import Feedback, Floats

OPTIONAL = ("rated_probability", "cluster", "decision_id")


def feedback_from_frame(
    frame: Any, *, lanes: Sequence[str], reward: str = "reward", bounds: tuple[float, float] | None = None
) -> Feedback:
    """Logged decisions of a frame with columns ``lane`` (a name), ``propensity__<lane>`` for each of ``lanes``, and
    ``reward`` (missing = not rated); optional ``rated_probability``, ``cluster`` and ``decision_id``.

    Raises:
        OfflineDataError: a column is missing, a lane is not among ``lanes``, a decision is there twice, or as
            ``Feedback``.
    """
    needed = ["lane", reward, *(f"propensity__{lane}" for lane in lanes)]
    _columns(frame, needed, "The log")
    if "decision_id" in frame.columns and frame["decision_id"].duplicated().any():
        twice = frame.loc[frame["decision_id"].duplicated(), "decision_id"]
        raise OfflineDataError(
            f"{len(twice)} decisions are there more than once, first {twice.iloc[0]!r}. Join outcomes one to one."
        )
    place = {lane: number for number, lane in enumerate(lanes)}
    unknown = sorted({str(lane) for lane in frame["lane"].unique() if lane not in place})
    if unknown:
        raise OfflineDataError(
            f"The log holds lanes {', '.join(unknown)}; expected {', '.join(lanes)}. Name every lane."
        )
    logging = frame[[f"propensity__{lane}" for lane in lanes]].to_numpy(float)
    action = frame["lane"].map(place).to_numpy(np.int64)
    extra: dict[str, Any] = {name: frame[name].to_numpy() for name in OPTIONAL[:2] if name in frame.columns}
    return Feedback(
        action=action,
        propensity=logging[np.arange(len(frame)), action],
        reward=frame[reward].to_numpy(float),
        logging=logging,
        bounds=bounds,
        **extra,
    )


def evaluate_policies(
    frame: Any,
    policies: Mapping[str, Any],
    *,
    lanes: Sequence[str],
    features: Sequence[str] = (),
    reward: str = "reward",
    baseline: Literal["logging"] | str | None = None,
    bootstrap: int = 0,
    seed: int = 0,
) -> Any:
    """One row per policy and estimator: ``policy``, the fields of ``ope.Estimate``.

    Args:
        frame: as in ``feedback_from_frame``.
        policies: name to probabilities over ``lanes``: an array (n, lanes) or a frame with a column per lane, or the
            prefix of columns ``<prefix>__<lane>`` of ``frame``.
        features: numeric columns for the reward model, which is cross-fitted; without them no DR.
        baseline: ``"logging"`` or the name of a policy, for differences from it instead of values.

    Raises:
        OfflineDataError: as ``feedback_from_frame`` and ``Feedback.weights``.
        MissingExtraError: pandas is not installed.
    """
    pandas = _pandas()
    feedback = feedback_from_frame(frame, lanes=lanes, reward=reward)
    tables = {name: _policy(frame, policy, lanes) for name, policy in policies.items()}
    if baseline is not None and baseline != "logging" and baseline not in tables:
        raise OfflineDataError(f"There is no policy {baseline!r} to compare with; found {', '.join(tables)}.")
    model = None
    if features:
        _columns(frame, features, "The log")
        model = ope.cross_fit(ope.ridge(len(lanes)), frame[list(features)].to_numpy(float), feedback, seed=seed)
    other = None if baseline is None else feedback.logging if baseline == "logging" else tables[baseline]
    rows = []
    for name, table in tables.items():
        if name == baseline:
            continue
        found = ope.evaluate_all(table, feedback, reward_model=model, baseline=other, bootstrap=bootstrap, seed=seed)
        rows += [{"policy": name, **asdict(each)} for each in found.values()]
    return pandas.DataFrame(rows)


def support_frame(frame: Any, policy: Any, *, lanes: Sequence[str], reward: str = "reward") -> Any:
    """``support`` as a frame, one row per lane.

    Raises:
        OfflineDataError, MissingExtraError: as ``evaluate_policies``.
    """
    pandas = _pandas()
    feedback = feedback_from_frame(frame, lanes=lanes, reward=reward)
    rows = [asdict(each) for each in support(_policy(frame, policy, lanes), feedback, lanes=lanes)]
    for row in rows:
        row |= dict(zip(("weight_50", "weight_90", "weight_99", "weight_max"), row.pop("weights"), strict=True))
    return pandas.DataFrame(rows)


def _policy(frame: Any, policy: Any, lanes: Sequence[str]) -> Floats:
    if isinstance(policy, str):
        names = [f"{policy}__{lane}" for lane in lanes]
        _columns(frame, names, f"The policy {policy}")
        table: NDArray[np.float64] = frame[names].to_numpy(float)
        return table
    if hasattr(policy, "columns"):
        _columns(policy, lanes, "A policy")
        if len(policy) == len(frame) and not policy.index.equals(frame.index):
            raise OfflineDataError(
                "A policy's index is not that of the log. Give both the same rows in the same order."
            )
        return np.asarray(policy[list(lanes)].to_numpy(float), dtype=float)
    return np.asarray(policy, dtype=float)


def _columns(frame: Any, names: Sequence[str], what: str) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise OfflineDataError(
            f"{what} has no column {', '.join(missing)}; found {', '.join(map(str, frame.columns))}."
        )


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise MissingExtraError("pandas", "offline") from None
    return pandas
