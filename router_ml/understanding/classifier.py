"""Intent, domain, mode and risks from an embedding: one hidden layer and four heads, in numpy.

Rows are computed one at a time on purpose: a matrix product may round differently for other batch sizes, and a decision
must not depend on what else was in the batch.
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
from router_ml.understanding.encoder import Encoded

Floats = NDArray[np.float32]
FORMAT = 1


@dataclass(frozen=True)
class Head:
    """One softmax head: its labels, temperature, and the confidence under which it abstains."""

    labels: tuple[str, ...]
    temperature: float
    abstain_below: float


@dataclass(frozen=True)
class RiskHead:
    """One sigmoid per risk: Platt scaling of its logit, and the probability from which it fires."""

    labels: tuple[str, ...]
    slope: tuple[float, ...]
    offset: tuple[float, ...]
    threshold: tuple[float, ...]


@dataclass(frozen=True)
class Prediction:
    """Calibrated probabilities by head, in the order of the head's labels."""

    intent: Floats
    domain: Floats
    mode: Floats
    risks: Floats


@dataclass(frozen=True)
class ClassifierSpec:
    """``classifier.json``: everything about the heads that is not a weight."""

    intent: Head
    domain: Head
    mode: Head
    risks: RiskHead

    def to_json(self) -> str:
        """The file's text."""
        heads = {name: vars(getattr(self, name)) for name in ("intent", "domain", "mode", "risks")}
        return json.dumps({"format": FORMAT, **heads}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ClassifierSpec:
        """Read the file's text.

        Raises:
            BundleFormatError: it was written for another release, or is damaged.
        """
        try:
            record = json.loads(text)
            found = record.pop("format")
            if found != FORMAT:
                raise BundleFormatError(f"classifier.json has format {found}, this release reads format {FORMAT}.")
            parts = {name: _tuples(fields) for name, fields in record.items()}
            risks = RiskHead(**parts.pop("risks"))
            return cls(**{name: Head(**fields) for name, fields in parts.items()}, risks=risks)
        except (TypeError, KeyError, ValueError) as error:
            raise BundleFormatError(f"classifier.json cannot be read: {error!r}.") from None


def _tuples(fields: Mapping[str, object]) -> dict[str, object]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}


class Classifier:
    """The served classifier. ``weights`` holds ``trunk.w (d, h)``, ``trunk.b (h,)`` and ``<head>.w (h, k)``, ``<head>.b``."""

    def __init__(self, weights: Mapping[str, Floats], spec: ClassifierSpec) -> None:
        self.spec = spec
        self._weights = dict(weights)

    @classmethod
    def load(cls, folder: Path) -> Classifier:
        """Open ``classifier.safetensors`` and ``classifier.json``."""
        spec = ClassifierSpec.from_json((folder / "classifier.json").read_text(encoding="utf-8"))
        return cls(load_file(folder / "classifier.safetensors"), spec)

    def save(self, folder: Path) -> None:
        """Write the two files."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file(self._weights, folder / "classifier.safetensors")
        (folder / "classifier.json").write_text(self.spec.to_json(), encoding="utf-8")

    def logits(self, embedding: Floats, surface: Floats) -> dict[str, Floats]:
        """Uncalibrated scores by head of one row; ``embedding (d,)``, ``surface (s,)``."""
        w = self._weights
        hidden = np.maximum(np.concatenate([embedding, surface]) @ w["trunk.w"] + w["trunk.b"], 0)
        return {name: hidden @ w[f"{name}.w"] + w[f"{name}.b"] for name in ("intent", "domain", "mode", "risks")}

    def predict(self, task: Encoded, surface: Floats, context: tuple[Encoded, ...] = ()) -> Prediction:
        """Calibrated probabilities of one request.

        Intent, domain and mode are read from the whole task; a risk counts when any chunk of the task, or of the
        ``context`` (tool results), shows it.
        """
        whole = self.logits(task.embedding, surface)
        risks = whole["risks"]
        chunks = [chunk for encoded in (task, *context) for chunk in encoded.chunks]
        for chunk in chunks if len(chunks) > 1 else ():
            risks = np.maximum(risks, self.logits(chunk, surface)["risks"])
        spec = self.spec
        scaled = np.asarray(spec.risks.slope, dtype=np.float32) * risks + np.asarray(spec.risks.offset, np.float32)
        return Prediction(
            intent=_softmax(whole["intent"] / np.float32(spec.intent.temperature)),
            domain=_softmax(whole["domain"] / np.float32(spec.domain.temperature)),
            mode=_softmax(whole["mode"] / np.float32(spec.mode.temperature)),
            risks=(1 / (1 + np.exp(-scaled))).astype(np.float32),
        )


def _softmax(scores: Floats) -> Floats:
    exponentials = np.exp(scores - scores.max())
    result: Floats = (exponentials / exponentials.sum()).astype(np.float32)
    return result
