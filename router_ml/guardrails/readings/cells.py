"""What labels a value in data: the column of a table, a name such as ``tax_id`` or ``taxId``.

Detectors look for a label beside a value. In a table it stands lines above, and in code its words are written as one.
"""

from __future__ import annotations

import re

_DELIMITERS = ("|", "\t", ";", ",")
_RULE = re.compile(r"[\s|:+=-]{3,512}")
_SNAKE = re.compile(r"(?<=[^\W\d_])_(?=[^\W\d_])")
_KEY = re.compile(  # a name in front of its value; keys and tokens with a low line stay whole
    r"(?<![^\W_])[^\W\d_]{2,24}(?:_[^\W\d_]{1,24}){1,6}(?=[\"'\])]{0,2}\s{0,2}[:=>])"
)
_CAMEL = re.compile(r"(?<![\w/+=-])[A-Z]?[a-z]{2,20}(?:[A-Z][a-z]{1,20}){1,5}(?![^\W_]|[/+-])")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_MOST_COLUMNS, _LONGEST_CELL, _GROWTH = 64, 400, 3


def labelled_cells(text: str) -> str:
    """A text with tables as lines of ``column: cell`` and the words of keys apart; itself where there are none."""
    said = _tables(text) if "\n" in text else text
    return _KEY.sub(lambda match: match[0].replace("_", " "), said) if "_" in said else said


def worded(text: str) -> str:
    """``labelled_cells`` with the words of all names apart."""
    said = labelled_cells(text)
    said = _SNAKE.sub(" ", said) if "_" in said else said
    return _CAMEL.sub(lambda match: _HUMP.sub(" ", match[0]), said)


def _tables(text: str) -> str:
    lines = text.split("\n")
    delimiter = next((sign for sign in _DELIMITERS if sum(sign in line for line in lines) >= 2), None)
    if delimiter is None:
        return text
    header: list[str] = []
    said: list[str] = []
    room = _GROWTH * len(text)
    for line in lines:
        cells = _cells(line, delimiter)
        if header and len(cells) == len(header) and room > 0:
            rows = [f"{name}: {cell}" for name, cell in zip(header, cells, strict=True) if cell]
            room -= sum(map(len, rows))
            said += rows
        elif header and _RULE.fullmatch(line):
            continue
        else:
            header = cells if _is_header(cells) else []
            said.append(line)
    return "\n".join(said)


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter not in line or line.count(delimiter) > _MOST_COLUMNS:
        return []
    bare = line.strip().strip("|") if delimiter == "|" else line
    return [cell.strip(" \t\"'")[:_LONGEST_CELL] for cell in bare.split(delimiter)]


def _is_header(cells: list[str]) -> bool:
    """Names of columns: words, without a number among them."""
    named = [cell for cell in cells if cell]
    return len(named) >= 2 and all(any(map(str.isalpha, cell)) and not re.search(r"\d{3}", cell) for cell in named)
