"""Would another bundle have done better on what was logged? Quality and cost, challenger minus champion.

Intention to treat: the action is the planned lane. Rows that were not randomised, and rows where the challenger would
go where the log could not, are left out and counted: the estimates speak of the others. The log must hold decisions
that the challenger has not learned from; on its own training rows any policy looks better than it is. Batch prices and
cached tokens of a session are not in the log's arrays: decisions made with them are judged at full prices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from router_ml.allocation.estimate import Allocation, Estimates, estimate, preferred
from router_ml.allocation.quality import Belief
from router_ml.allocation.select import Rule, distribution
from router_ml.config import RouterConfig, prices_sha256
from router_ml.errors import OfflineDataError
from router_ml.offline.ope import Estimate, Feedback, SampleRatio, difference, sample_ratio
from router_ml.storage.promises import Promises
from router_ml.storage.records import LoggedData

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Challenger minus champion per decision, with 95% intervals.

    ``dr``: quality, doubly robust, the headline; ``snips``: quality, as a check; ``cost_usd``: cost, doubly robust.
    ``rows`` were used, of ``rated`` with an outcome; ``not_randomised`` and ``no_support`` were left out.
    """

    dr: Estimate
    snips: Estimate
    cost_usd: Estimate
    sample_ratio: SampleRatio
    rows: int
    rated: int
    not_randomised: int
    no_support: int

    def verdict(self, margin: float, min_effective: float = 100.0) -> str:
        """``promote`` if quality is at most ``margin`` worse with 97.5% confidence and cost is surely lower, or quality
        is surely better; ``reject`` if it is surely worse; else, or with fewer than ``min_effective`` effective rows or
        choices that do not follow the logged propensities, ``hold``."""
        if self.dr.effective_sample_size < min_effective or self.sample_ratio.p_value < 0.001:
            return "hold"
        if self.dr.high < -margin:
            return "reject"
        if self.dr.low >= -margin and (self.cost_usd.high < 0 or self.dr.low > 0):
            return "promote"
        return "hold"


def logged_contexts(data: LoggedData, sizes: tuple[int, int, int]) -> Contexts:
    """Contexts of logged decisions that kept their embedding.

    Args:
        sizes: number of surface features, intents and domains.

    Raises:
        OfflineDataError: the log was written by a bundle with other features.
    """
    expected = sum(sizes) + 1
    features = data.features if len(data) else np.zeros((0, expected), np.float32)
    if features.shape[1] != expected:
        raise OfflineDataError(
            f"The log keeps {features.shape[1]} features per decision, this bundle expects {expected}. "
            "Use the bundle that logged them, or only newer rows."
        )
    surface, intent, domain, tokens = np.split(features, np.cumsum(sizes), axis=1)
    return Contexts(data.embeddings, surface, intent, domain, tokens[:, 0].astype(np.int64))


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
        part = Belief(belief.quality[rows], belief.low[rows], belief.high[rows], belief.evidence[rows])
        cost, allowed = estimates.cost_usd[rows], eligible[rows]
        exploit = preferred(part, cost, estimates.typical.take(rows), allowed, rule)
        result[rows] = distribution(part, cost, allowed, rule, exploit=exploit)
    return result, estimates


def compare(
    challenger: Allocation,
    config: RouterConfig,
    data: LoggedData,
    *,
    sizes: tuple[int, int, int],
    promises: Promises | None = None,
) -> Comparison:
    """Evaluate a challenger on a log, at the lambdas that its ``promises`` certify.

    Raises:
        OfflineDataError: nothing in the log was drawn at random with its embedding kept.
    """
    lanes = list(config.lanes)
    embedded = np.isfinite(data.embeddings).all(axis=1) & (data.embeddings.shape[1] > 0)
    drawn = data.randomised & embedded
    if not drawn.any():
        raise OfflineDataError(
            f"None of {len(data)} logged decisions was drawn at random with its embedding kept. "
            "Allow exploration in a traffic class first."
        )
    part = data.select(drawn)
    columns = [part.lanes.index(lane) if lane in part.lanes else -1 for lane in lanes]
    logging, eligible = _columns(part.propensities, columns), _columns(part.eligible, columns).astype(bool)
    eligible &= np.array([lane.enabled for lane in config.lanes.values()])
    # Given that none of the lanes that are gone was drawn, the others were drawn in proportion.
    logging = logging / np.maximum(logging.sum(axis=1, keepdims=True), 1e-300)
    target, estimates = policy_of(
        challenger,
        config,
        logged_contexts(part, sizes),
        eligible=eligible,
        traffic_class=part.traffic_class,
        promises=promises,
    )
    planned = np.array([lanes.index(lane) if lane in lanes else -1 for lane in part.lanes])[part.action]
    supported = ~((target > 0) & (logging <= 0)).any(axis=1) & (planned >= 0)
    rows = np.flatnonzero(supported)
    if len(rows) == 0:
        raise OfflineDataError(
            f"None of {len(part)} randomised decisions was drawn from lanes that are configured now."
        )
    action = planned[rows]
    propensity = logging[rows, action]

    def feedback(reward: Floats) -> Feedback:
        return Feedback(
            action=action,
            propensity=propensity,
            reward=reward,
            rated_probability=part.rated_probability[rows],
            logging=logging[rows],
            left_out=int((~data.randomised).sum()),
        )

    quality = feedback(part.quality[rows])
    cost = feedback(np.where(np.isfinite(part.quality[rows]), part.cost_usd[rows], np.nan))
    logged_quality = np.nan_to_num(_columns(part.estimated_quality, columns)[rows])
    return Comparison(
        dr=difference(target[rows], logging[rows], quality, estimator="dr", reward_model=logged_quality),
        snips=difference(target[rows], logging[rows], quality, estimator="snips"),
        cost_usd=difference(target[rows], logging[rows], cost, estimator="dr", reward_model=estimates.cost_usd[rows]),
        sample_ratio=sample_ratio(quality),
        rows=len(rows),
        rated=int(np.isfinite(part.quality[rows]).sum()),
        not_randomised=int((~drawn).sum()),
        no_support=int((~supported).sum()),
    )


def _columns(matrix: NDArray[np.floating] | NDArray[np.bool_], columns: list[int]) -> Floats:
    """Columns of a log's lanes in the order of the configuration; zero where the log does not know the lane."""
    padded = np.concatenate([matrix, np.zeros((len(matrix), 1), matrix.dtype)], axis=1)
    result: Floats = padded[:, columns].astype(np.float64)
    return result
