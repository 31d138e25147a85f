"""What every lane is worth on every request, as far as it is known, and where the router sends them.

An outcome matrix says it directly. A log says it through doubly robust stand-ins: the logged estimate, and on the lane
that was taken also (outcome - estimate) / (propensity x P(rated)) (Dudik, Langford & Li 2011). One stand-in alone means
nothing; their mean over rows, under any policy that goes where the log could go, is an unbiased estimate.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.estimate import Allocation
from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError, OfflineDataError
from router_ml.offline.feedback import Feedback, of_action
from router_ml.offline.gating.champion import class_rule, policy_of
from router_ml.offline.judging.packs import Pack
from router_ml.storage.database.records import LoggedData
from router_ml.storage.promises import Promises

Floats = NDArray[np.float64]
UNLABELLED = "unknown"


@dataclass(frozen=True)
class Judged:
    """Requests (n) with outcomes or their stand-ins per lane (n, L).

    quality 0..1 and cost_usd: NaN where the lane is not known there; policy: the router's propensities, rows sum to 1,
    0 where not known; eligible; outcomes: 1 where one was seen; group: labels of rows that depend on each other;
    intent, domain; quality_per_usd: lambda of the row's class. ``left_out``: why other rows are not here, and how many;
    ``without``: configured lanes that have no outcome at all; ``notes``: what else a reader has to know.
    """

    source: Literal["matrix", "log"]
    lanes: tuple[str, ...]
    quality: Floats
    cost_usd: Floats
    policy: Floats
    eligible: NDArray[np.bool_]
    outcomes: NDArray[np.bool_]
    group: NDArray[Any]
    intent: NDArray[np.str_]
    domain: NDArray[np.str_]
    quality_per_usd: Floats
    left_out: dict[str, int] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.quality)

    @property
    def cell(self) -> NDArray[np.str_]:
        """``intent/domain`` of each row, (n,)."""
        return np.char.add(np.char.add(self.intent, "/"), self.domain)

    def select(self, rows: NDArray[Any]) -> Judged:
        """The same with only ``rows``: a mask (n,) or indices."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return Judged(**{name: v[rows] if isinstance(v, np.ndarray) else v for name, v in values.items()})

    def ours(self, values: Floats) -> Floats:
        """The mean of ``values`` (n, L) under the router's propensities, (n,)."""
        weighted: Floats = np.where(self.policy > 0, values, 0.0) * self.policy
        return np.asarray(weighted.sum(axis=1), np.float64)

    def always(self, values: Floats) -> Floats:
        """``values`` (n, L) of each fixed lane; where a lane may not go or is not known, those of the router."""
        return np.where(np.isfinite(values), values, self.ours(values)[:, None])

    def column(self, lane: str) -> int:
        """The index of a lane.

        Raises:
            InvalidRequestError: there is nothing about it here.
        """
        if lane not in self.lanes:
            raise InvalidRequestError(
                f"Nothing is known here about lane {lane!r}. Known lanes: {', '.join(self.lanes)}."
            )
        return self.lanes.index(lane)


def columns_of(pack: Pack, config: RouterConfig) -> dict[str, int]:
    """The column of the pack that each configured lane names in ``outcomes``.

    Raises:
        OfflineDataError: no lane names one.
    """
    found = {
        name: pack.lanes.index(lane.outcomes) for name, lane in config.lanes.items() if lane.outcomes in pack.lanes
    }
    if not found:
        raise OfflineDataError(
            f"No lane of the router.yaml has 'outcomes' set to one of {', '.join(pack.lanes)}, so nothing says which "
            "lane these outcomes are of. Name the columns there, or give the --model that goes with this pack."
        )
    return found


def pack_policy(
    pack: Pack,
    allocation: Allocation,
    config: RouterConfig,
    *,
    traffic_class: str,
    promises: Promises | None = None,
) -> Floats:
    """Propensities (n, configured lanes) that a bundle gives to a pack's prompts, among the lanes that the pack has."""
    enabled = np.array([lane.enabled for lane in config.lanes.values()])
    eligible = enabled & np.isin(list(config.lanes), list(columns_of(pack, config)))
    rows = len(pack.group)
    allowed, classes = np.broadcast_to(eligible, (rows, len(eligible))), np.full(rows, traffic_class)
    policy, _ = policy_of(allocation, config, pack.contexts, eligible=allowed, traffic_class=classes, promises=promises)
    return policy


