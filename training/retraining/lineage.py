"""What a bundle was made from, so that anybody can say whether two were made from the same."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from router_ml.storage.database.records import LoggedData

DIGESTED = (
    *("decision_ids", "created_at", "action", "executed", "propensities", "quality", "rated_probability", "cost_usd"),
    *("latency_ms", "intent", "domain", "lane_version", "model", "prices", "embeddings", "features"),
)
VECTORS = ("embeddings", "features")  # of a batch without any, the width is not known


class LogDigest:
    """sha256 over all that learning takes from a log; how it was cut into batches does not matter."""

    def __init__(self) -> None:
        self._of = {name: hashlib.sha256() for name in DIGESTED}
        self._lanes: tuple[str, ...] = ()

    def add(self, data: LoggedData) -> None:
        """Meet the next batch."""
        self._lanes = data.lanes
        for name, digest in self._of.items():
            values = getattr(data, name)
            if values.dtype.kind == "U":  # as wide as the longest of its batch
                digest.update("".join(f"{value}\n" for value in values.tolist()).encode())
            else:
                kept = values[np.isfinite(values).all(axis=1)] if name in VECTORS else values
                digest.update(np.ascontiguousarray(kept).tobytes())

    def hex(self) -> str:
        """The digest of all that was met."""
        return digest_of({"lanes": self._lanes, **{name: digest.hexdigest() for name, digest in self._of.items()}})


def digest_of(facts: Any) -> str:
    """sha256 of plain facts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
