"""Sentence embeddings without torch: tokenizers + ONNX Runtime.

The only file that imports onnxruntime. Texts are cut into chunks of the encoder's window with some overlap, chunks of
equal length run together, so that no row is ever padded and a text has the same embedding alone as in any batch.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from router_ml.errors import BundleFormatError

# Read when onnxruntime is imported; without it a device id and an upload queue are written to the user's cache.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

FILES = ("model.onnx", "tokenizer.json", "encoder.json")
LAST, EARLY = "token_embeddings", "early_embeddings"  # outputs of the graph
DEFAULT_LANGUAGES = ("en",)
_TOKENS_PER_RUN, _PAIRS_PER_RUN = 1 << 12, 1 << 18  # bound the memory of a batch; attention looks at pairs of tokens

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class EncoderSpec:
    """``encoder.json``: what the graph expects, where its weights come from, and the languages it was validated on.

    ``early``: whether the graph also gives the token vectors of an early layer.
    """

    name: str
    dimension: int
    window: int
    overlap: int
    prefix: int
    suffix: int
    languages: tuple[str, ...] = DEFAULT_LANGUAGES
    early: bool = False


@dataclass(frozen=True)
class Encoded:
    """One text: its embedding (d,) of unit length, its number of tokens, and what heads read off each chunk.

    ``early``: (d,) of unit length, the mean token vector of an early layer, closer to the words than to what they mean;
    (0,) where the encoder does not give it. ``readings``: (t, k) per chunk, the chunk's token vectors times the columns
    that ``Encoder.encode`` was given. With them come ``ids`` (t,) of the tokens, and ``offsets`` (t, 2), their
    characters in the text; special ones are (0, 0).
    """

    embedding: Floats
    tokens: int
    readings: tuple[Floats, ...] = ()
    ids: tuple[Ints, ...] = ()
    offsets: tuple[Ints, ...] = ()
    early: Floats = field(default_factory=lambda: np.empty(0, np.float32))

    @property
    def representation(self) -> Floats:
        """Embedding and early mean as one vector (d,) or (2d,) of unit length: what allocation looks at."""
        if not len(self.early):
            return self.embedding
        result: Floats = np.concatenate([self.embedding, self.early]) * np.float32(np.sqrt(0.5))
        return result


class Encoder:
    """An ONNX sentence encoder; build it with ``Encoder.load``."""

    def __init__(self, session: onnxruntime.InferenceSession, tokenizer: Tokenizer, spec: EncoderSpec, sha256: str):
        self._session = session
        self._tokenizer = tokenizer
        self.spec = spec
        self.sha256 = sha256

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Encoder:
        """Open ``model.onnx``, ``tokenizer.json`` and ``encoder.json``.

        Args:
            folder: where the three files are.
            threads: intra-op threads. More than one only helps long texts, and hurts on a busy machine.

        Raises:
            BundleFormatError: ``encoder.json`` is not the description of an encoder.
        """
        try:
            record = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
            spec = EncoderSpec(**{**record, "languages": tuple(record.get("languages", DEFAULT_LANGUAGES))})
        except (AttributeError, TypeError, ValueError) as error:
            raise BundleFormatError(f"{folder / 'encoder.json'} does not describe an encoder: {error}.") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        model = str(folder / "model.onnx")
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return cls(session, tokenizer, spec, fingerprint(folder))

    def encode(self, texts: Sequence[str], columns: Floats | None = None) -> list[Encoded]:
        """Embed texts of any length; the result of a text does not depend on its neighbours.

        Args:
            columns: (d, k) what to read off each token vector; the vectors themselves are too many to be kept.
        """
        tokenised = [self._tokenizer.encode(_decodable(text), add_special_tokens=False) for text in texts]
        chunks = [list(self._cut(one.ids)) for one in tokenised]
        means, early, readings = self._run([ids for own in chunks for ids in own], columns)
        result, start = [], 0
        for own, one in zip(chunks, tokenised, strict=True):
            mine = slice(start, start + len(own))
            pooled, tokens = _pool(means[mine], own), self._content(own)
            words = _pool(early[mine], own) if self.spec.early else early[0]
            if columns is None:
                result.append(Encoded(pooled, tokens, early=words))
            else:
                places = tuple(np.array(part, np.int64) for part in self._places(one.offsets))
                ids = tuple(np.array(part, np.int64) for part in own)
                result.append(Encoded(pooled, tokens, tuple(readings[mine]), ids, places, words))
            start += len(own)
        return result

    def spans(self, text: str) -> list[list[tuple[int, int]]]:
        """Where each token of each chunk stands in the text, as ``encode`` cuts it; special ones are (0, 0)."""
        return self._places(self._tokenizer.encode(_decodable(text), add_special_tokens=False).offsets)

    @property
    def vocabulary(self) -> int:
        """How many word pieces the tokenizer knows."""
        return int(self._tokenizer.get_vocab_size())

    def count_tokens(self, text: str) -> int:
        """How many tokens a text has, special ones not counted."""
        return len(self._tokenizer.encode(_decodable(text), add_special_tokens=False).ids)

    def _places(self, offsets: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
        """Offsets of each chunk, from those of a text."""
        return [[(0, 0), *offsets[start:end], (0, 0)] for start, end in self._windows(len(offsets))]

    def _cut(self, ids: list[int]) -> Iterator[list[int]]:
        """Token ids of each chunk, with the special ones at its ends."""
        for start, end in self._windows(len(ids)):
            yield [self.spec.prefix, *ids[start:end], self.spec.suffix]

    def _windows(self, tokens: int) -> Iterator[tuple[int, int]]:
        """Where each chunk of a text of so many tokens begins and ends."""
        room = self.spec.window - 2
        for start in range(0, max(tokens - self.spec.overlap, 1), room - self.spec.overlap):
            yield start, min(start + room, tokens)

    def _content(self, chunks: Sequence[list[int]]) -> int:
        """Tokens of a text, from its chunks: without the special ones, shared ones counted once."""
        return sum(len(ids) - 2 for ids in chunks) - self.spec.overlap * (len(chunks) - 1)

    def _run(self, chunks: Sequence[list[int]], columns: Floats | None) -> tuple[Floats, Floats, list[Floats]]:
        """Unit mean (c, d), that of the early layer, and reading of each chunk; chunks of equal length run together."""
        by_length: dict[int, list[int]] = defaultdict(list)
        for row, chunk in enumerate(chunks):
            by_length[len(chunk)].append(row)
        outputs = [LAST, EARLY] if self.spec.early else [LAST]
        means = np.empty((len(chunks), self.spec.dimension), dtype=np.float32)
        early = np.empty((len(chunks), self.spec.dimension if self.spec.early else 0), dtype=np.float32)
        readings = [np.empty((0, 0), np.float32)] * len(chunks)
        for length, rows in by_length.items():
            at_once = max(1, min(_TOKENS_PER_RUN // length, _PAIRS_PER_RUN // length**2))
            for start in range(0, len(rows), at_once):
                some = rows[start : start + at_once]
                batch = np.array([chunks[row] for row in some], dtype=np.int64)
                last, *more = self._session.run(outputs, {"input_ids": batch})
                for at, row in enumerate(some):
                    means[row] = _mean(last[at])
                    if more:
                        early[row] = _mean(more[0][at])
                    if columns is not None:
                        readings[row] = last[at] @ columns
        return means, early, readings


def _mean(tokens: Floats) -> Floats:
    """Unit mean (d,) of one row's token vectors (t, d). Outside the graph: its mean rounds differently in a batch."""
    mean = tokens.mean(axis=0)
    result: Floats = mean / np.linalg.norm(mean)
    return result


def _pool(means: Floats, chunks: Sequence[list[int]]) -> Floats:
    """Mean (d,) of chunk embeddings weighted by their length, scaled to unit length."""
    if len(means) == 1:
        first: Floats = means[0]
        return first
    mean = np.array([len(ids) for ids in chunks], dtype=np.float32) @ means
    result: Floats = (mean / np.linalg.norm(mean)).astype(np.float32)
    return result


def _decodable(text: str) -> str:
    """A lone surrogate cannot be tokenised."""
    return text.encode("utf-8", "replace").decode("utf-8")


def fingerprint(folder: Path) -> str:
    """sha256 over the three files of an encoder: what stored embeddings and outcome packs are tied to."""
    digest = hashlib.sha256()
    for name in FILES:
        digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()
