"""The online learner: Vowpal Wabbit contextual-bandit regression on loss = 1 - quality.

The only file that imports vowpalwabbit. Its traps are handled here: lane names become ``lane_<int>`` (names with ``:``,
``|`` or spaces would be split or hash alike), labels are checked before VW sees them (it accepts p = 0 and NaN), every
parsed example is finished, one lock guards the workspace, and a model file is opened with ``--quiet -i`` alone.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import vowpalwabbit as vw
from numpy.typing import NDArray

from router_ml.allocation.context import Contexts, Floats, Projection
from router_ml.errors import BundleFormatError, InvalidRequestError

ARGUMENTS = "--cb_adf --cb_type mtr -q CA -l 0.05 --power_t 0 --quiet"
COMPONENTS = 12
FORMAT = 1


class Bandit:
    """Expected quality per lane that moves with every outcome.

    ``lanes`` is append-only: a lane keeps its id for as long as the model lives. ``versions`` says which version of
    each lane it was fitted to, "1" unless said. ``steps`` counts outcomes learned.
    """

    def __init__(
        self,
        projection: Projection,
        lanes: Sequence[str],
        *,
        versions: Mapping[str, str] | None = None,
        model: Path | None = None,
        steps: int = 0,
    ) -> None:
        self.projection = projection
        self.lanes = tuple(lanes)
        self.versions = {lane: (versions or {}).get(lane, "1") for lane in self.lanes}
        self.steps = steps
        first, scale = projection.components[:, :COMPONENTS], 4 * projection.scale[:COMPONENTS]
        self._components = np.ascontiguousarray(first / scale)
        self._action_forms = [f"|A lane_{lane} prior:%.5f cost:%.4f" for lane in range(len(self.lanes))]
        self._lock = threading.Lock()
        arguments = ARGUMENTS.split() if model is None else ["--quiet", "-i", str(model)]
        self._workspace = vw.Workspace(arg_list=arguments)

    def predict(self, contexts: Contexts, prior: Floats, cost_usd: NDArray[np.float64]) -> Floats:
        """Expected quality (n, L) in 0..1.

        Args:
            prior: (n, L) quality by the batch model. cost_usd: (n, L).
        """
        return as_quality(self.losses(self.shared(contexts), self.actions(prior, cost_usd)))

    def losses(self, shared: Sequence[str], actions: Sequence[Sequence[str]]) -> Floats:
        """Expected loss (n, L) of requests that ``shared`` and ``actions`` have written down: whoever asks for the same
        requests again and again keeps the lines."""
        result = np.empty((len(shared), len(self.lanes)), dtype=np.float32)
        with self._lock:
            for row, (head, lines) in enumerate(zip(shared, actions, strict=True)):
                result[row] = self._workspace.predict([head, *lines])
        return result

    def copy(self) -> Bandit:
        """One that goes on learning by itself."""
        twin = Bandit(self.projection, self.lanes, versions=self.versions)
        twin.resume(self.model, steps=self.steps)
        return twin

    def learn(
        self,
        contexts: Contexts,
        prior: Floats,
        cost_usd: NDArray[np.float64],
        *,
        action: NDArray[np.intp],
        quality: NDArray[np.float64],
        probability: NDArray[np.float64],
        weight: NDArray[np.float64] | None = None,
    ) -> None:
        """Learn one outcome per row, in order.

        Args:
            action: (n,) index of the lane that answered. quality: (n,) in 0..1.
            probability: (n,) with which the lane was drawn, in (0, 1].
            weight: (n,) how much each outcome counts, above 0; by default 1.

        Raises:
            InvalidRequestError: a value is outside its range; nothing has been learned then.
        """
        weight = np.ones(len(action)) if weight is None else weight
        _check(len(contexts), len(self.lanes), action=action, quality=quality, probability=probability, weight=weight)
        shared, actions = self.shared(contexts), self.actions(prior, cost_usd)
        importance = weight / probability
        with self._lock:
            for row in np.flatnonzero(_taken(action, importance)).tolist():
                lines, lane = actions[row], int(action[row])
                label = f"0:{1 - quality[row]:.6f}:{1 / max(importance[row], 1.0):.9g}"
                self._workspace.learn([shared[row], *lines[:lane], f"{label} {lines[lane]}", *lines[lane + 1 :]])
            self.steps += len(action)

    def save(self, folder: Path) -> None:
        """Write ``bandit.vw`` and ``bandit.json``."""
        with self._lock:
            self._workspace.save(str(folder / "bandit.vw"))
        record = {"format": FORMAT, "lanes": list(self.lanes), "steps": self.steps, "versions": self.versions}
        (folder / "bandit.json").write_text(json.dumps(record) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, projection: Projection) -> Bandit:
        """Open what ``save`` wrote. The bundle has checked the file's sha256: VW loads a damaged file without a word.

        Raises:
            BundleFormatError: written for another release.
        """
        record = json.loads((folder / "bandit.json").read_text(encoding="utf-8"))
        if record.get("format") != FORMAT:
            found = record.get("format")
            raise BundleFormatError(f"bandit.json has format {found}, this release reads format {FORMAT}.")
        versions = record.get("versions")  # bundles made before lanes had versions have none
        return cls(projection, record["lanes"], versions=versions, model=folder / "bandit.vw", steps=record["steps"])

    @property
    def model(self) -> bytes:
        """The model as VW keeps it, so that learning can go on in another process."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bandit.vw"
            with self._lock:
                self._workspace.save(str(path))
            return path.read_bytes()

    def resume(self, model: bytes, *, steps: int) -> None:
        """Go on from a ``model`` that had learned ``steps`` outcomes of the same lanes. Check its sha256 first."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bandit.vw"
            path.write_bytes(model)
            workspace = vw.Workspace(arg_list=["--quiet", "-i", str(path)])
        with self._lock:
            self._workspace, self.steps = workspace, steps

    def shared(self, contexts: Contexts) -> list[str]:
        """The line of each request that all its lanes share: first principal components and class probabilities."""
        semantic = (contexts.embedding - self.projection.mean) @ self._components
        features = np.concatenate([semantic, contexts.intent, contexts.domain], axis=1)
        form = "shared |C " + " ".join([f"f{index}:%.4f" for index in range(features.shape[1])])
        return [form % tuple(row) for row in features.tolist()]

    def actions(self, prior: Floats, cost_usd: NDArray[np.float64]) -> list[list[str]]:
        """The lines of each request's lanes: what the batch model predicts, and what they cost."""
        if prior.shape[1] != len(self.lanes) or cost_usd.shape != prior.shape:
            raise InvalidRequestError(
                f"Found priors of shape {prior.shape} and costs of shape {cost_usd.shape}, expected a column for each "
                f"of {len(self.lanes)} lanes. Nothing was learned."
            )
        log_cost = cost_feature(cost_usd)
        return [
            [form % pair for form, pair in zip(self._action_forms, zip(*pairs, strict=True), strict=True)]
            for pairs in zip(prior.tolist(), log_cost.tolist(), strict=True)
        ]


