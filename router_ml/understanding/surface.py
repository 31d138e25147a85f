"""Features that can be read off the text without a model: length, shape, marks of code, tables and lists.

They cost microseconds, say much about mode and output length, and hold no text.
"""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

NAMES = (
    "log_tokens",
    "log_characters",
    "log_lines",
    "mean_word_length",
    "digit_share",
    "upper_share",
    "punctuation_share",
    "non_ascii_share",
    "question_marks",
    "ends_with_question",
    "code_marks",
    "braces",
    "colons",
    "separators",
    "list_items",
    "math_marks",
)

_WINDOW = 20_000  # characters looked at; shape does not change beyond
_CODE = re.compile(
    r"```|\bdef \w|\bclass \w|\bimport \w|\bfunction\b|\breturn\b|=>|;\n|</?\w{1,12}>|\bSELECT\b|==|!=|\(\)"
)
_SEPARATOR = re.compile(r"^\s{0,8}(?:-{3,}|={3,}|#{2,}|\*{3,}|\"\"\"|<<<|>>>|\|)", re.MULTILINE)
_LIST = re.compile(r"^\s{0,8}(?:[-*•]|\d{1,3}[.)]|[A-Da-d][.)])\s", re.MULTILINE)
_MATH = re.compile(r"[=+*/^<>≤≥√∑∫π]|\bhow (?:many|much)\b|\d%", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[^\w\s]")


def surface(text: str, tokens: int) -> NDArray[np.float32]:
    """Surface features of a text, shape ``(len(NAMES),)``, each roughly in 0..2.

    Args:
        text: the request's task.
        tokens: its number of tokens, as the encoder counts.
    """
    head = text[:_WINDOW]
    size = max(len(head), 1)
    words = head.split()
    values = (
        math.log1p(tokens) / 5,
        math.log1p(len(text)) / 7,
        math.log1p(text.count("\n")) / 3,
        sum(map(len, words)) / max(len(words), 1) / 6,
        sum(map(str.isdigit, head)) / size * 4,
        sum(map(str.isupper, head)) / size * 4,
        len(_PUNCTUATION.findall(head)) / size * 5,
        (0 if head.isascii() else sum(ord(character) > 127 for character in head)) / size * 2,
        math.log1p(head.count("?")),
        float(head.rstrip().endswith("?")),
        math.log1p(len(_CODE.findall(head))) / 2,
        math.log1p(head.count("{") + head.count("[")) / 2,
        math.log1p(head.count(":")) / 2,
        math.log1p(len(_SEPARATOR.findall(head))) / 2,
        math.log1p(len(_LIST.findall(head))) / 2,
        math.log1p(len(_MATH.findall(head))) / 2,
    )
    return np.array(values, dtype=np.float32)
