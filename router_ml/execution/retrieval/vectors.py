"""Vectors of passages on disk, by digest of the text, so that each is made once per encoder."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router_ml.execution.retrieval.embedding import Embedder

_FORMAT, _AT_ONCE = 1, 256
_SHARE = 8  # written once an eighth is new, so that a process that ends early loses little and writes do not add up
Floats = NDArray[np.float32]


class Vectors:
    """A folder with ``vectors.npy`` and ``vectors.json``. It holds digests, never a text; what does not fit together is
    made anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, texts: Sequence[str], embed: Embedder) -> Floats:
        """Unit vectors (n, d) of texts: those that are known from disk, the others made and written."""
        digests = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() for text in texts]
        known = self._read(embed.fingerprint)
        new = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in known}
        unsaved = 0
        for start in range(0, len(new), _AT_ONCE):
            some = list(new)[start : start + _AT_ONCE]
            known.update(zip(some, embed([new[digest] for digest in some]), strict=True))
            unsaved += len(some)
            if unsaved * _SHARE >= len(known):
                self._keep(digests, known, embed)
                unsaved = 0
        if unsaved or len(known) > len(set(digests)):
            self._keep(digests, known, embed)
        return np.array([known[digest] for digest in digests], dtype=np.float32)

    def _keep(self, digests: Sequence[str], known: dict[str, Floats], embed: Embedder) -> None:
        with contextlib.suppress(OSError):  # a folder that cannot be written costs time, not answers
            self._write({digest: known[digest] for digest in digests if digest in known}, embed.fingerprint)

    def _read(self, fingerprint: str) -> dict[str, Floats]:
        try:
            said = json.loads((self._folder / "vectors.json").read_text(encoding="utf-8"))
            raw = (self._folder / "vectors.npy").read_bytes()
            if (said["format"], said["encoder"]) != (_FORMAT, fingerprint):
                return {}
            if said["sha256"] != hashlib.sha256(raw).hexdigest():
                return {}
            rows: Floats = np.load(io.BytesIO(raw), allow_pickle=False)
            return dict(zip(said["digests"], rows.astype(np.float32), strict=True))
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def _write(self, vectors: dict[str, Floats], fingerprint: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        made = self._folder / f"vectors.{os.getpid()}.npy"
        np.save(made, np.array(list(vectors.values()), dtype=np.float32), allow_pickle=False)
        said = {
            "format": _FORMAT,
            "encoder": fingerprint,
            "sha256": hashlib.sha256(made.read_bytes()).hexdigest(),
            "digests": list(vectors),
        }
        told = self._folder / f"vectors.{os.getpid()}.json"
        told.write_text(json.dumps(said), encoding="utf-8")
        made.replace(self._folder / "vectors.npy")
        told.replace(self._folder / "vectors.json")
