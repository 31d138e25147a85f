"""Names of people, street addresses and organisations, tagged on the token vectors of the shared encoder.

One encoder pass serves everything: the columns of the tagger's projection are multiplied with the token vectors beside
those of the classifier. What the last layer blurs is given back per token by a small vector of the word piece and by
its shape in the text, for the tokenizer drops case. Two convolutions over neighbours, the second one dilated, then say
what each word is part of. A text is read by itself, so what is found does not depend on its batch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from router_ml.errors import BundleFormatError
from router_ml.guardrails.tagging.token_shapes import SHAPES, Floats, Ints, continues, shapes

FORMAT = 1
FILES = ("entities.safetensors", "entities.json")
KINDS = ("person", "address", "organization")
TAGS = ("O", *KINDS)
TAPS, DILATION = 5, 3

_JOINED_BY = 3  # characters between two parts of an address that are one


@dataclass(frozen=True)
class Entity:
    """Characters ``start`` to ``end`` of a text are of a kind (``KINDS``); ``score``: mean probability of its words."""

    kind: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Chunk:
    """One chunk of a text as the encoder cut it: ids (t,), offsets (t, 2), reading (t, h); special tokens: (0, 0)."""

    ids: Ints
    offsets: Ints
    reading: Floats


@dataclass(frozen=True)
class Weights:
    """``entities.safetensors``: projection (d, h) of token vectors; pieces (v, e), float16; two convolutions,
    ``near`` (TAPS * (h + e + SHAPES), c) and ``wide`` (TAPS * c, c); ``tags`` (c, len(TAGS)); biases."""

    projection: Floats
    pieces: NDArray[np.float16]
    near: Floats
    near_bias: Floats
    wide: Floats
    wide_bias: Floats
    tags: Floats
    tags_bias: Floats

    def check(self) -> None:
        """Whether the arrays fit one another.

        Raises:
            BundleFormatError: they do not.
        """
        joined = self.projection.shape[1] + self.pieces.shape[1] + SHAPES
        size = self.near.shape[1]
        expected: dict[str, tuple[int, ...]] = {
            "near": (TAPS * joined, size),
            "wide": (TAPS * size, size),
            "tags": (size, len(TAGS)),
        }
        expected |= {"near_bias": (size,), "wide_bias": (size,), "tags_bias": (len(TAGS),)}
        for name, shape in expected.items():
            if (found := getattr(self, name).shape) != shape:
                raise BundleFormatError(f"entities.safetensors: {name} has shape {found}, expected {shape}.")


@dataclass(frozen=True)
class TaggerSpec:
    """``entities.json``: from which score on an entity of each of ``kinds`` counts."""

    kinds: tuple[str, ...]
    threshold: tuple[float, ...]


class Tagger:
    """The served tagger. ``columns`` (d, h) is what it reads off each token vector."""

    def __init__(self, weights: Weights, spec: TaggerSpec) -> None:
        weights.check()
        self.weights = weights
        self.spec = spec
        self.columns = weights.projection
        self._pieces = weights.pieces.astype(np.float32)

    @classmethod
    def load(cls, folder: Path) -> Tagger:
        """Open ``entities.safetensors`` and ``entities.json``.

        Raises:
            BundleFormatError: a file was written for another release, or is damaged.
        """
        try:
            record = json.loads((folder / FILES[1]).read_text(encoding="utf-8"))
            if record.pop("format") != FORMAT or tuple(record["kinds"]) != KINDS:
                raise BundleFormatError(f"{FILES[1]} is in a format that this release does not read.")
            spec = TaggerSpec(**{name: tuple(value) for name, value in record.items()})
            return cls(Weights(**load_file(folder / FILES[0])), spec)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, SafetensorError) as error:
            raise BundleFormatError(f"{FILES[0]} and {FILES[1]} cannot be read: {error!r}.") from None

    def save(self, folder: Path) -> None:
        """Write the two files."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: np.ascontiguousarray(value) for name, value in vars(self.weights).items()}, folder / FILES[0])
        (folder / FILES[1]).write_text(json.dumps({"format": FORMAT, **asdict(self.spec)}) + "\n", encoding="utf-8")

    def find(self, text: str, chunks: Sequence[Chunk]) -> tuple[Entity, ...]:
        """Entities of a text from left to right, those below their threshold left out.

        Args:
            chunks: of the whole text, in order; where two overlap, each is believed for its half of what they share.
        """
        scored = [(chunk.offsets[1:-1], self.scores(text, chunk)[1:-1]) for chunk in chunks if len(chunk.ids) > 2]
        if not scored or not any(scores.argmax(axis=1).any() for _, scores in scored):
            return ()
        offsets, scores = _joined(scored)
        found = _entities(text, offsets, scores)
        least = dict(zip(self.spec.kinds, self.spec.threshold, strict=True))
        return tuple(entity for entity in found if entity.score >= least[entity.kind])

    def scores(self, text: str, chunk: Chunk) -> Floats:
        """Scores (t, len(TAGS)) of the tokens of one chunk, special ones included."""
        weights = self.weights
        joined = np.concatenate([chunk.reading, self._pieces[chunk.ids], shapes(text, chunk.offsets)], axis=1)
        joined[0] = joined[-1] = 0  # the special tokens are the edge, as zeros are beyond it
        near = np.maximum(_windows(joined, 1) @ weights.near + weights.near_bias, 0)
        near[0] = near[-1] = 0
        wide = np.maximum(_windows(near, DILATION) @ weights.wide + weights.wide_bias, 0) + near
        result: Floats = wide @ weights.tags + weights.tags_bias
        return result


