"""Logged vectors as one matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import EncoderMismatchError, LogError


def one_encoder(found: set[str], wanted: str | None) -> str | None:
    """The encoder whose embeddings to keep: the one named, else the only one found.

    Raises:
        EncoderMismatchError: several were found, and none was named.
    """
    if wanted is None and len(found) > 1:
        raise EncoderMismatchError(
            f"The log holds embeddings of {len(found)} encoders: {', '.join(sorted(found))}. Pass encoder= with the "
            "one that you learn on; embeddings of the others then count as not kept."
        )
    return wanted if wanted is not None else next(iter(found), None)


def stack(blobs: Sequence[bytes | None], what: str) -> NDArray[np.float32]:
    """Vectors as one matrix, NaN where none was kept; ``what`` names them.

    Raises:
        LogError: they have several widths.
    """
    widths = {len(blob) // 4 for blob in blobs if blob is not None}
    if len(widths) > 1:
        raise LogError(
            f"The logged {what} have {len(widths)} different widths: {sorted(widths)}. Read one version of the bundle "
            "at a time with bundle=, or only newer rows with since=."
        )
    matrix = np.full((len(blobs), next(iter(widths), 0)), np.nan, dtype=np.float32)
    for row, blob in enumerate(blobs):
        if blob is not None:
            matrix[row] = np.frombuffer(blob, dtype="<f4")
    return matrix
