"""What outcomes say beyond the batch model, between two retrainings: how far a lane has drifted from it.

Each lane's residuals (outcome - predicted quality) go through a Bayesian change-point filter (Adams & MacKay, 2007). It
weighs hypotheses about when the lane last changed: "never since the model was fitted", whose shift is small and whose
memory is long, and changes at earlier ratings, whose shift may be large and whose memory is short. A quiet lane thus
averages over all of its ratings, and a lane that breaks is followed within a few dozen. The probability of "never" is
also the share of the batch model's evidence that still counts.

Cells (intent x domain) of a lane keep sums of what its shift leaves over, shrunk to none; they forget as much as the
lane does. Outcomes are not weighted by propensity: the model sees what the logger saw, so weights would only add
variance. One outcome costs time linear in hypotheses and cells of one lane, and never changes what a reader holds.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts
from router_ml.errors import BundleFormatError, InvalidRequestError

Floats = NDArray[np.float64]

HAZARD = 1 / 1000  # probability, per rating, that a lane changes
SPREAD_UNCHANGED = 0.03  # how far a fitted lane lies from its model, as a standard deviation of quality
SPREAD_CHANGED = 0.3  # how far a change moves a lane
HYPOTHESES = 24
NOISE, NOISE_WEIGHT, NOISE_MEMORY = 0.1, 10.0, 200.0  # variance of residuals: first guess, its weight, memory
LEAST_NOISE = 1e-3
SPREAD_CELL = 0.04  # how far a cell's shift lies from its lane's
NEW_VERSION = 0.2  # how likely a new version is to be as good as the old one, before any rating
FORMAT = 1


@dataclass(frozen=True)
class Drift:
    """Per request and lane, (n, L) each: ``shift`` to add to the predicted quality, the share of the model's evidence
    that is ``retained``, and the ``precision`` (one over variance) that outcomes have added to it."""

    shift: Floats
    retained: Floats
    precision: Floats


@dataclass(frozen=True)
class LaneDrift:
    """One lane's hypotheses, oldest change first and "never" at index 0, and its cells.

    weight, mean, variance: (h,) of the hypotheses and of the shift under them; count: (h,) ratings since the change;
    noise: variance of a rating; noise_count: the ratings behind it; cell_sum, cell_count: (c,) residuals and ratings.
    """

    weight: Floats
    mean: Floats
    variance: Floats
    count: Floats
    noise: float
    noise_count: float
    cell_sum: Floats
    cell_count: Floats

    @classmethod
    def start(cls, cells: int, *, unchanged: float) -> LaneDrift:
        """Before any rating; ``unchanged`` is the probability that the model still describes the lane."""
        return cls(
            weight=np.array([unchanged, 1 - unchanged]),
            mean=np.zeros(2),
            variance=np.array([SPREAD_UNCHANGED, SPREAD_CHANGED]) ** 2,
            count=np.zeros(2),
            noise=NOISE,
            noise_count=NOISE_WEIGHT,
            cell_sum=np.zeros(cells),
            cell_count=np.zeros(cells),
        )

    @property
    def shift(self) -> float:
        """Expected shift of the lane."""
        return float(self.weight @ self.mean)

    @property
    def spread(self) -> tuple[float, float]:
        """Variance of the shift now, and what it would be without any rating."""
        now = float(self.weight @ (self.variance + (self.mean - self.shift) ** 2))
        return now, float(self.weight[0] * SPREAD_UNCHANGED**2 + (1 - self.weight[0]) * SPREAD_CHANGED**2)

    @property
    def memory(self) -> float:
        """Expected ratings since the lane's last change."""
        return float(self.weight @ self.count)

    def learn(self, residual: float, cells: Floats) -> LaneDrift:
        """After one rating more; ``cells`` (c,) is how much of it belongs to each cell."""
        error = residual - self.shift
        kept = min(self.noise_count + 1, NOISE_MEMORY)
        noise = max(self.noise + (error * error - self.noise) / kept, LEAST_NOISE)
        weight = np.append(self.weight * (1 - HAZARD), HAZARD)
        mean, count = np.append(self.mean, 0.0), np.append(self.count, 0.0)
        variance = np.append(self.variance, SPREAD_CHANGED**2)
        total = variance + self.noise
        log = np.log(np.maximum(weight, 1e-300)) - 0.5 * (np.log(total) + (residual - mean) ** 2 / total)
        weight = np.exp(log - log.max())
        gain = variance / total
        mean, variance, count = mean + gain * (residual - mean), variance * (1 - gain), count + 1
        if len(weight) > HYPOTHESES:  # the least likely change is forgotten, never "never" nor the newest
            keep = np.delete(np.arange(len(weight)), 1 + int(weight[1:-1].argmin()))
            weight, mean, variance, count = weight[keep], mean[keep], variance[keep], count[keep]
        weight = weight / weight.sum()
        kept_share = float(weight @ count) / (self.memory + 1)
        return LaneDrift(
            weight=weight,
            mean=mean,
            variance=variance,
            count=count,
            noise=noise,
            noise_count=kept,
            cell_sum=(self.cell_sum + residual * cells) * kept_share,
            cell_count=(self.cell_count + cells) * kept_share,
        )

    def at(self, cells: Floats) -> tuple[Floats, Floats]:
        """Shift and added precision (n,) for requests that belong to ``cells`` (n, c)."""
        count, strength = cells @ self.cell_count, self.noise / SPREAD_CELL**2
        left_over = cells @ (self.cell_sum - self.cell_count * self.shift)
        now, before = self.spread
        variance = now + self.noise / (count + strength)
        gained = np.maximum(1 / variance - 1 / (before + SPREAD_CELL**2), 0.0)
        return self.shift + left_over / (count + strength), gained

    def doubted(self) -> LaneDrift:
        """For a new version of the lane: whatever was believed may have changed just now."""
        return replace(
            self,
            weight=np.append(self.weight * NEW_VERSION, 1 - NEW_VERSION),
            mean=np.append(self.mean, 0.0),
            variance=np.append(self.variance, SPREAD_CHANGED**2),
            count=np.append(self.count, 0.0),
            cell_sum=self.cell_sum * NEW_VERSION,
            cell_count=self.cell_count * NEW_VERSION,
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
            self._lanes = {**self._lanes, lane: before.learn(quality - predicted, cells)}

    def drift(self, contexts: Contexts, lanes: Sequence[str]) -> Drift:
        """Of each request (n) and lane (L), in the order of ``lanes``."""
        known, cells = self._lanes, _cells(contexts)
        columns = []
        for lane in lanes:
            one = known.get(lane) or self._start(lane, cells.shape[1])
            shift, precision = one.at(cells)
            columns.append((shift, np.full(len(cells), one.weight[0]), precision))
        shift, retained, precision = (np.stack(column, axis=1) for column in zip(*columns, strict=True))
        return Drift(shift, retained, precision)

    def state(self) -> dict[str, Any]:
        """All of it as JSON."""
        lanes = {
            lane: {name: np.asarray(value).tolist() for name, value in vars(one).items()}
            for lane, one in self._lanes.items()
        }
        return {"format": FORMAT, "versions": self.versions, "lanes": lanes}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``; lanes that have another version now are doubted, removed ones are kept for later.

        Raises:
            BundleFormatError: written for another release, or not what ``state`` returns.
        """
        if state.get("format") != FORMAT:
            raise BundleFormatError(f"The posterior has format {state.get('format')}, this release reads {FORMAT}.")
        try:
            lanes = {lane: _lane(record) for lane, record in state["lanes"].items()}
            versions = {str(lane): str(version) for lane, version in state["versions"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleFormatError(f"The posterior cannot be read ({error}). Start without it.") from None
        for lane in self._changed(lanes, versions):
            lanes[lane] = lanes[lane].doubted()
        with self._lock:
            self.versions = {**versions, **self.versions}
            self._lanes = lanes

    def _changed(self, lanes: Iterable[str], versions: Mapping[str, str]) -> list[str]:
        return [lane for lane in lanes if lane in self.versions and self.versions[lane] != versions.get(lane)]

    def _start(self, lane: str, cells: int) -> LaneDrift:
        if lane not in self._learned:
            return LaneDrift.start(cells, unchanged=0.0)
        same = self.versions.get(lane, self._learned[lane]) == self._learned[lane]
        return LaneDrift.start(cells, unchanged=1.0 if same else NEW_VERSION)


def _cells(contexts: Contexts) -> Floats:
    """How much of each request belongs to each (intent, domain), (n, i * k)."""
    joint = contexts.intent[:, :, None] * contexts.domain[:, None, :]
    return joint.reshape(len(contexts), -1).astype(np.float64)


def _lane(record: Mapping[str, Any]) -> LaneDrift:
    arrays = ("weight", "mean", "variance", "count", "cell_sum", "cell_count")
    values: dict[str, Any] = {name: np.asarray(record[name], np.float64) for name in arrays}
    if not all(np.isfinite(value).all() and value.ndim == 1 for value in values.values()):
        raise ValueError("expected rows of finite numbers")
    return LaneDrift(**values, noise=float(record["noise"]), noise_count=float(record["noise_count"]))