def _windows(rows: Floats, dilation: int) -> Floats:
    """Each row (t, c) with its neighbours, (t, TAPS * c); zeros beyond the ends."""
    count, width = rows.shape
    reach = TAPS // 2 * dilation
    padded = np.zeros((count + 2 * reach, width), np.float32)
    padded[reach : reach + count] = rows
    result: Floats = np.concatenate([padded[tap * dilation : tap * dilation + count] for tap in range(TAPS)], axis=1)
    return result


def _joined(scored: Sequence[tuple[Ints, Floats]]) -> tuple[Ints, Floats]:
    """Offsets and scores of a whole text, each token once: of what two chunks share, each keeps its half."""
    begin, parts = 0, []
    for (offsets, scores), following in zip_longest(scored, scored[1:]):
        shared = len(offsets) - int(np.searchsorted(offsets[:, 0], following[0][0, 0])) if following else 0
        end = len(offsets) - shared // 2
        parts.append((offsets[begin:end], scores[begin:end]))
        begin = shared - shared // 2
    return np.concatenate([offsets for offsets, _ in parts]), np.concatenate([scores for _, scores in parts])


def _entities(text: str, offsets: Ints, scores: Floats) -> Iterator[Entity]:
    """Runs of words of one kind; a word is what the mean of its pieces says."""
    inside = continues(text, offsets)
    begins = np.flatnonzero(~inside)
    ends = np.append(begins[1:], len(offsets))
    mean = np.add.reduceat(scores, begins, axis=0) / (ends - begins)[:, None]
    shares = np.exp(mean - mean.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    kinds = shares.argmax(axis=1)
    found: list[tuple[int, int, int, list[float]]] = []
    for row in np.flatnonzero(kinds).tolist():
        kind, start, end = int(kinds[row]), int(offsets[begins[row], 0]), int(offsets[ends[row] - 1, 1])
        share = float(shares[row, kind])
        if found and found[-1][0] == kind and _is_one(kind, text[found[-1][2] : start]):
            kind, first, _, all_shares = found.pop()
            found.append((kind, first, end, [*all_shares, share]))
        else:
            found.append((kind, start, end, [share]))
    for kind, start, end, all_shares in found:
        yield Entity(TAGS[kind], start, end, round(sum(all_shares) / len(all_shares), 4))


def _is_one(kind: int, gap: str) -> bool:
    """Whether what stands between two words of a kind leaves them one entity."""
    if TAGS[kind] == "address":
        return len(gap.strip()) <= 1 and len(gap) <= 2 * _JOINED_BY
    return len(gap) <= _JOINED_BY and not gap.strip() and "\n" not in gap
