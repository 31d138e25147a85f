"""Whether an answer tells the instructions that stand before the request: a canary in them, or a run of their words."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable

from router_ml.guardrails.views import views

RUN = 9  # words in a row that stand in the instructions too: more than a role or a motto, which may be said
_WORD = re.compile(r"\w+")
_PIECE = re.compile(r"[^\W\d_]+|\d+")
_TELLING = 4  # characters, at least, of each part of a canary whose parts are looked for one by one
_DIGITS = {word: str(at) for at, word in enumerate("zero one two three four five six seven eight nine".split())}
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(_DIGITS)})\b", re.IGNORECASE)


def told_canary(text: str, canaries: Iterable[str]) -> bool:
    """Whether a text holds a canary in any reading of it: spelled, reversed, rotated, encoded, in another case; or all
    its words and numbers, set apart by others, digits as words too, where none of them is so short that any text has
    it."""
    wanted = [_bare(one) for one in canaries]
    wanted += [codecs.encode(one, "rot13") for one in wanted]
    wanted += [one[::-1] for one in wanted]
    pieces = [_PIECE.findall(one.casefold()) for one in canaries]
    pieces = [some for some in pieces if len(some) > 1 and min(map(len, some)) >= _TELLING]
    for _, reading in views(text):
        bare = _bare(reading)
        written = _bare(_NUMBER_WORD.sub(lambda one: _DIGITS[one[0].casefold()], reading))
        if any(one in bare for one in wanted):
            return True
        if any(all(one in bare or one in written for one in some) for some in pieces):
            return True
    return False


def told_run(text: str, system: str, *, known: Iterable[str], run: int = RUN) -> bool:
    """Whether ``run`` words in a row of the instructions stand in a text, in any reading, that are not ``known``: asked
    by the user, or public."""
    shingles = _shingles(system, run).difference(*(_shingles(one, run) for one in known))
    return any(not shingles.isdisjoint(_shingles(reading, run)) for _, reading in views(text))


def _shingles(text: str, run: int) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    return {tuple(words[start : start + run]) for start in range(len(words) - run + 1)}


def _bare(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())
