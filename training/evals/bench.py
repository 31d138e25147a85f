"""What checks may use beside the attempt: the configuration, the encoder, and lanes that judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.config import RouterConfig
from router_ml.errors import OfflineDataError
from router_ml.execution.lanes.calls import LaneCall
from router_ml.execution.lanes.reply import Reply
from router_ml.execution.retrieval.embedding import Embedding
from router_ml.router import Router

Ask = Callable[[LaneCall], Reply]
"""Calls a lane and waits; raises ``LaneFailure``. Its money counts as the judge's."""


@dataclass(frozen=True)
class Bench:
    """``ask`` None: no lane may be asked to judge. ``judge``: the lane that judges where a check names none."""

    config: RouterConfig
    router: Router | None = None
    ask: Ask | None = None
    judge: str | None = None

    def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """Embeddings (n, d) of unit length, by the encoder of the bundle.

        Raises:
            OfflineDataError: there is no bundle.
        """
        bundle = None if self.router is None else self.router.bundle
        if bundle is None:
            raise OfflineDataError("This check compares embeddings, which need a bundle. Give --model a bundle.")
        return Embedding(bundle.encoder)(texts)