def from_pack(
    pack: Pack,
    policy: Floats,
    config: RouterConfig,
    *,
    labels: tuple[tuple[str, ...], tuple[str, ...]],
    traffic_class: str,
) -> Judged:
    """An outcome pack, judged for a policy (n, configured lanes) such as ``pack_policy``.

    Args:
        labels: intents and domains, in the order of the pack's class probabilities.
        traffic_class: whose lambda turns costs into utility.

    Raises:
        OfflineDataError: no configured lane names a column of the pack, the class is not configured, or the pack was
            made with other labels.
    """
    contexts, columns = pack.contexts, columns_of(pack, config)
    order, names = list(columns.values()), list(config.lanes)
    quality, cost = pack.quality[:, order], pack.cost_usd[:, order]
    whole: NDArray[np.bool_] = np.isfinite(np.concatenate([quality, cost], axis=1)).all(axis=1)
    known = np.ones_like(quality, dtype=bool)
    judged = Judged(
        source="matrix",
        lanes=tuple(columns),
        quality=quality,
        cost_usd=cost,
        policy=policy[:, [names.index(lane) for lane in columns]],
        eligible=known,
        outcomes=known,
        group=pack.group,
        intent=_label(contexts.intent, labels[0], "intents"),
        domain=_label(contexts.domain, labels[1], "domains"),
        quality_per_usd=np.full(len(quality), class_rule(config, traffic_class).quality_per_usd),
        left_out={"not run on every lane": int((~whole).sum())} if not whole.all() else {},
        without=tuple(lane for lane in names if lane not in columns),
    )
    return judged.select(whole)


def _label(probabilities: NDArray[np.float32], labels: tuple[str, ...], what: str) -> NDArray[np.str_]:
    if probabilities.shape[1] != len(labels):
        raise OfflineDataError(
            f"The pack has probabilities of {probabilities.shape[1]} {what}, the bundle knows {len(labels)}. Build the "
            "pack with this bundle: python -m training.outcomes --help"
        )
    said = np.array(labels, dtype=np.str_)[probabilities.argmax(axis=1)]
    return np.where(probabilities.max(axis=1) > 0, said, UNLABELLED)


def from_log(data: LoggedData, config: RouterConfig) -> Judged:
    """A log, judged for the policy that wrote it. Every decision is a group of its own.

    Decisions that were not drawn at random count for the lane that they took, and for no other.

    Raises:
        OfflineDataError: nothing is rated, or ``Feedback`` refuses the log.
    """
    planned = data.action >= 0
    estimated = (np.isfinite(data.estimated_quality) | (data.propensities <= 0)).all(axis=1)
    configured = np.isin(data.traffic_class, list(config.traffic_classes))
    used = planned & estimated & configured
    counts = {
        "no lane": ~planned,
        "no estimate kept": planned & ~estimated,
        "traffic class not configured": planned & estimated & ~configured,
    }
    part = data.select(used)
    if not np.isfinite(part.quality).any():
        raise OfflineDataError(
            f"None of {len(data)} logged decisions that were planned is rated. Report outcomes with a quality first: "
            "log_outcome(decision_id, quality=...)."
        )
    propensity = of_action(part.propensities, part.action)
    rated = np.isfinite(part.quality)
    billed = np.isfinite(part.cost_usd[rated]).all()

    def stand_ins(reward: Floats, model: Floats) -> Floats:
        feedback = Feedback(part.action, propensity, reward, part.rated_probability, part.propensities)
        residual = np.where(rated, reward, 0.0) - of_action(model, part.action)
        result = np.where(part.propensities > 0, model, np.nan)
        result[np.arange(len(part)), part.action] += feedback.rating_weight * residual / propensity
        return result

    quality = stand_ins(part.quality, part.estimated_quality)
    known = np.where(part.propensities > 0, part.estimated_cost_usd, np.nan)
    cost = stand_ins(np.where(rated, part.cost_usd, np.nan), part.estimated_cost_usd) if billed else known
    rates = {name: each.quality_per_usd for name, each in config.traffic_classes.items()}
    outcomes = np.zeros(quality.shape, bool)
    outcomes[np.arange(len(part)), part.action] = rated
    return Judged(
        source="log",
        lanes=part.lanes,
        quality=quality,
        cost_usd=cost,
        policy=part.propensities,
        eligible=part.eligible,
        outcomes=outcomes,
        group=np.arange(len(part)),
        intent=part.intent,
        domain=part.domain,
        quality_per_usd=np.array([rates[str(name)] for name in part.traffic_class]),
        left_out={reason: int(rows.sum()) for reason, rows in counts.items() if rows.any()},
        without=tuple(lane for lane in config.lanes if lane not in part.lanes),
        notes=() if billed else ("Costs are predicted ones: not every rated decision has its true cost.",),
    )
