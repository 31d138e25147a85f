"""The online learner: Vowpal Wabbit contextual-bandit regression on loss = 1 - quality.

The only file that imports vowpalwabbit. Its traps are handled here: lane names become ``lane_<int>`` (names with ``:``,
``|`` or spaces would be split or hash alike), labels are checked before VW sees them (it accepts p = 0 and NaN), every
parsed example is finished, one lock guards the workspace, and a model file is opened with ``--quiet -i`` alone.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

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

    ``lanes`` is append-only: a lane keeps its id for as long as the model lives. ``steps`` counts outcomes learned.
    """

    def __init__(self, projection: Projection, lanes: Sequence[str], *, model: Path | None = None, steps: int = 0):
        self.projection = projection
        self.lanes = tuple(lanes)
        self.steps = steps
        self._lock = threading.Lock()
        arguments = ARGUMENTS.split() if model is None else ["--quiet", "-i", str(model)]
        self._workspace = vw.Workspace(arg_list=arguments)

    def predict(self, contexts: Contexts, prior: Floats, cost_usd: NDArray[np.float64]) -> Floats:
        """Expected quality (n, L) in 0..1.

        Args:
            prior: (n, L) quality by the batch model. cost_usd: (n, L).
        """
        shared, actions = self._shared(contexts), self._actions(prior, cost_usd)
        result = np.empty((len(contexts), len(self.lanes)), dtype=np.float32)
        with self._lock:
            for row, (head, lines) in enumerate(zip(shared, actions, strict=True)):
                result[row] = self._workspace.predict([head, *lines])
        return np.clip(1 - result, 0, 1).astype(np.float32)

    def learn(
        self,
        contexts: Contexts,
        prior: Floats,
        cost_usd: NDArray[np.float64],
        *,
        action: NDArray[np.intp],
        quality: NDArray[np.float64],
        probability: NDArray[np.float64],
    ) -> None:
        """Learn one outcome per row, in order.

        Args:
            action: (n,) index of the lane that answered. quality: (n,) in 0..1.
            probability: (n,) with which the lane was drawn, in (0, 1].

        Raises:
            InvalidRequestError: a value is outside its range; nothing has been learned then.
        """
        _check(len(contexts), action, quality, probability, len(self.lanes))
        shared, actions = self._shared(contexts), self._actions(prior, cost_usd)
        with self._lock:
            for head, lines, lane, value, p in zip(shared, actions, action, quality, probability, strict=True):
                labelled = list(lines)
                labelled[lane] = f"0:{1 - value:.6f}:{p:.9g} {lines[lane]}"
                self._workspace.learn([head, *labelled])
            self.steps += len(action)

    def save(self, folder: Path) -> None:
        """Write ``bandit.vw`` and ``bandit.json``."""
        with self._lock:
            self._workspace.save(str(folder / "bandit.vw"))
        record = {"format": FORMAT, "lanes": list(self.lanes), "steps": self.steps}
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
        return cls(projection, record["lanes"], model=folder / "bandit.vw", steps=record["steps"])

    def _shared(self, contexts: Contexts) -> list[str]:
        semantic = self.projection.semantic(contexts)[:, :COMPONENTS] / 4
        features = np.concatenate([semantic, contexts.intent, contexts.domain], axis=1)
        names = [f"f{index}" for index in range(features.shape[1])]
        return [
            "shared |C " + " ".join(f"{name}:{value:.4f}" for name, value in zip(names, row, strict=True))
            for row in features.tolist()
        ]

    def _actions(self, prior: Floats, cost_usd: NDArray[np.float64]) -> list[list[str]]:
        if prior.shape[1] != len(self.lanes) or cost_usd.shape != prior.shape:
            raise InvalidRequestError(
                f"Found priors of shape {prior.shape} and costs of shape {cost_usd.shape}, expected a column for each "
                f"of {len(self.lanes)} lanes. Nothing was learned."
            )
        log_cost = np.log10(np.maximum(cost_usd, 1e-9)) / 10
        return [
            [f"|A lane_{lane} prior:{q:.5f} cost:{c:.4f}" for lane, (q, c) in enumerate(zip(qs, cs, strict=True))]
            for qs, cs in zip(prior.tolist(), log_cost.tolist(), strict=True)
        ]


def _check(
    rows: int, action: NDArray[np.intp], quality: NDArray[np.float64], probability: NDArray[np.float64], lanes: int
) -> None:
    for name, values in (("action", action), ("quality", quality), ("probability", probability)):
        if len(values) != rows:
            found = f"Found {len(values)} values of {name} for {rows} requests, expected as many."
            raise InvalidRequestError(f"{found} Nothing was learned.")
    bad = (
        ("action", (action < 0) | (action >= lanes), f"an index below {lanes}"),
        ("quality", ~((quality >= 0) & (quality <= 1)), "a number in 0..1"),
        ("probability", ~((probability > 0) & (probability <= 1)), "a number in (0, 1]"),
    )
    for name, wrong, expected in bad:
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            found = {"action": action, "quality": quality, "probability": probability}[name][row]
            raise InvalidRequestError(f"Outcome {row} has {name} {found}, expected {expected}. Nothing was learned.")