def as_quality(losses: NDArray[np.floating]) -> Floats:
    """Quality in 0..1 from expected losses."""
    quality: Floats = np.clip(1 - losses, 0, 1).astype(np.float32)
    return quality


def cost_feature(cost_usd: NDArray[np.float64]) -> NDArray[np.float64]:
    """A cost as the bandit sees it; its expected loss is linear in that."""
    result: NDArray[np.float64] = np.log10(np.maximum(cost_usd, 1e-9)) / 10
    return result


def _taken(action: NDArray[np.intp], importance: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which outcomes to learn. VW reads an importance below 1 as 1, so of a lane's outcomes that count for w < 1 each
    only every 1/w-th is learned."""
    result = np.zeros(len(action), dtype=bool)
    for lane in np.unique(action):
        rows = np.flatnonzero(action == lane)
        total = np.floor(np.cumsum(np.minimum(importance[rows], 1.0)) + 0.5 + 1e-9)
        result[rows] = np.diff(total, prepend=0.0) > 0
    return result


def _check(rows: int, lanes: int, **values: NDArray[Any]) -> None:
    for name, given in values.items():
        if len(given) != rows:
            found = f"Found {len(given)} values of {name} for {rows} requests, expected as many."
            raise InvalidRequestError(f"{found} Nothing was learned.")
    action, quality, probability, weight = (values[name] for name in ("action", "quality", "probability", "weight"))
    bad = (
        ("action", (action < 0) | (action >= lanes), f"an index below {lanes}"),
        ("quality", ~((quality >= 0) & (quality <= 1)), "a number in 0..1"),
        ("probability", ~((probability > 0) & (probability <= 1)), "a number in (0, 1]"),
        ("weight", ~((weight > 0) & np.isfinite(weight)), "a number above 0"),
    )
    for name, wrong, expected in bad:
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            found = f"Outcome {row} has {name} {values[name][row]}, expected {expected}."
            raise InvalidRequestError(f"{found} Nothing was learned.")
