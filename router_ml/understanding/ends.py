"""The first and last words of a long text, as texts of their own: where people put what they want.

A sentence in a page of other text is read as a part of that page: its token vectors have seen the page. Alone it says
what it asks for, so the ends of a text of several chunks are encoded once more by themselves.
"""

from __future__ import annotations

import re

_PASSAGE = 300  # characters
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+")


def ends(text: str) -> tuple[str, ...]:
    """First and last sentence, first and last passage of some sentences, without repetitions."""
    near = 10 * _PASSAGE
    opening = [part.strip() for part in _SENTENCE.split(text[:near]) if part.strip()]
    closing = [part.strip() for part in _SENTENCE.split(text[-near:]) if part.strip()]
    if not opening or not closing:
        return ()
    first, last = _passage(opening), _passage(closing[::-1])[::-1]
    found = (opening[0][:_PASSAGE], closing[-1][-_PASSAGE:], " ".join(first), " ".join(last))
    return tuple(dict.fromkeys(found))


def _passage(sentences: list[str]) -> list[str]:
    """As many sentences as fit a passage, the first one in any case."""
    parts, size = [sentences[0][:_PASSAGE]], len(sentences[0])
    for sentence in sentences[1:]:
        size += len(sentence) + 1
        if size > _PASSAGE:
            break
        parts.append(sentence)
    return parts
