"""Logged decisions as outcomes over all configured lanes, one lane per row; and why rows were left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.priors import OTHER_VERSION
from router_ml.config import RouterConfig, prices_sha256
from router_ml.offline.gating.champion import logged_contexts
from router_ml.storage.database.records import LoggedData
from router_ml.understanding.classifier import Classifier, ClassifierSpec
from router_ml.understanding.surface import NAMES
from training.allocation import Outcomes
from training.predicting.fitting import Unplaced

NO_LANE = "no lane answered"
NOT_CONFIGURED = "lane not configured"
NO_EMBEDDING = "no embedding kept"
NOT_RATED = "not rated"
TOO_LATE = "rated after the attribution window"


@dataclass(frozen=True)
class Usable:
    """Of each logged decision (n,): the configured lane that answered (-1: none), how much its outcome counts, whether
    its embedding is known, and whether it was rated; ``left_out`` counts what is not used, by reason."""

    lane: NDArray[np.intp]
    weight: NDArray[np.float64]
    embedded: NDArray[np.bool_]
    rated: NDArray[np.bool_]
    left_out: dict[str, int]

    @property
    def teaches(self) -> NDArray[np.bool_]:
        """Whether the row goes into the fit: an unrated one too, which knows a cost and what requests are like."""
        result: NDArray[np.bool_] = self.embedded & (self.lane >= 0)
        return result

    @property
    def private(self) -> NDArray[np.bool_]:
        """Rated, but all that is known of the request is its labels."""
        result: NDArray[np.bool_] = self.rated & ~self.embedded & (self.lane >= 0)
        return result


def usable(data: LoggedData, config: RouterConfig) -> Usable:
    """What each row of a log can be used for."""
    lanes = list(config.lanes)
    position = np.array([lanes.index(lane) if lane in lanes else -1 for lane in data.lanes] or [-1])
    executed = np.where(data.executed >= 0, data.executed, data.action)
    lane = np.where(executed >= 0, position[np.maximum(executed, 0)], -1)
    rated = np.isfinite(data.quality)
    embedded = np.isfinite(data.embeddings).all(axis=1) & (data.embeddings.shape[1] > 0)
    known, late = lane >= 0, data.late
    left_out = {
        NOT_RATED: int((~rated & ~late).sum()),
        NO_EMBEDDING: int((rated & ~embedded).sum()),
        NOT_CONFIGURED: int((rated & embedded & ~known).sum()),
        TOO_LATE: int(late.sum()),
    }
    weight = np.where(known, np.where(_is_current(data, lane, config), 1.0, OTHER_VERSION), 0.0)
    return Usable(lane, weight, embedded, rated, left_out)


def drawable(data: LoggedData, config: RouterConfig) -> NDArray[np.bool_]:
    """Whether a draw could reach configured lanes alone, (n,): rows that drew another do not teach, so that those that
    might have and did not were chosen by their draw."""
    other = np.array([lane not in config.lanes for lane in data.lanes], dtype=bool)
    return np.asarray((data.propensities[:, other] <= 0).all(axis=1))


def from_log(data: LoggedData, config: RouterConfig, classifier: Classifier) -> tuple[Outcomes, dict[str, int]]:
    """Decisions of a log that kept their embedding, as outcomes over all configured lanes; and why others, and their
    ratings, were left out. Rows without a rating teach what an answer costs and how often requests are of which kind.

    What a lane did under another version or model than it has now counts for ``OTHER_VERSION`` only.
    """
    use = usable(data, config)
    return outcomes_of(data, use, config, classifier.spec), use.left_out


def outcomes_of(data: LoggedData, use: Usable, config: RouterConfig, spec: ClassifierSpec) -> Outcomes:
    """The rows that teach, in their order."""
    part, lane = data.select(use.teaches), use.lane[use.teaches]
    shape, rows = (len(part), len(config.lanes)), np.arange(len(part))
    quality, cost, probability, latency = np.full((4, *shape), np.nan)
    quality[rows, lane], cost[rows, lane], latency[rows, lane] = part.quality, part.cost_usd, part.latency_ms
    cost[part.prices != prices_sha256(config)] = np.nan  # other prices: what was paid no longer says how many tokens
    drawn = part.propensities[rows, np.maximum(part.action, 0)] if len(part) else np.zeros(0)
    probability[rows, lane] = np.where(drawn > 0, drawn, 1.0) * _rating_chance(part)
    weight = np.ones(shape)
    weight[rows, lane] = use.weight[use.teaches]
    return Outcomes(logged_contexts(part, sizes_of(spec)), quality, cost, probability, weight, latency)


def sizes_of(spec: ClassifierSpec) -> tuple[int, int, int]:
    """Numbers of surface features, intents and domains, as ``logged_contexts`` takes them."""
    return len(NAMES), len(spec.intent.labels), len(spec.domain.labels)


def _rating_chance(part: LoggedData) -> NDArray[np.float64]:
    """P(rated) (n,) of rated rows over its harmonic mean: the bandit weighs by 1 / probability, and a log of which a
    tenth is rated should not shout. 1 where not rated.

    The regressions need no such weight: what P(rated) depends on, they see (ratings are missing at random), and the
    mean of a cell is over the predictions of all its rows, rated or not.
    """
    rated = np.isfinite(part.quality)
    chance = np.where(rated, part.rated_probability, 1.0)
    mean = 1 / (1 / chance[rated]).mean() if rated.any() else 1.0
    return np.where(rated, np.minimum(chance / mean, 1.0), 1.0)


def _is_current(data: LoggedData, lane: NDArray[np.intp], config: RouterConfig) -> NDArray[np.bool_]:
    """Whether the configured lane (n,) that answered is still the arm it was then: same version, and same model where
    the log knows it, which it does of the planned lane."""
    names, places = list(config.lanes), list(config.lanes.values())
    versions, models = (np.array([getattr(place, part) for place in places]) for part in ("version", "model"))
    planned = np.array([names.index(name) if name in names else -1 for name in data.lanes] or [-1])[data.action]
    same_version = data.lane_version == versions[lane]
    other_arm = (data.action < 0) | (planned != lane)
    result: NDArray[np.bool_] = same_version & (other_arm | (data.model == models[lane]))
    return result


def by_cell(data: LoggedData, use: Usable, config: RouterConfig, spec: ClassifierSpec) -> Unplaced:
    """Rated outcomes of configured lanes by cell and lane; those with a label that the classifier does not know are
    nowhere."""
    intents, domains = list(spec.intent.labels), list(spec.domain.labels)
    count, private, quality = np.zeros((3, len(intents), len(domains), len(config.lanes)))
    intent, domain = _positions(data.intent, intents), _positions(data.domain, domains)
    placed = use.rated & (use.lane >= 0) & (intent >= 0) & (domain >= 0)
    for rows, part, value in (
        (placed, count, use.weight),
        (placed & use.private, private, use.weight),
        (placed & use.private, quality, use.weight * data.quality),
    ):
        np.add.at(part, (intent[rows], domain[rows], use.lane[rows]), value[rows])
    return Unplaced(count, private, quality)


def _positions(names: NDArray[np.str_], known: list[str]) -> NDArray[np.intp]:
    values, inverse = np.unique(names, return_inverse=True)
    return np.array([known.index(name) if name in known else -1 for name in values.tolist()], np.intp)[inverse]
