"""What a bundle believes of each kind of request on each lane: the router's own estimates, made once and gathered.

The fitted models look every kind up alone, as a request is decided alone, so the numbers are those of a decision to the
last bit. What is learned during the run changes the bandit and the drift; these are asked again, the rest is kept.

A later turn of a session is longer and finds cached tokens on one lane, so its cost is its own. The bandit has the cost
among its features, in which it is linear: it is asked for each kind at two costs, and what it says at a third follows
(to 1e-6 of quality, where it would print and round; its predictions are cut at the losses 0 and 1).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.bandit import as_quality, cost_feature
from router_ml.allocation.estimate import Allocation, Estimates, assess
from router_ml.allocation.known import Known, look_up
from router_ml.allocation.posterior import Drift
from router_ml.config import Lane
from router_ml.errors import EncoderMismatchError
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.state.learning import OnlineLearner
from router_ml.storage.bundle import Bundle

Floats = NDArray[np.float64]
_DEARER = 10.0  # the second cost, times the first
_DIGITS = 4  # of the cost that the bandit is shown


class Foreseen:
    """Estimates of all kinds.

    Args:
        batch: (k,) whether batch prices hold. learner: what outcomes of the run have taught, None where nothing is
            learned.
    """

    def __init__(
        self,
        allocation: Allocation,
        lanes: Mapping[str, Lane],
        kinds: Kinds,
        *,
        batch: NDArray[np.bool_],
        learner: OnlineLearner | None,
        before: Foreseen | None = None,
    ) -> None:
        self._allocation, self._lanes, self._contexts = allocation, lanes, kinds.contexts
        self._batch, self._learner = batch, learner
        same = before is not None and _looked_up(before._lanes) == _looked_up(lanes)
        self._known: Known = before._known if before is not None and same else self._look_up()
        self._heads: list[str] = before._heads if before is not None else self._write_heads()
        self._lines: dict[bool, list[list[str]]] = {}
        self._cost = np.zeros(self._known.quality.shape)
        self._loss = np.zeros(self._known.quality.shape)
        self._slope: Floats | None = None
        self._drift: Drift | None = None
        self.now = self._estimate()

    def learned(self) -> None:
        """Ask bandit and drift again."""
        self._slope = None
        self.now = self._estimate()

    def of(self, kind: NDArray[np.int64], *, tokens_in: NDArray[np.int64], cached_in: Floats, batch: bool) -> Estimates:
        """Estimates, (n, K), of requests that are longer than their kinds, with tokens in the cache of a lane."""
        slope = self._slopes()[kind]
        at, loss = np.round(cost_feature(self._cost[kind]), _DIGITS), self._loss[kind]

        def online(cost_usd: Floats) -> NDArray[np.float32]:
            return as_quality(loss + slope * (np.round(cost_feature(cost_usd), _DIGITS) - at))

        return assess(
            self._allocation,
            self._lanes,
            self._known.take(kind),
            tokens_in,
            online=online,
            cached_in=cached_in,
            batch=batch,
            drift=self._drift_of(kind),
        )

    def _estimate(self) -> Estimates:
        self._drift = self._learner.drift(self._contexts) if self._learner is not None else None
        rows = [np.flatnonzero(self._batch == batch) for batch in (False, True)]
        parts = [self._of_kinds(at, batch) for at, batch in zip(rows, (False, True), strict=True) if len(at)]
        return Estimates.stack(parts).take(np.argsort(np.concatenate(rows)))

    def _of_kinds(self, rows: NDArray[np.intp], batch: bool) -> Estimates:
        """Estimates of the kinds ``rows`` as they are."""
        bandit, known = self._allocation.bandit, self._known.take(rows)
        heads = [self._heads[row] for row in rows.tolist()]

        def online(cost_usd: Floats) -> NDArray[np.float32]:
            if batch not in self._lines:
                self._lines[batch] = bandit.actions(known.quality, cost_usd)
                self._cost[rows] = cost_usd
            losses = bandit.losses(heads, self._lines[batch])
            self._loss[rows] = losses
            return as_quality(losses)

        tokens = self._contexts.tokens_in[rows]
        return assess(
            self._allocation, self._lanes, known, tokens, online=online, batch=batch, drift=self._drift_of(rows)
        )

    def _drift_of(self, rows: NDArray[np.intp]) -> Drift | None:
        moved = self._drift
        return None if moved is None else Drift(moved.shift[rows], moved.retained[rows], moved.precision[rows])

    def _slopes(self) -> Floats:
        """How the bandit's loss changes with the cost feature, (k, l)."""
        if self._slope is None:
            dearer = self._cost * _DEARER
            losses = self._allocation.bandit.losses(
                self._heads, self._allocation.bandit.actions(self._known.quality, dearer)
            )
            apart = np.round(cost_feature(dearer), _DIGITS) - np.round(cost_feature(self._cost), _DIGITS)
            self._slope = (losses - self._loss) / np.where(apart > 0, apart, 1.0)
        return self._slope

    def _look_up(self) -> Known:
        one_by_one = (self._contexts.take(slice(row, row + 1)) for row in range(len(self._contexts)))
        return Known.stack([look_up(self._allocation, self._lanes, one) for one in one_by_one])

    def _write_heads(self) -> list[str]:
        one_by_one = (self._contexts.take(slice(row, row + 1)) for row in range(len(self._contexts)))
        return [self._allocation.bandit.shared(one)[0] for one in one_by_one]


def check_read(bundle: Bundle, kinds: Kinds) -> None:
    """See whether requests were read as a bundle reads them.

    Raises:
        EncoderMismatchError: they were not.
    """
    contexts, allocation = kinds.contexts, bundle.allocation
    found = tuple(each.shape[1] for each in (contexts.embedding, contexts.surface, contexts.intent, contexts.domain))
    mean, quality = allocation.bandit.projection.mean, allocation.quality
    expected = (*mean.shape, *quality.similarity.surface_mean.shape, *quality.counts.shape[:2])
    what = "Read them with a bundle that has the same encoder and classifier, or retrain it on theirs."
    if found != expected:
        raise EncoderMismatchError(
            f"The requests were read as (embedding, surface, intents, domains) of sizes {found}, the bundle "
            f"{bundle.manifest.name} expects {expected}. {what}"
        )
    if kinds.encoder_sha256 not in ("", bundle.encoder.sha256):
        raise EncoderMismatchError(
            f"The requests were read by encoder {kinds.encoder_sha256[:12]}, the bundle {bundle.manifest.name} has "
            f"{bundle.encoder.sha256[:12]}. {what}"
        )


def _looked_up(lanes: Mapping[str, Lane]) -> list[tuple[object, ...]]:
    """What of the lanes the looking up depends on."""
    return [(name, one.max_output_tokens, one.prior, one.model, one.version) for name, one in lanes.items()]
