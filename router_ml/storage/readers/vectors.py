"""Logged vectors as one matrix."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import EncoderMismatchError, LogError

_NAN = struct.pack("<f", float("nan"))


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


class Vectors:
    """A matrix that grows by rows of little-endian float32, NaN where none was kept; ``what`` names them.

    >>> rows = Vectors("embeddings")
    >>> for vector in (None, np.array([1, 2], dtype="<f4").tobytes()):
    ...     rows.add(vector)
    >>> rows.matrix()
    array([[nan, nan],
           [ 1.,  2.]], dtype=float32)
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._rows = 0
        self._widths: set[int] = set()
        self._buffer = bytearray()
        self._none = b""

    def add(self, vector: bytes | None) -> None:
        """One row. Rows of another width than the first are counted, and refused by ``matrix``."""
        if vector is not None and len(vector) // 4 not in self._widths:
            self._widths.add(len(vector) // 4)
            if len(self._widths) == 1:
                self._none = _NAN * (len(vector) // 4)
                self._buffer += self._none * self._rows
        self._buffer += self._none if vector is None else vector
        self._rows += 1

    def matrix(self) -> NDArray[np.float32]:
        """All rows (n, d); d is 0 where no vector was kept.

        Raises:
            LogError: they have several widths.
        """
        if len(self._widths) > 1:
            raise LogError(
                f"The logged {self._what} have {len(self._widths)} different widths: {sorted(self._widths)}. Read one "
                "version of the bundle at a time with bundle=, or only newer rows with since=."
            )
        width = next(iter(self._widths), 0)
        return np.frombuffer(self._buffer, dtype="<f4").reshape(self._rows, width).astype(np.float32, copy=False)
