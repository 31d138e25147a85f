"""What outcomes taught of plans: multinomial regressions on what is known of a request anyway. numpy alone.

Each head says something only where it is at least as sure as the threshold that was set when it was trained: then at
most a stated share of what it says is wrong, for requests like those it was calibrated on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from router_ml.errors import BundleFormatError
from router_ml.planning.guess import Guess

FILES = ("plan.safetensors", "plan.json")
FORMAT = 1
RETRIEVAL, CONTRACT, TOOL, ASK = "retrieval", "output_contract", "tool.", "clarify."
"""Names of the heads, of one head per tool, and of labels of retrieval that name a slot to ask for."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class OneHead:
    """One field: labels, weights (features, labels) and bias (labels,) on standardised features, divided by the
    temperature already; ``threshold``: what it is not at least as sure of, it does not say."""

    labels: tuple[str, ...]
    weights: Floats
    bias: Floats
    threshold: float

    def probabilities(self, features: Floats) -> Floats:
        """Of one row of standardised features (f,), by label (k,)."""
        scores = features @ self.weights + self.bias
        exponentials = np.exp(scores - scores.max())
        result: Floats = exponentials / exponentials.sum()
        return result

    def says(self, features: Floats) -> str | None:
        """The most likely label, where it is sure enough."""
        found = self.probabilities(features)
        top = int(found.argmax())
        return self.labels[top] if found[top] >= self.threshold else None


@dataclass(frozen=True)
class PlanHead:
    """All heads, and the mean and spread (f,) of their features: embedding, surface, intents, domains."""

    mean: Floats
    spread: Floats
    heads: Mapping[str, OneHead]

    def guess(self, embedding: Floats, surface: Floats) -> Guess:
        """What is sure of one request. Rows are looked at one by one, so that a batch guesses as one does alone.

        Args:
            embedding: (d,). surface: (s,) surface features, probabilities of intents and of domains.
        """
        row = (np.concatenate([embedding, surface]).astype(np.float32) - self.mean) / self.spread
        said = {name: head.says(row) for name, head in self.heads.items()}
        strategy = said.get(RETRIEVAL)
        ask = strategy.removeprefix(ASK) if strategy is not None and strategy.startswith(ASK) else None
        tools = {name.removeprefix(TOOL): label for name, label in said.items() if name.startswith(TOOL)}
        return Guess(
            retrieval=None if ask is not None else strategy,
            ask=ask,
            output_contract=said.get(CONTRACT),
            tools=tuple(name for name, label in tools.items() if label == "yes"),
        )

    def save(self, folder: Path) -> None:
        """Write ``FILES``."""
        arrays = {"mean": self.mean, "spread": self.spread}
        for name, head in self.heads.items():
            arrays |= {f"{name}.weights": head.weights, f"{name}.bias": head.bias}
        save_file({key: np.ascontiguousarray(value) for key, value in arrays.items()}, folder / FILES[0])
        heads = {name: {"labels": list(head.labels), "threshold": head.threshold} for name, head in self.heads.items()}
        (folder / FILES[1]).write_text(json.dumps({"format": FORMAT, "heads": heads}) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, *, features: int) -> PlanHead:
        """Read ``FILES``.

        Args:
            features: as many as are known of a request here.

        Raises:
            BundleFormatError: they were written in another format, or for other features.
        """
        path = folder / FILES[1]
        record = json.loads(path.read_text(encoding="utf-8"))
        if record.get("format") != FORMAT:
            raise BundleFormatError(f"{path} is in a format that this release does not read. Retrain the bundle.")
        arrays = load_file(folder / FILES[0])
        if len(arrays["mean"]) != features:
            raise BundleFormatError(
                f"{path} was trained on {len(arrays['mean'])} features, this bundle has {features}. Train it again: "
                "python -m training.plan_head."
            )
        heads = {
            name: OneHead(
                tuple(item["labels"]), arrays[f"{name}.weights"], arrays[f"{name}.bias"], float(item["threshold"])
            )
            for name, item in record["heads"].items()
        }
        return cls(arrays["mean"], arrays["spread"], heads)
