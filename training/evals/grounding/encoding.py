"""The encoder that ships, for measuring outside of a run; each text is encoded once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router_ml.execution.retrieval.embedding import Embedding
from router_ml.understanding.encoder import Encoder
from training.evals.grounding.features import Embed

ENCODER = Path(__file__).parents[3] / "models" / "default" / "encoder"


def remembering(embed: Embed) -> Embed:
    """The same vectors, each text encoded once."""
    known: dict[str, NDArray[np.float32]] = {}

    def embedded(texts: list[str]) -> NDArray[np.float32]:
        if new := [text for text in dict.fromkeys(texts) if text not in known]:
            known.update(zip(new, embed(new), strict=True))
        return np.array([known[text] for text in texts])

    return embedded


def shipped() -> Embed:
    """The encoder of the bundle that ships."""
    return remembering(Embedding(Encoder.load(ENCODER)))
