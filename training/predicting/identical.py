"""Which requests are the same one again: what was learned from the one must not be asked of the other as if unseen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DIRECTIONS = 16
GRID = 2e-3  # of a unit vector; what one encoder says twice of a text differs by less than a thousandth of this
_ROWS = 8192


def same_request(embeddings: NDArray[np.floating]) -> NDArray[np.intp]:
    """The first row with the same request, for each row, (n,).

    Embeddings (n, d) are compared on a grid along a few random directions: in half precision, as packs keep them.

    >>> same_request(np.array([[0.6, 0.8], [0.8, 0.6], [0.6, 0.8]])).tolist()
    [0, 1, 0]
    """
    count, width = embeddings.shape
    if not count:
        return np.empty(0, np.intp)
    directions = np.random.default_rng([*b"identical"]).normal(size=(width, DIRECTIONS))
    directions = (directions / np.linalg.norm(directions, axis=0)).astype(np.float32)
    places = np.empty((count, DIRECTIONS), np.int32)
    for start in range(0, count, _ROWS):
        some = slice(start, start + _ROWS)
        near = embeddings[some].astype(np.float16).astype(np.float32) @ directions
        places[some] = np.round(near / GRID)
    keys = places.view(np.dtype((np.void, places.itemsize * DIRECTIONS))).ravel()
    _, first, member = np.unique(keys, return_index=True, return_inverse=True)
    result: NDArray[np.intp] = first[member.ravel()]
    return result
