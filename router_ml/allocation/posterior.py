"""What outcomes say beyond the batch model, between two retrainings: how far a lane has drifted from it.

Each lane's residuals (outcome - predicted quality) go through a change-point filter (``changepoint.py``): a quiet lane
averages over all of its ratings, and a lane that breaks is followed within a few dozen. The probability that a lane has
never changed since the model was fitted is also the share of the model's evidence that still counts.

Cells (intent x domain) of a lane keep sums of what its shift leaves over, shrunk to none; they forget as much as the
lane does. Outcomes are not weighted by propensity: the model sees what the logger saw, so weights would only add
variance. One outcome costs time linear in hypotheses and cells of one lane, and never changes what a reader holds.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.changepoint import NEW_VERSION, NOISE, SPREAD_CELL, LaneDrift
from router_ml.allocation.context import Contexts
from router_ml.errors import BundleFormatError, InvalidRequestError

Floats = NDArray[np.float64]

DISPERSION_WEIGHT, DISPERSION_MEMORY = 50.0, 1000.0  # ratings
LEAST_DISPERSION, LEAST_EXPECTED = 0.05, 0.05
FORMAT = 1


@dataclass(frozen=True)
class Drift:
    """Per request and lane, (n, L) each: ``shift`` to add to the predicted quality, the share of the model's evidence
    that is ``retained``, and the ``precision`` (one over variance) that outcomes have added to it."""

    shift: Floats
    retained: Floats
    precision: Floats


@dataclass(frozen=True)
class _Columns:
    """Lanes side by side, (L,) each; cell_count: (c, L), and cell_rest what a lane's shift leaves over in each cell."""

    shift: Floats
    unchanged: Floats
    noise: Floats
    variance: Floats
    before: Floats
    cell_count: Floats
    cell_rest: Floats

    @classmethod
    def of(cls, lanes: Sequence[LaneDrift]) -> _Columns:
        now, before = zip(*(lane.spread for lane in lanes), strict=True)
        return cls(
            shift=np.array([lane.shift for lane in lanes]),
            unchanged=np.array([lane.weight[0] for lane in lanes]),
            noise=np.array([lane.noise for lane in lanes]),
            variance=np.array(now),
            before=np.array(before),
            cell_count=np.stack([lane.cell_count for lane in lanes], axis=1),
            cell_rest=np.stack([lane.cell_sum - lane.cell_count * lane.shift for lane in lanes], axis=1),
        )


