"""The router's own encoder as an embedding for likeness in meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from router_ml.understanding.encoder import Encoder

Layer = Literal["last", "early", "both"]


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
