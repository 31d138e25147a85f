"""What stands in square brackets of a text, and how sure it is that it names a source.

A bracket may be a citation, an index in code, a link, a tick box. Which it is depends on what stands around it, and on
whether what stands in it is made like the ids that are known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

Place = Literal["free", "tight", "link"]
"""``free``: between words; ``tight``: at the end of a word, or before a parenthesis, as an index or a call has it;
``link``: before an address."""

_BRACKETS = re.compile(r"\[([^\[\]\n]{1,400})\]")
_HALF = str.maketrans("【】［］〔〕", "[][][]")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,400}`", re.DOTALL)
_BEFORE = re.compile(r"[\w)]")
_ADDRESS = re.compile(r"\((?:[a-z][a-z0-9+.-]{1,20}:|www\.|\.{0,2}/|#)|:\s", re.IGNORECASE)
_APART = re.compile(r"\s*[,;]\s*(?:(?:and|und|et)\s+)?|\s+(?:and|und|et|or|&)\s+")
_AROUND = ".,:()\"'"


@dataclass(frozen=True)
class Named:
    """A name in brackets. ``alone``: it is all that stands there, or one of a list, not a word of a sentence."""

    name: str
    place: Place
    alone: bool = True


def half_width(text: str) -> str:
    """A text of the same length in which square brackets of other scripts are plain ones."""
    return text.translate(_HALF)


def in_brackets(text: str, ids: Collection[str] = ()) -> Iterator[Named]:
    """What stands in square brackets outside of code, one by one; of a sentence in brackets also its words.

    Args:
        ids: that are known: one of them is never taken apart.

    >>> [(one.name, one.place) for one in in_brackets("So [a#1; a#2], [b](https://b.eu), rows[3].")]
    [('a#1', 'free'), ('a#2', 'free'), ('b', 'link'), ('3', 'tight')]
    """
    text = half_width(text)
    text = _CODE.sub(" ", text) if "`" in text else text
    end = -1
    place: Place = "free"
    for found in _BRACKETS.finditer(text):
        place = "tight" if found.start() == end and place == "tight" else _place(text, found)  # rows[i][j]
        inside, end = found[1].strip(), found.end()
        for name in [inside] if inside in ids else filter(None, _APART.split(inside)):
            yield Named(name, place)
            if name not in ids and " " in name:
                yield from (Named(word, place, alone=False) for part in name.split() if (word := part.strip(_AROUND)))


def _place(text: str, found: re.Match[str]) -> Place:
    if _ADDRESS.match(text, found.end()):
        return "link"
    before = found.start() > 0 and _BEFORE.match(text, found.start() - 1)
    return "tight" if before or text.startswith("(", found.end()) else "free"


def shape(name: str) -> str:
    """Which kinds of characters an id is made of, and its punctuation.

    >>> shape("hr/leave.md#2"), shape("doc7")
    ('#./0a', '0a')
    """
    kinds = {"0" if char.isdigit() else "a" if char.isalpha() else char for char in name}
    return "".join(sorted(kinds))


def telling(shape: str) -> bool:
    """Whether a shape is one that hardly anything has but an id: a path or a place in a document is in it."""
    return "#" in shape or "/" in shape
