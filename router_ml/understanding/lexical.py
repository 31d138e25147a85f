"""Hashed words and word pairs of a request's opening and end: what an embedding of a long text blurs.

"Classify", "in one sentence", "my account" sit in the first or last words; a sentence encoder averages them away under
a pasted document. Hashing keeps no vocabulary, so a bundle holds no words of its training data.
"""

from __future__ import annotations

import re
import zlib
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1 << 15
_HEAD, _TAIL = 300, 150
_TOKEN = re.compile(r"\w+|[?!{}\[\]:;|<>`#=*/]")


def lexical(text: str) -> NDArray[np.int64]:
    """Sorted distinct buckets, each in ``0..BUCKETS``, of the words, word pairs and opening words of a text."""
    window = text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n{text[-_TAIL:]}"
    words = ["0" if word.isdigit() else word for word in _TOKEN.findall(window.lower())]
    grams = [*words, *map(" ".join, pairwise(words))]
    grams += ["^" + " ".join(words[:count]) for count in (1, 2, 3)]
    return np.array(sorted({zlib.crc32(gram.encode("utf-8", "replace")) % BUCKETS for gram in grams}), dtype=np.int64)
