"""The encoder of a run, or the one that ships; each text is encoded once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import OfflineDataError
from router_ml.execution.retrieval.embedding import Embedding
from router_ml.understanding.encoder import Encoder
from training.evals.bench import Bench
from training.evals.grounding.features import Embed

ENCODER = Path(__file__).parents[3] / "models" / "default" / "encoder"
_MOST = 20_000  # vectors that are kept, 30 MB


def remembering(embed: Embed) -> Embed:
    """The same vectors, a text that comes again encoded once. Threads may share it."""
    known: dict[str, NDArray[np.float32]] = {}

    def embedded(texts: list[str]) -> NDArray[np.float32]:
        found = {text: known[text] for text in texts if text in known}
        if new := [text for text in dict.fromkeys(texts) if text not in found]:
            fresh = dict(zip(new, embed(new), strict=True))
            found.update(fresh)
            if len(known) < _MOST:
                known.update(fresh)
        return np.array([found[text] for text in texts])

    return embedded


def shipped() -> Embed:
    """The encoder of the bundle that ships."""
    return remembering(Embedding(Encoder.load(ENCODER)))


_remembered: dict[int, tuple[object, Embed]] = {}


def of_bench(bench: Bench) -> Embed:
    """The encoder of the bundle of a run; without one, that which ships.

    Raises:
        OfflineDataError: there is neither.
    """
    if bench.router is None or bench.router.bundle is None:
        if not ENCODER.is_dir():
            raise OfflineDataError(f"There is no encoder at {ENCODER}. Give --model a bundle.")
        return _shipped()
    encoder = bench.router.bundle.encoder
    found = _remembered.get(id(encoder))
    if found is None:
        found = encoder, remembering(bench.embed)
        _remembered.clear()  # as another thread may do at any time
        _remembered[id(encoder)] = found
    return found[1]


@cache
def _shipped() -> Embed:
    return shipped()