class Posterior:
    """Drift of every lane from the batch model. Safe to share between threads: readers see one whole state.

    ``versions`` are those of the lanes now; ``learned`` those the batch model knows. A lane of another version is
    doubted from the start, one that the model does not know starts at its prior.
    """

    def __init__(self, versions: Mapping[str, str], *, learned: Mapping[str, str]) -> None:
        self.versions = dict(versions)
        self._learned = dict(learned)
        self._lanes: Mapping[str, LaneDrift] = {}
        self._lock = threading.Lock()
        self._dispersion, self._dispersion_count = 1.0, DISPERSION_WEIGHT
        self._read: tuple[Mapping[str, LaneDrift], tuple[str, ...], _Columns] | None = None

    def learn(self, lane: str, contexts: Contexts, *, predicted: float, quality: float) -> None:
        """Learn one outcome.

        Args:
            contexts: the request, a batch of one. predicted: what the models without drift predicted.
            quality: what it was, 0..1.

        Raises:
            InvalidRequestError: a value is not in 0..1; nothing has been learned then.
        """
        for name, value in (("predicted", predicted), ("quality", quality)):
            if not 0 <= value <= 1:
                raise InvalidRequestError(f"Found {name} {value}, expected a number in 0..1. Nothing was learned.")
        cells = _cells(contexts)[0]
        with self._lock:
            before = self._lanes.get(lane) or self._start(lane, len(cells))
            after = before.learn(cells, predicted=predicted, quality=quality, dispersion=self._dispersion)
            self._lanes = {**self._lanes, lane: after}
            self._scatter(predicted + before.shift, quality)

    def drift(self, contexts: Contexts, lanes: Sequence[str]) -> Drift:
        """Of each request (n) and lane (L), in the order of ``lanes``."""
        cells = _cells(contexts)
        now = self._columns(tuple(lanes), cells.shape[1])
        near = cells @ now.cell_count + now.noise / SPREAD_CELL**2
        variance = now.variance + now.noise / near
        gained = np.maximum(1 / variance - 1 / (now.before + SPREAD_CELL**2), 0.0)
        retained = np.broadcast_to(now.unchanged, near.shape)
        return Drift(now.shift + cells @ now.cell_rest / near, retained, gained)

    def state(self) -> dict[str, Any]:
        """All of it as JSON."""
        lanes = {lane: one.state() for lane, one in self._lanes.items()}
        scatter = [self._dispersion, self._dispersion_count]
        return {"format": FORMAT, "versions": self.versions, "lanes": lanes, "dispersion": scatter}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``; lanes that have another version now are doubted, removed ones are kept for later.

        Raises:
            BundleFormatError: written for another release, or not what ``state`` returns.
        """
        if state.get("format") != FORMAT:
            raise BundleFormatError(f"The posterior has format {state.get('format')}, this release reads {FORMAT}.")
        try:
            lanes = {lane: LaneDrift.of(record) for lane, record in state["lanes"].items()}
            dispersion, count = (float(value) for value in state["dispersion"])
            versions = {str(lane): str(version) for lane, version in state["versions"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleFormatError(f"The posterior cannot be read ({error}). Start without it.") from None
        for lane in self._changed(lanes, versions):
            lanes[lane] = lanes[lane].doubted()
        with self._lock:
            self.versions = {**versions, **self.versions}
            self._lanes = lanes
            self._dispersion, self._dispersion_count = dispersion, count

    def _columns(self, lanes: tuple[str, ...], cells: int) -> _Columns:
        """The lanes side by side; kept until an outcome changes one of them."""
        known, read = self._lanes, self._read
        if read is not None and read[0] is known and read[1] == lanes:
            return read[2]
        columns = _Columns.of([known.get(lane) or self._start(lane, cells) for lane in lanes])
        self._read = known, lanes, columns
        return columns

    def _changed(self, lanes: Iterable[str], versions: Mapping[str, str]) -> list[str]:
        return [lane for lane in lanes if lane in self.versions and self.versions[lane] != versions.get(lane)]

    def _scatter(self, expected: float, quality: float) -> None:
        """How ratings scatter beside zeros and ones, over all lanes: one lane's successes would say too little."""
        level = min(max(expected, LEAST_EXPECTED), 1 - LEAST_EXPECTED)
        ratio = (quality - level) ** 2 / (level * (1 - level))
        self._dispersion_count = min(self._dispersion_count + 1, DISPERSION_MEMORY)
        moved = self._dispersion + (ratio - self._dispersion) / self._dispersion_count
        self._dispersion = min(max(moved, LEAST_DISPERSION), 1.0)

    def _start(self, lane: str, cells: int) -> LaneDrift:
        """A lane before its first rating. Ratings of it are expected to scatter as those of the other lanes do."""
        others = list(self._lanes.values())
        weight = np.array([one.noise_count for one in others])
        noise = float(weight @ [one.noise for one in others] / weight.sum()) if others else NOISE
        if lane not in self._learned:
            return LaneDrift.start(cells, unchanged=0.0, noise=noise)
        # a removed lane has no version now
        same = self.versions.get(lane, self._learned[lane]) == self._learned[lane]
        return LaneDrift.start(cells, unchanged=1.0 if same else NEW_VERSION, noise=noise)


def _cells(contexts: Contexts) -> Floats:
    """How much of each request belongs to each (intent, domain), (n, i * k)."""
    joint = contexts.intent[:, :, None] * contexts.domain[:, None, :]
    return joint.reshape(len(contexts), -1).astype(np.float64)
