"""Intent, domain, mode and risks: one hidden layer over the embedding, plus a linear part over hashed words, in numpy.

Rows are computed one at a time on purpose: a matrix product may round differently for other batch sizes, and a decision
must not depend on what else was in the batch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """Calibrated probabilities by head, in the order of the head's labels; each (k,)."""

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
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            raise BundleFormatError(f"classifier.json cannot be read: {error!r}.") from None


def _tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}


class Classifier:
    """The served classifier.

    ``weights``: ``trunk.w (d + s, h)``, ``trunk.b (h,)``, ``heads.w (h, k)``, ``heads.b (k,)``, ``words (BUCKETS, k)``;
    the k columns are intents, domains, modes, risks.
    """

    def __init__(self, weights: Mapping[str, NDArray[np.floating]], spec: ClassifierSpec) -> None:
        self.spec = spec
        self._weights = dict(weights)
        self._words = np.asarray(self._weights["words"], np.float32)  # stored as halves, which numpy adds slowly
        sizes = [len(head.labels) for head in (spec.intent, spec.domain, spec.mode, spec.risks)]
        self._cuts = np.cumsum(sizes)[:-1].tolist()
        self._slope = np.asarray(spec.risks.slope, np.float32)
        self._offset = np.asarray(spec.risks.offset, np.float32)

    @classmethod
    def load(cls, folder: Path) -> Classifier:
        """Open ``classifier.safetensors`` and ``classifier.json``."""
        spec = ClassifierSpec.from_json((folder / "classifier.json").read_text(encoding="utf-8"))
        return cls(load_file(folder / "classifier.safetensors"), spec)

    def save(self, folder: Path) -> None:
        """Write the two files."""
        folder.mkdir(parents=True, exist_ok=True)
        # safetensors writes the buffer as it lies in memory, whatever the strides say
        plain = {name: np.ascontiguousarray(value) for name, value in self._weights.items()}
        save_file(plain, folder / "classifier.safetensors")
        (folder / "classifier.json").write_text(self.spec.to_json(), encoding="utf-8")

    def logits(self, embedding: Floats, surface: Floats, words: NDArray[np.int64]) -> Floats:
        """Uncalibrated scores (k,) of one row: ``embedding (d,)``, ``surface (s,)``, hashed ``words``."""
        w = self._weights
        hidden = np.maximum(np.concatenate([embedding, surface]) @ w["trunk.w"] + w["trunk.b"], 0)
        lexical = self._words[words].sum(axis=0) / np.float32(math.sqrt(max(len(words), 1)))
        result: Floats = hidden @ w["heads.w"] + w["heads.b"] + lexical
        return result

    def predict(
        self,
        task: Encoded,
        surface: Floats,
        words: NDArray[np.int64],
        chunks: Sequence[tuple[Floats, Floats, NDArray[np.int64]]] = (),
    ) -> Prediction:
        """Calibrated probabilities of one request.

        Intent, domain and mode are read from the whole task. A risk counts when the task shows it, or any of ``chunks``
        (embedding, surface, words): pieces of a long task and of what came with it.
        """
        intent, domain, mode, risks = np.split(self.logits(task.embedding, surface, words), self._cuts)
        for chunk in chunks:
            risks = np.maximum(risks, self.logits(*chunk)[self._cuts[-1] :])
        spec = self.spec
        return Prediction(
            intent=softmax(intent / np.float32(spec.intent.temperature)),
            domain=softmax(domain / np.float32(spec.domain.temperature)),
            mode=softmax(mode / np.float32(spec.mode.temperature)),
            risks=(1 / (1 + np.exp(-np.clip(self._slope * risks + self._offset, -30, 30)))).astype(np.float32),
        )


def softmax(scores: Floats) -> Floats:
    """Probabilities of one row of scores."""
    exponentials = np.exp(scores - scores.max())
    result: Floats = (exponentials / exponentials.sum()).astype(np.float32)
    return result
