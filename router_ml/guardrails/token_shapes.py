"""What the tokens of a text look like: case, digits, what stands around them. The tokenizer drops all that."""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
SHAPES = 20

_OTHER, _SPACE, _NEWLINE, _DIGIT, _LOWER, _UPPER, _CASELESS = range(7)
_CODES = 0x3040  # from here on there are letters without case, for all that matters here
_SENTENCE_ENDS = np.array([ord(character) for character in ".!?:;>|•"])


def _character_classes() -> NDArray[np.uint8]:
    by_category = {"Lu": _UPPER, "Lt": _UPPER, "Ll": _LOWER, "Nd": _DIGIT, "Zs": _SPACE}
    by_category |= dict.fromkeys(("Lo", "Lm", "Mn", "Mc"), _CASELESS)
    table = [by_category.get(unicodedata.category(chr(code)), _OTHER) for code in range(_CODES)]
    table[ord("\t")], table[ord("\n")], table[ord("\r")] = _SPACE, _NEWLINE, _NEWLINE
    return np.array([*table, _CASELESS], np.uint8)


_CLASSES = _character_classes()


def shapes(text: str, offsets: Ints) -> Floats:
    """What tokens look like in a text: (t, SHAPES) of 0 and 1, but for a length and a share of capitals.

    Args:
        offsets: (t, 2) characters of each token; a special token is an empty span.
    """
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)
    if not len(codes):
        return np.zeros((len(offsets), SHAPES), np.float32)
    classes = np.concatenate([_CLASSES[np.minimum(codes, _CODES)], [np.uint8(_NEWLINE)]])  # the end is like a new line
    start, end = offsets[:, 0], offsets[:, 1]
    last = np.maximum(end - 1, 0)
    first_class, last_class = classes[start], classes[last]
    before, after = classes[np.maximum(start, 1) - 1], classes[end]
    before = np.where(start == 0, _NEWLINE, before)
    inside = _goes_on(offsets, first_class, last_class)
    word = np.maximum.accumulate(np.where(inside, 0, np.arange(len(offsets))))
    upper = first_class == _UPPER
    ended = np.isin(codes[last], _SENTENCE_ENDS)
    opens = np.concatenate([[True], ended[:-1] | (end[:-1] == 0)])
    seen = classes[start[start < end].min(initial=0) : end.max(initial=0)]
    capitals, letters = int((seen == _UPPER).sum()), int(((seen == _UPPER) | (seen == _LOWER)).sum())
    columns = [
        *(first_class == kind for kind in (_OTHER, _DIGIT, _LOWER, _UPPER, _CASELESS)),
        upper & (last_class == _UPPER) & (end - start > 1),
        last_class == _DIGIT,
        *(before == kind for kind in (_OTHER, _SPACE, _NEWLINE, _DIGIT)),
        *(after == kind for kind in (_OTHER, _SPACE, _NEWLINE)),
        opens,
        upper[word],
        inside,
        np.minimum(end - start, 12) / 12,
        np.full(len(offsets), capitals / max(letters, 1)),
        np.full(len(offsets), capitals == 0),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _goes_on(offsets: Ints, first_class: NDArray[np.uint8], last_class: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether a token goes on with the word of the one before: no gap, and letters or digits on both sides."""
    result = np.zeros(len(offsets), bool)
    touching = (offsets[1:, 0] == offsets[:-1, 1]) & (offsets[1:, 0] > 0)
    result[1:] = touching & (first_class[1:] >= _DIGIT) & (last_class[:-1] >= _DIGIT)
    return result


def continues(text: str, offsets: Ints) -> NDArray[np.bool_]:
    """Whether each token (t,) goes on with the word of the one before it."""
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)
    classes = _CLASSES[np.minimum(codes, _CODES)]
    return _goes_on(offsets, classes[offsets[:, 0]], classes[np.maximum(offsets[:, 1] - 1, 0)])
