"""Intent, domain, mode and risks, read off the token vectors that the encoder has computed anyway.

Each head pays attention of its own: a score per token, and a weighted mean of what each token says about each label. A
head is thus linear in the tokens, which makes it cheap and lets ``attribution`` say exactly how much each word
contributed. Requests are read one at a time on purpose: a matrix product may round differently for other batch sizes,
and a decision must not depend on what else was in the batch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from router_ml.errors import BundleFormatError
from router_ml.understanding.encoder import Encoded

Floats = NDArray[np.float32]
FORMAT = 2
_MOST_CHANCE = math.log(64)  # or a request could be made to look harmless by padding it without end
HEADS = ("intent", "domain", "mode")


@dataclass(frozen=True)
class Promise:
    """What an abstention threshold was chosen for: with probability ``confidence`` over the draw of ``rows``
    calibration rows, at most a share ``error`` of the answered requests is wrong (learn-then-test, Angelopoulos et al.,
    2021)."""

    error: float
    confidence: float
    rows: int


@dataclass(frozen=True)
class Head:
    """One softmax head: its labels, temperature, the confidence under which it abstains, and what that keeps."""

    labels: tuple[str, ...]
    temperature: float
    abstain_below: float
    promise: Promise | None = None


@dataclass(frozen=True)
class RiskHead:
    """One sigmoid per risk: Platt scaling of its logit, and the probability from which it fires.

    ``per_piece``: how much the logit of the most suspicious of n pieces is lowered, times log n, up to a limit: where
    scores of harmless texts have an exponential tail, the highest of n is higher by just that.
    """

    labels: tuple[str, ...]
    slope: tuple[float, ...]
    offset: tuple[float, ...]
    threshold: tuple[float, ...]
    per_piece: tuple[float, ...]


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

    @cached_property
    def readers(self) -> NDArray[np.intp]:
        """Which attention each label is read with, (k,): one for each softmax head, one for each risk."""
        sizes = [len(getattr(self, name).labels) for name in HEADS]
        return np.repeat(np.arange(len(HEADS) + len(self.risks.labels)), [*sizes, *(1 for _ in self.risks.labels)])

    @cached_property
    def cuts(self) -> tuple[int, ...]:
        """Where the columns of one head end and those of the next begin."""
        return tuple(np.cumsum([len(getattr(self, name).labels) for name in HEADS]).tolist())

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"

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
            return cls(**{name: _head(fields) for name, fields in parts.items()}, risks=risks)
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            raise BundleFormatError(f"classifier.json cannot be read: {error!r}.") from None


def _tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}


def _head(fields: dict[str, Any]) -> Head:
    promise = fields.pop("promise", None)
    return Head(**fields, promise=Promise(**promise) if promise else None)


@dataclass(frozen=True)
class Weights:
    """``classifier.safetensors``: attention (d, g) and value (d, k) of each token, surface (s, k), bias (k,).

    The k columns are the labels of intent, domain, mode and risks; the g columns their readers.
    """

    attention: Floats
    value: Floats
    surface: Floats
    bias: Floats


class Classifier:
    """The served classifier."""

    def __init__(self, weights: Weights, spec: ClassifierSpec) -> None:
        self.spec = spec
        self.weights = weights
        self.columns = np.ascontiguousarray(np.concatenate([weights.attention, weights.value], axis=1))
        self._readers = weights.attention.shape[1]
        self._columns = np.arange(weights.value.shape[1])
        self._slope = np.asarray(spec.risks.slope, np.float32)
        self._offset = np.asarray(spec.risks.offset, np.float32)
        self._per_piece = np.asarray(spec.risks.per_piece, np.float32)

    @classmethod
    def load(cls, folder: Path) -> Classifier:
        """Open ``classifier.safetensors`` and ``classifier.json``.

        Raises:
            BundleFormatError: a file was written for another release, or is damaged.
        """
        spec = ClassifierSpec.from_json((folder / "classifier.json").read_text(encoding="utf-8"))
        try:
            weights = Weights(**load_file(folder / "classifier.safetensors"))
        except (TypeError, SafetensorError) as error:
            raise BundleFormatError(f"classifier.safetensors does not hold the weights expected: {error}.") from None
        readers, columns = int(spec.readers.max()) + 1, len(spec.readers)
        found = weights.attention.shape[-1], weights.value.shape[-1], weights.surface.shape[-1], weights.bias.shape[-1]
        if found != (readers, columns, columns, columns) or weights.attention.shape[0] != weights.value.shape[0]:
            raise BundleFormatError(
                f"classifier.safetensors has {found} columns, classifier.json names {columns} labels with {readers} "
                "readers. The two files are not of one classifier."
            )
        return cls(weights, spec)

    def save(self, folder: Path) -> None:
        """Write the two files."""
        folder.mkdir(parents=True, exist_ok=True)
        # safetensors writes the buffer as it lies in memory, whatever the strides say
        plain = {name: np.ascontiguousarray(value) for name, value in vars(self.weights).items()}
        save_file(plain, folder / "classifier.safetensors")
        (folder / "classifier.json").write_text(self.spec.to_json(), encoding="utf-8")

    def attend(self, reading: Floats) -> Floats:
        """What each token of a reading (t, g + k) adds to each label's score: (t, k), summing to the score."""
        result: Floats = self._attention(reading)[:, self.spec.readers] * reading[:, self._readers :]
        return result

    def _read(self, reading: Floats) -> Floats:
        """Scores (k,) of a reading without the constant: the sums of what ``attend`` gives, in one product."""
        every: Floats = self._attention(reading).T @ reading[:, self._readers :]
        result: Floats = every[self.spec.readers, self._columns]
        return result

    def _attention(self, reading: Floats) -> Floats:
        """Weights (t, g) of the tokens for each reader, summing to 1."""
        scores = reading[:, : self._readers]
        weight = np.exp(scores - scores.max(axis=0))
        weight /= weight.sum(axis=0)
        result: Floats = weight
        return result

    def scores(
        self, task: Encoded, surface: Floats, context: Sequence[Encoded] = (), ends: Sequence[Encoded] = ()
    ) -> Floats:
        """Uncalibrated scores (k,) of one request.

        Intent, domain and mode are read from the whole task, however long: attention decides what counts. A risk is as
        high as in the most suspicious piece, of the task or of ``context``, the texts that came with it, less what the
        highest of so many pieces is higher by chance; or as in one of the ``ends`` of a long task.
        """
        first = self.spec.cuts[-1]
        whole = task.readings[0] if len(task.readings) == 1 else np.concatenate(task.readings)
        shares = self._read(whole)
        pieces = [reading for text in (task, *context) for reading in text.readings]
        if len(pieces) > 1:
            each = np.stack([self._read(piece)[first:] for piece in pieces])
            shares[first:] = each.max(axis=0) - self._per_piece * np.float32(min(math.log(len(pieces)), _MOST_CHANCE))
        for end in ends:
            shares[first:] = np.maximum(shares[first:], self._read(end.readings[0])[first:])
        result: Floats = shares + surface @ self.weights.surface + self.weights.bias
        return result

    def predict(
        self, task: Encoded, surface: Floats, context: Sequence[Encoded] = (), ends: Sequence[Encoded] = ()
    ) -> Prediction:
        """Calibrated probabilities of one request; arguments as for ``scores``."""
        spec = self.spec
        intent, domain, mode, risks = np.split(self.scores(task, surface, context, ends), spec.cuts)
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
