"""The index that is built in: a folder of documents, searched by words and by meaning.

Everything is in memory; a folder that fits there needs no server. Vectors are kept beside the folder (``.npy`` and a
JSON file that says what they are of), so that only what is new is embedded again.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import ConfigError, Problem
from router_ml.execution.retrieval.documents import Caps, Piece, files_of, pieces_of
from router_ml.execution.retrieval.embedding import Embedder, centred
from router_ml.execution.retrieval.lexical import Lexical
from router_ml.execution.retrieval.passages import Passage
from router_ml.execution.retrieval.vectors import Vectors

WORDS = 0.5  # share of the score that the words have, as measured on the authored questions
_CHECK_SECONDS = 5.0
_ENOUGH = 16  # passages, to know what they share
_Signature = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class _Built:
    """One state of the folder; searches keep the one that they began with."""

    signature: _Signature = ()
    pieces: tuple[Piece, ...] = ()
    vectors: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    middle: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    lexical: Lexical = field(default_factory=lambda: Lexical(()))
    skipped: tuple[str, ...] = ()


class FolderIndex:
    """A ``Retriever`` over a folder; safe to share between threads.

    Args:
        embed: None to search by words alone.
        cache: folder for the vectors; by default ``.NAME.index`` beside the folder, and where that cannot be written
            they are made anew by each process.
        words: share of the score that the words have, 0..1.
        clock: seconds; when it last looked whether a file has changed.

    Raises:
        ConfigError: the folder does not exist.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        embed: Embedder | None = None,
        cache: str | Path | None = None,
        caps: Caps | None = None,
        words: float = WORDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = Path(folder)
        if not self._folder.is_dir():
            message = f"the folder {str(folder)!r} of the index does not exist."
            raise ConfigError([Problem("router.yaml", None, "indexes", message, "Create it, or correct the path.")])
        self._embed = embed
        where = Path(cache) if cache is not None else self._folder.parent / f".{self._folder.name}.index"
        self._vectors = Vectors(where)
        self._caps = caps or Caps()
        self._words = words if embed is not None else 1.0
        self._clock = clock
        self._looked = -math.inf
        self._built = _Built()
        self._lock = threading.Lock()

    @property
    def skipped(self) -> tuple[str, ...]:
        """Files that are not searched, or not to their end: too large, too many, not to be read, or without text."""
        return self._fresh().skipped

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Every passage, by file and place."""
        return self._fresh().pieces

    def __len__(self) -> int:
        return len(self._fresh().pieces)

    def search(self, query: str, *, top_k: int) -> list[Passage]:
        """The passages nearest to a query, best first; at most ``top_k``, and none that shares nothing with it."""
        built = self._fresh()
        if not built.pieces or top_k <= 0:
            return []
        score = built.lexical.scores(query)
        if self._embed is not None:
            meaning = built.vectors @ centred(self._embed([query])[0], built.middle)
            score = self._words * score + (1 - self._words) * meaning
        best = np.argsort(-score, kind="stable")[:top_k]
        found = [(built.pieces[at], float(score[at])) for at in best if score[at] > 0]
        return [Passage(piece.id, piece.text, score, piece.source) for piece, score in found]

    def _fresh(self) -> _Built:
        """The state of the folder, read again where a file has changed."""
        if self._clock() - self._looked < _CHECK_SECONDS:
            return self._built
        if not self._lock.acquire(blocking=not self._built.signature):
            return self._built  # somebody is reading the folder; what was known before is served meanwhile
        try:
            if self._clock() - self._looked >= _CHECK_SECONDS:
                signature = self._signature()
                if signature != self._built.signature:
                    self._built = self._build(signature)
                self._looked = self._clock()
        finally:
            self._lock.release()
        return self._built

    def refresh(self) -> None:
        """Look at the folder now, not at the next search that is due."""
        self._looked = -math.inf
        self._fresh()

    def _signature(self) -> _Signature:
        seen = ((path, path.stat()) for path in files_of(self._folder))
        return tuple((self._name(path), stat.st_mtime_ns, stat.st_size) for path, stat in seen)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _build(self, signature: _Signature) -> _Built:
        pieces: list[Piece] = []
        skipped: list[str] = []
        for at, (name, _, size) in enumerate(signature):
            if at >= self._caps.files or size > self._caps.bytes or len(pieces) >= self._caps.passages:
                skipped.append(name)
                continue
            try:
                text = (self._folder / name).read_text(encoding="utf-8", errors="replace")
            except OSError:
                skipped.append(name)
                continue
            made = pieces_of(name, text)
            room = self._caps.passages - len(pieces)
            if not made or len(made) > room:
                skipped.append(name)
            pieces.extend(made[:room])
        texts = [piece.text for piece in pieces]
        built = _Built(signature, tuple(pieces), lexical=Lexical(texts), skipped=tuple(skipped))
        if self._embed is None or not texts:
            return built
        vectors = self._vectors.of(texts, self._embed)
        middle = vectors.mean(axis=0) if len(texts) >= _ENOUGH else np.zeros(vectors.shape[1], np.float32)
        return replace(built, vectors=centred(vectors, middle), middle=middle)
