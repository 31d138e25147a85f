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


def _kinds(*kinds: int) -> Floats:
    """One row per class of characters, one column per kind asked for."""
    result: Floats = np.equal.outer(np.arange(_CASELESS + 1), np.array(kinds)).astype(np.float32)
    return result


_CLASSES = _character_classes()
_ENDS_SENTENCE = np.isin(np.arange(_CODES + 1), _SENTENCE_ENDS)
_KINDS_OF_FIRST = _kinds(_OTHER, _DIGIT, _LOWER, _UPPER, _CASELESS)
_KINDS_BEFORE = _kinds(_OTHER, _SPACE, _NEWLINE, _DIGIT)
_KINDS_AFTER = _kinds(_OTHER, _SPACE, _NEWLINE)


def shapes(text: str, offsets: Ints) -> Floats:
    """What tokens look like in a text: (t, SHAPES) of 0 and 1, but for a length and a share of capitals.

    Args:
        offsets: (t, 2) characters of each token of one chunk, in order; special tokens at the ends are empty spans.
    """
    first = int(offsets[1, 0]) if len(offsets) > 2 else 0
    begin = max(first - 1, 0)
    codes = np.minimum(_codes(text[begin : int(offsets[:, 1].max(initial=0)) + 1]), _CODES)
    classes = np.append(_CLASSES[codes], np.uint8(_NEWLINE))  # the end of a text is like a new line
    start, end = np.maximum(offsets - begin, 0).T
    last, size = np.maximum(end - 1, 0), end - start
    first_class, last_class = classes[start], classes[last]
    before = classes[np.maximum(start, 1) - 1]
    before[start == 0] = _NEWLINE
    inside = _goes_on(offsets, first_class, last_class)
    word = np.maximum.accumulate(np.where(inside, 0, np.arange(len(offsets))))
    upper = first_class == _UPPER
    seen = np.bincount(classes[first - begin : -1], minlength=_UPPER + 1)
    result = np.empty((len(offsets), SHAPES), np.float32)
    result[:, :5] = _KINDS_OF_FIRST[first_class]
    result[:, 5] = upper & (last_class == _UPPER) & (size > 1)
    result[:, 6] = last_class == _DIGIT
    result[:, 7:11] = _KINDS_BEFORE[before]
    result[:, 11:14] = _KINDS_AFTER[classes[end]]
    result[0, 14] = True
    result[1:, 14] = (_ENDS_SENTENCE[codes[last[:-1]]] if len(codes) else False) | (end[:-1] == 0)
    result[:, 15] = upper[word]
    result[:, 16] = inside
    result[:, 17] = np.minimum(size, 12) / 12
    result[:, 18] = seen[_UPPER] / max(seen[_UPPER] + seen[_LOWER], 1)
    result[:, 19] = seen[_UPPER] == 0
    return result


def _codes(text: str) -> NDArray[np.uint32]:
    """Code points; a lone surrogate, which the tokenizer cannot read either, is a question mark."""
    return np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)


def _goes_on(offsets: Ints, first_class: NDArray[np.uint8], last_class: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether a token goes on with the word of the one before: no gap, and letters or digits on both sides."""
    result = np.zeros(len(offsets), bool)
    touching = (offsets[1:, 0] == offsets[:-1, 1]) & (offsets[1:, 0] > 0)
    result[1:] = touching & (first_class[1:] >= _DIGIT) & (last_class[:-1] >= _DIGIT)
    return result


def continues(text: str, offsets: Ints) -> NDArray[np.bool_]:
    """Whether each token (t,) goes on with the word of the one before it."""
    classes = _CLASSES[np.minimum(_codes(text), _CODES)]
    return _goes_on(offsets, classes[offsets[:, 0]], classes[np.maximum(offsets[:, 1] - 1, 0)])
