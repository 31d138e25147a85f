"""The router's own encoder as an embedding for likeness in meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from router_ml.understanding.encoder import Encoder

Layer = Literal["last", "early", "both"]


class Embedder(Protocol):
    """Whatever makes unit vectors of texts. ``fingerprint`` changes with whatever changes the vectors."""

    @property
    def fingerprint(self) -> str:
        """What vectors that are kept are of."""
        ...

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, d) of n texts, each alone as in a batch."""
        ...


def centred(vectors: NDArray[np.float32], middle: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors (n, d) as seen from the middle (d,) of an index: what all its passages share says nothing."""
    moved = vectors - middle
    result: NDArray[np.float32] = moved / np.maximum(np.linalg.norm(moved, axis=-1, keepdims=True), 1e-9)
    return result


@dataclass(frozen=True)
class Embedding:
    """Texts as unit vectors (n, d) float32.

    ``layer``: the encoder is tuned to tell kinds of requests apart, so its last layer says less of what a passage is
    about than an early one does; ``docs/retrieval.md`` has the numbers.
    """

    encoder: Encoder
    layer: Layer = "early"

    @property
    def fingerprint(self) -> str:
        """Changes with the encoder and the layer: vectors of another one are of no use."""
        return f"{self.encoder.sha256}/{self._layer}"

    @property
    def _layer(self) -> Layer:
        return self.layer if self.encoder.spec.early else "last"

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, d) of n texts, each alone as in a batch."""
        encoded = self.encoder.encode([text if text.strip() else "." for text in texts])
        rows = {
            "last": lambda: [one.embedding for one in encoded],
            "early": lambda: [one.early for one in encoded],
            "both": lambda: [one.representation for one in encoded],
        }[self._layer]()
        return np.array(rows, dtype=np.float32)
