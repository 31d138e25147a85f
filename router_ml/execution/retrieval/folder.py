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
_FIRST_SECONDS = 2.0  # that searches wait for the vectors of a folder that has just been opened
_ENOUGH = 16  # passages, to know what they share
_Signature = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class _Built:
    """One state of the folder; searches keep the one that they began with. ``signature`` None: it has not been read;
    ``whole``: nothing of it is still being made."""

    signature: _Signature | None = None
    whole: bool = False
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
        background: read the folder in a thread of its own, which ``start`` starts, or a search; until its vectors are
            there the words alone are searched, and a change is seen by a later search than the one that is due.
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
        background: bool = False,
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
        self._lock = threading.Lock()  # of whoever reads the folder
        self._background = background
        self._starting = threading.Lock()
        self._reader: threading.Thread | None = None
        self._patience = 0.0
        self._failure: Exception | None = None

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
        if len(built.vectors):
            assert self._embed is not None
            meaning = built.vectors @ centred(self._embed([query])[0], built.middle)
            score = self._words * score + (1 - self._words) * meaning
        best = np.argsort(-score, kind="stable")[:top_k]
        found = [(built.pieces[at], float(score[at])) for at in best if score[at] > 0]
        return [Passage(piece.id, piece.text, score, piece.source) for piece, score in found]

    def _fresh(self) -> _Built:
        """The state of the folder, read again where a file has changed."""
        if not self._is_due():
            return self._built
        if self._background:
            return self._meanwhile(self.start())
        if not self._lock.acquire(blocking=self._built.signature is None):
            return self._built  # somebody is reading the folder; what was known before is served meanwhile
        try:
            self._read()
        finally:
            self._lock.release()
        return self._built

    def start(self) -> threading.Thread:
        """Have the folder read in the background, if nobody is at it; the thread that does."""
        with self._starting:
            if self._reader is None or not self._reader.is_alive():
                self._patience = time.monotonic() + _FIRST_SECONDS
                self._reader = threading.Thread(target=self._read_apart, name="router-ml folder", daemon=True)
                self._reader.start()
            return self._reader

    def _read_apart(self) -> None:
        try:
            with self._lock:
                self._read()
            self._failure = None
        except Exception as error:  # noqa: BLE001 - whatever it is, the searches that wait for it get it
            self._failure = error
            if self._built.signature is not None:
                self._looked = self._clock()  # what is known is served, and the rest tried again later

    def _meanwhile(self, reader: threading.Thread) -> _Built:
        """What can be searched while a folder is read: what was known before, else soon its words."""
        while reader.is_alive() and not self._built.whole:
            if self._built.signature is not None and time.monotonic() > self._patience:
                break
            reader.join(0.02)
        if self._built.signature is None and self._failure is not None:
            raise self._failure
        return self._built

    def refresh(self) -> None:
        """Look at the folder now, not at the next search that is due, and wait until all of it can be searched."""
        self._looked = -math.inf
        with self._lock:
            self._read()

    def _is_due(self) -> bool:
        return self._clock() - self._looked >= _CHECK_SECONDS

    def _read(self) -> None:
        if self._is_due():
            signature = self._signature()
            if signature != self._built.signature or not self._built.whole:
                self._build(signature)
            self._looked = self._clock()

    def _signature(self) -> _Signature:
        seen = ((path, path.stat()) for path in files_of(self._folder))
        return tuple((self._name(path), stat.st_mtime_ns, stat.st_size) for path, stat in seen)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _build(self, signature: _Signature) -> None:
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
        done = self._embed is None or not texts
        built = _Built(signature, done, tuple(pieces), lexical=Lexical(texts), skipped=tuple(skipped))
        if done or not self._built.whole:
            self._built = built
        if self._embed is not None and texts:
            vectors = self._vectors.of(texts, self._embed)
            middle = vectors.mean(axis=0) if len(texts) >= _ENOUGH else np.zeros(vectors.shape[1], np.float32)
            self._built = replace(built, whole=True, vectors=centred(vectors, middle), middle=middle)
