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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from router_ml.errors import BundleFormatError

# Read when onnxruntime is imported; without it a device id and an upload queue are written to the user's cache.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

FILES = ("model.onnx", "tokenizer.json", "encoder.json")
_TOKENS_PER_RUN = 4096  # bounds the memory of a batch

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class EncoderSpec:
    """``encoder.json``: what the graph expects and where its weights come from."""

    name: str
    dimension: int
    window: int
    overlap: int
    prefix: int
    suffix: int


@dataclass(frozen=True)
class Encoded:
    """One text: its embedding (d,), those of its chunks (c, d), all of unit length, its number of tokens, and the
    stretch of text that each chunk covers."""

    embedding: Floats
    chunks: Floats
    tokens: int
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Chunk:
    """Token ids with the special ones, the text they cover, and the number of tokens of the whole text."""

    ids: list[int]
    piece: str
    tokens: int


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
            spec = EncoderSpec(**json.loads((folder / "encoder.json").read_text(encoding="utf-8")))
        except (TypeError, ValueError) as error:
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

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Embed texts of any length; the result of a text does not depend on its neighbours."""
        chunks = [list(self._cut(text)) for text in texts]
        vectors = self._run([chunk.ids for own in chunks for chunk in own])
        ends = np.cumsum([len(own) for own in chunks]).tolist()
        return [_pool(vectors[end - len(own) : end], own) for own, end in zip(chunks, ends, strict=True)]

    def count_tokens(self, text: str) -> int:
        """How many tokens a text has, special ones not counted."""
        return len(self._tokenizer.encode(_decodable(text), add_special_tokens=False).ids)

    def _cut(self, text: str) -> Iterator[_Chunk]:
        text = _decodable(text)
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids, room = encoding.ids, self.spec.window - 2
        starts = range(0, max(len(ids) - self.spec.overlap, 1), room - self.spec.overlap)
        offsets = encoding.offsets if len(starts) > 1 else []
        for start in starts:
            end = min(start + room, len(ids))
            piece = text[offsets[start][0] : offsets[end - 1][1]] if offsets else text
            yield _Chunk([self.spec.prefix, *ids[start:end], self.spec.suffix], piece, len(ids))

    def _run(self, chunks: Sequence[list[int]]) -> Floats:
        by_length: dict[int, list[int]] = defaultdict(list)
        for row, chunk in enumerate(chunks):
            by_length[len(chunk)].append(row)
        vectors = np.empty((len(chunks), self.spec.dimension), dtype=np.float32)
        for length, rows in by_length.items():
            at_once = max(1, _TOKENS_PER_RUN // length)
            for start in range(0, len(rows), at_once):
                some = rows[start : start + at_once]
                batch = np.array([chunks[row] for row in some], dtype=np.int64)
                vectors[some] = [_mean(row) for row in self._session.run(["token_embeddings"], {"input_ids": batch})[0]]
        return vectors


def _mean(tokens: Floats) -> Floats:
    """Unit mean (d,) of one row's token vectors (t, d). Outside the graph: its mean rounds differently in a batch."""
    mean = tokens.mean(axis=0)
    result: Floats = mean / np.linalg.norm(mean)
    return result


def _pool(vectors: Floats, chunks: Sequence[_Chunk]) -> Encoded:
    """Mean of chunk embeddings weighted by their length, scaled to unit length."""
    pieces = tuple(chunk.piece for chunk in chunks)
    if len(vectors) == 1:
        return Encoded(vectors[0], vectors, chunks[0].tokens, pieces)
    mean = np.array([len(chunk.ids) for chunk in chunks], dtype=np.float32) @ vectors
    return Encoded((mean / np.linalg.norm(mean)).astype(np.float32), vectors, chunks[0].tokens, pieces)


def _decodable(text: str) -> str:
    """A lone surrogate cannot be tokenised."""
    return text.encode("utf-8", "replace").decode("utf-8")


def fingerprint(folder: Path) -> str:
    """sha256 over the three files of an encoder: what stored embeddings and outcome packs are tied to."""
    digest = hashlib.sha256()
    for name in FILES:
        digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()
