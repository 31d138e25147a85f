"""BM25 (Robertson and Zaragoza 2009) over a few thousand passages, in numpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router_ml.execution.retrieval.words import stem_words

_K1, _B = 1.2, 0.75
_NO_ROWS, _NO_TIMES = np.empty(0, np.int32), np.empty(0, np.float32)


class Lexical:
    """Scores of passages by the words that they share with a query.

    >>> scores = Lexical(["refunds take five days", "parcels take two days"]).scores("refund")
    >>> [round(float(score), 2) for score in scores]
    [0.45, 0.0]
    """

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [Counter(stem_words(text)) for text in texts]
        lengths = np.array([sum(count.values()) for count in counts], dtype=np.float32)
        mean = float(lengths.mean()) if len(lengths) else 1.0
        self._norm = _K1 * (1 - _B + _B * lengths / max(mean, 1.0))
        self._rows: dict[str, tuple[NDArray[np.int32], NDArray[np.float32]]] = {}
        places: dict[str, list[tuple[int, int]]] = {}
        for row, count in enumerate(counts):
            for word, times in count.items():
                places.setdefault(word, []).append((row, times))
        for word, found in places.items():
            rows, times = np.array(found, dtype=np.int32).T
            self._rows[word] = (rows, times.astype(np.float32))
        self._size = len(texts)

    def scores(self, query: str) -> NDArray[np.float32]:
        """(n,) in 0..1: BM25 as a share of what a passage could get that said nothing but the query, so that a query of
        which a passage shares one word in ten does not look like a match."""
        result = np.zeros(self._size, dtype=np.float32)
        most = 0.0
        for word in set(stem_words(query)):
            rows, times = self._rows.get(word, (_NO_ROWS, _NO_TIMES))
            weight = float(np.log(1 + (self._size - len(rows) + 0.5) / (len(rows) + 0.5)))
            most += weight * (_K1 + 1)
            result[rows] += weight * times * (_K1 + 1) / (times + self._norm[rows])
        return result / np.float32(max(most, 1e-6))
