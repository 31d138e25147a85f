"""What a challenger would have done with a log of its champion: the arrays that the gate judges.

Intention to treat: the action is the planned lane. Rows that were not randomised are left out and counted: the
estimates speak of the others. The log must hold decisions that the challenger has not learned from; on its own training
rows any policy looks better than it is. Batch prices and cached tokens of a session are not in the log's arrays:
decisions made with them are judged at full prices.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from router_ml.allocation.estimate import Allocation, Estimates, estimate, preferred
from router_ml.allocation.select import Rule, distribution
from router_ml.config import RouterConfig, prices_sha256
from router_ml.errors import OfflineDataError
from router_ml.offline.estimating.ratings import of_log
from router_ml.offline.feedback import of_action
from router_ml.offline.gating.trial import Comparison, Trial, comparison
from router_ml.storage.database.records import LoggedData
from router_ml.storage.promises import Promises

Floats = NDArray[np.float64]

Cluster = Literal["person", "org", "day", "none"]
Ratings = Literal["logged", "modelled"]
CHAMPION = "champion"  # the arm that judges


def logged_contexts(data: LoggedData, sizes: tuple[int, int, int]) -> Contexts:
    """Contexts of logged decisions that kept their embedding.

    Args:
        sizes: number of surface features, intents and domains.

    Raises:
        OfflineDataError: the log was written by a bundle with other features.
    """
    features = data.features if len(data) else np.zeros((0, sum(sizes) + 1), np.float32)
    return split_features(data.embeddings, features, sizes)


def split_features(
    embeddings: NDArray[np.float32], features: NDArray[np.float32], sizes: tuple[int, int, int]
) -> Contexts:
    """Contexts of embeddings (n, d) and features (n, f) as a log keeps them; ``sizes`` and errors as above."""
    expected = sum(sizes) + 1
    if features.shape[1] != expected:
        raise OfflineDataError(
            f"The log keeps {features.shape[1]} features per decision, this bundle expects {expected}. "
            "Use the bundle that logged them, or only newer rows."
        )
    surface, intent, domain, tokens = np.split(features, np.cumsum(sizes), axis=1)
    return Contexts(embeddings, surface, intent, domain, tokens[:, 0].astype(np.int64))


def class_rule(config: RouterConfig, name: str, promises: Promises | None = None) -> Rule:
    """What selection is asked for in a traffic class, before any pacing: what ``promises`` certify holds here too.

    Raises:
        OfflineDataError: it is not configured.
    """
    if name not in config.traffic_classes:
        known = ", ".join(config.traffic_classes)
        raise OfflineDataError(f"Traffic class {name!r} is not configured. Known classes: {known}.")
    promised = config.traffic_classes[name]
    rule = replace(Rule.of(promised, config.exploration), margin=config.stability.margin)
    largest = promises.largest(name, promised, prices_sha256=prices_sha256(config)) if promises else None
    return rule if largest is None else replace(rule, quality_per_usd=min(rule.quality_per_usd, largest))


def policy_of(
    allocation: Allocation,
    config: RouterConfig,
    contexts: Contexts,
    *,
    eligible: NDArray[np.bool_],
    traffic_class: NDArray[np.str_],
    promises: Promises | None = None,
) -> tuple[Floats, Estimates]:
    """Propensities (n, L) over the configured lanes that a bundle gives to these requests, and its estimates.

    Raises:
        OfflineDataError: a traffic class is not configured any more.
    """
    estimates = estimate(allocation, config.lanes, contexts)
    belief = estimates.belief
    result = np.zeros(eligible.shape)
    for name in np.unique(traffic_class):
        rows, rule = np.flatnonzero(traffic_class == name), class_rule(config, str(name), promises)
        part = belief.take(rows)
        cost, allowed = estimates.cost_usd[rows], eligible[rows]
        exploit = preferred(part, cost, estimates.typical.take(rows), allowed, rule)
        result[rows] = distribution(part, cost, allowed, rule, exploit=exploit)
    return result, estimates


def trial_of(
    challenger: Allocation,
    config: RouterConfig,
    data: LoggedData,
    *,
    sizes: tuple[int, int, int],
    promises: Promises | None = None,
    champion: RouterConfig | None = None,
    cluster: Cluster = "person",
    ratings: Ratings = "logged",
) -> Trial:
    """A challenger before a log of its champion, at the lambdas that its ``promises`` certify.

    A lane that is gone, or another model or version by now, is a lane of its own there, which the challenger cannot
    take any more.

    Args:
        sizes: number of surface features, intents and domains.
        champion: the configuration that the log was written under. Lanes that it does not have count as eligible
            everywhere, since no record says where they are not; without it, they count as eligible nowhere.
        cluster: decisions of one ``person``, ``org`` or ``day`` depend on each other; those of nobody known stand
            alone, with ``none`` all do.
        ratings: ``modelled``: P(rated) is estimated, by ``ratings.of_log``.

    Raises:
        OfflineDataError: nothing in the log was drawn at random with its embedding kept.
    """
    part, left_out = _judging(data)
    names, old = list(config.lanes), old_lanes(part, config, champion)
    lanes = (*names, *(f"{lane} (as logged)" for lane in old))
    place = np.array([len(names) + old.index(lane) if lane in old else names.index(lane) for lane in part.lanes])

    def over_lanes(values: NDArray[np.float64], absent: float) -> Floats:
        result = np.full((len(part), len(lanes)), absent)
        result[:, place] = values
        return result

    known = [part.lanes.index(lane) if lane in part.lanes else -1 for lane in names]
    eligible = np.concatenate([part.eligible, np.zeros((len(part), 1), bool)], axis=1)[:, known]
    if champion is not None:
        eligible[:, [lane not in champion.lanes for lane in names]] = True
    eligible &= np.array([lane.enabled for lane in config.lanes.values()])
    target, estimates = policy_of(
        challenger,
        config,
        logged_contexts(part, sizes),
        eligible=eligible,
        traffic_class=part.traffic_class,
        promises=promises,
    )
    action = place[part.action]
    believed = over_lanes(part.estimated_quality, np.nan)
    clusters = _clusters(part, cluster)
    cost, more = over_lanes(part.estimated_cost_usd, np.nan), np.zeros((len(part), len(old)))
    expected = np.concatenate([estimates.cost_usd, more], axis=1)
    return Trial(
        lanes=lanes,
        target=np.concatenate([target, more], axis=1),
        logging=over_lanes(part.propensities, 0.0),
        action=action,
        quality=part.quality,
        rated_probability=of_log(part, groups=clusters) if ratings == "modelled" else part.rated_probability,
        cost_usd=part.cost_usd,
        quality_model=np.nan_to_num(believed),
        cost_model=np.where(np.isfinite(cost), cost, expected),
        predicted=of_action(np.concatenate([estimates.belief.quality, more + np.nan], axis=1), action),
        believed=of_action(believed, action),
        slices={"class": part.traffic_class, "cell": np.char.add(np.char.add(part.intent, "/"), part.domain)},
        cluster=clusters,
        left_out=left_out,
    )


def compare(
    challenger: Allocation,
    config: RouterConfig,
    data: LoggedData,
    *,
    sizes: tuple[int, int, int],
    promises: Promises | None = None,
) -> Comparison:
    """All estimates of a challenger on a log; raises as ``trial_of`` and ``Feedback`` do."""
    return comparison(trial_of(challenger, config, data, sizes=sizes, promises=promises))


def _judging(data: LoggedData) -> tuple[LoggedData, dict[str, int]]:
    """The rows that can judge, and why others cannot."""
    embedded = np.isfinite(data.embeddings).all(axis=1) & (data.embeddings.shape[1] > 0)
    own: NDArray[np.bool_] = np.asarray(getattr(data, "arm", np.full(len(data), CHAMPION))) == CHAMPION
    drawn = own & data.randomised & embedded
    if len(data) == 0:
        raise OfflineDataError(
            "No decision of the champion was logged that the challenger has not learned from. Let the champion go on, "
            "or retrain with --until a date before the last decisions: these then judge."
        )
    if drawn.sum() < 2:
        raise OfflineDataError(
            f"{int(drawn.sum())} of {len(data)} logged decisions were drawn at random with their embedding kept, "
            "expected 2 or more. Wait for traffic, and allow exploration in a traffic class."
        )
    why = {
        "of another arm": ~own,
        "not randomised": own & ~data.randomised,
        "embedding not kept": own & data.randomised & ~embedded,
    }
    return data.select(drawn), {reason: int(rows.sum()) for reason, rows in why.items() if rows.any()}


def old_lanes(data: LoggedData, config: RouterConfig, champion: RouterConfig | None) -> list[str]:
    """Logged lanes that are gone, or were another model or version when they were drawn."""
    found = []
    for index, lane in enumerate(data.lanes):
        rows, now = data.action == index, config.lanes.get(lane)
        then = None if champion is None else champion.lanes.get(lane)
        if now is None or (then is not None and (then.model, then.version) != (now.model, now.version)):
            found.append(lane)
            continue
        answered = rows & ((data.executed == index) | (data.executed < 0))
        if (data.model[rows] != now.model).any() or (data.lane_version[answered] != now.version).any():
            found.append(lane)
    return found


def _clusters(data: LoggedData, by: Cluster) -> NDArray[np.str_] | NDArray[np.intp] | None:
    """Decisions of nobody known stand alone; None where all do."""
    if by == "org":
        return data.org
    if by == "day":
        return data.created_at.astype("datetime64[D]").astype(str)
    known = data.subject != ""
    if by == "none" or not known.any():
        return None
    person = np.unique(data.subject, return_inverse=True)[1].reshape(len(data))
    return np.where(known, person, -1 - np.arange(len(data)))
