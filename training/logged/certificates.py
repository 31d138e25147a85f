"""Certificates of promises from logged outcomes of decisions that were drawn at random.

What is certified is the average of those decisions, not of the ones that no draw decided: what share of a class these
are, a certificate says as ``uncovered``. Beliefs are cross-fitted as for a pack; identical requests stay together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.config import RouterConfig, prices_sha256
from router_ml.errors import OfflineDataError
from router_ml.offline.certify import certify, lambdas_for, logged_gains
from router_ml.offline.feedback import Feedback, of_action
from router_ml.offline.gating.champion import class_rule
from router_ml.storage.database.records import LoggedData
from router_ml.storage.promises import Certificate, Promises
from training.allocation import Outcomes
from training.logged.outcomes import drawable
from training.predicting.certification import Believed, Learn, cross_fit
from training.predicting.identical import same_request

FEWEST = 200  # decisions of a class
MOST = 20_000  # decisions to certify on: more would cost time and change a certificate by less than its seed
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LoggedPromises:
    """Certificates by class, and why other classes have none."""

    promises: Promises
    refused: dict[str, str]


def certify_log(
    data: LoggedData,
    outcomes: Outcomes,
    config: RouterConfig,
    *,
    learn: Learn,
    uniform: NDArray[np.bool_] | None = None,
    seed: int = 0,
    sound: bool = True,
) -> LoggedPromises:
    """A certificate for each traffic class that the log holds enough randomised decisions of.

    Args:
        data: with every embedding known. outcomes: of the same rows, over the configured lanes.
        learn: fits allocation, as ``training.predicting.fitting.learn`` does.
        uniform: (n,) the rows that are there whatever lane answered, by default all; the others only teach.
        sound: whether the log passed its checks; nothing is certified else.
    """
    if not sound:
        return _nothing(config, "the choices in the log do not follow its propensities")
    uniform = np.ones(len(data), dtype=bool) if uniform is None else uniform
    drawn = _drawn(data, config) & uniform
    rows = np.flatnonzero(drawn)
    if len(rows) > MOST:
        rows = np.sort(np.random.default_rng([seed, *b"certify"]).permutation(rows)[:MOST])
    names, counts = np.unique(data.traffic_class[rows], return_counts=True)
    enough = [str(name) for name, count in zip(names, counts, strict=True) if count >= FEWEST]
    if not enough:
        return _nothing(config, f"fewer than {FEWEST} decisions of it were drawn at random")
    same = same_request(data.embeddings)
    rest = outcomes.take(~np.isin(same, same[rows]))  # what teaches every fold holds no request that is certified on
    try:
        believed = cross_fit(outcomes.take(rows), rest, group=same[rows], config=config, learn=learn, seed=seed)
    except OfflineDataError as error:
        return _nothing(config, str(error))
    found, refused = {}, {}
    part = data.select(rows)
    for name in config.traffic_classes:
        mine = np.flatnonzero(part.traffic_class == name)
        if name not in enough:
            refused[name] = f"{len(mine)} of its decisions were drawn at random, {FEWEST} are needed"
            continue
        whole = uniform & (data.traffic_class == name)
        uncovered = 1 - float(drawn[whole].mean())
        try:
            found[name] = _certificate(part.select(mine), believed.take(mine), config, name, uncovered, seed)
        except OfflineDataError as error:
            refused[name] = str(error)
    return LoggedPromises(Promises(found), refused)


def _nothing(config: RouterConfig, why: str) -> LoggedPromises:
    return LoggedPromises(Promises(), dict.fromkeys(config.traffic_classes, why))


def _drawn(data: LoggedData, config: RouterConfig) -> NDArray[np.bool_]:
    """Decisions that were drawn from configured lanes of today's versions, (n,).

    A row is not left out for the lane that it drew, which would be choosing by the draw: all up to the last one that an
    older version answered are.
    """
    versions = {name: lane.version for name, lane in config.lanes.items()}
    planned = [data.lanes[at] if at >= 0 else "" for at in data.action]
    answered = [data.lanes[at] if at >= 0 else plan for at, plan in zip(data.executed, planned, strict=True)]
    old = np.array([versions.get(lane, now) != now for lane, now in zip(answered, data.lane_version, strict=True)])
    since = data.created_at[old].max() if old.any() else None
    fresh = np.ones(len(data), dtype=bool) if since is None else data.created_at > since
    result: NDArray[np.bool_] = data.randomised & (data.action >= 0) & drawable(data, config) & fresh
    return result


def _certificate(
    data: LoggedData, believed: Believed, config: RouterConfig, name: str, uncovered: float, seed: int
) -> Certificate:
    lanes, promised = list(config.lanes), config.traffic_classes[name]
    columns = [data.lanes.index(lane) if lane in data.lanes else -1 for lane in lanes]
    logging, eligible = _columns(data.propensities, columns), _columns(data.eligible, columns) > 0
    eligible &= np.array([lane.enabled for lane in config.lanes.values()])
    action = np.array([lanes.index(lane) if lane in lanes else -1 for lane in data.lanes])[data.action]
    feedback = Feedback(
        action,
        of_action(logging, action),
        data.quality,
        rated_probability=data.rated_probability,
        logging=logging,
    )
    lambdas = lambdas_for(promised)
    gains = logged_gains(
        believed.policy(class_rule(config, name), eligible),
        lambdas,
        feedback,
        promised=promised,
        lanes=lanes,
        model=believed.belief.quality,
    )
    return certify(
        gains,
        lambdas,
        promised,
        basis=f"{len(data)} logged decisions of the class that were drawn at random",
        uncovered=np.full(len(lambdas), uncovered),
        prices_sha256=prices_sha256(config),
        seed=seed,
    )


def _columns(matrix: NDArray[np.floating] | NDArray[np.bool_], columns: list[int]) -> Floats:
    padded = np.concatenate([matrix, np.zeros((len(matrix), 1), matrix.dtype)], axis=1)
    result: Floats = padded[:, columns].astype(np.float64)
    return result
