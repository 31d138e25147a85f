"""Whether an answer tells the instructions that stand before the request: a canary in them, or a run of their words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from router_ml.guardrails.views import views

RUN = 9  # words in a row that stand in the instructions too: more than a role or a motto, which may be said
_WORD = re.compile(r"\w+")


def told_canary(text: str, canaries: Iterable[str]) -> bool:
    """Whether a text holds a canary in any reading of it: spelled, spaced, reversed, encoded, in another case."""
    wanted = [_bare(one) for one in canaries]
    wanted += [one[::-1] for one in wanted]
    return any(one in bare for _, reading in views(text) for bare in (_bare(reading),) for one in wanted)


def told_run(text: str, system: str, *, asked: str, run: int = RUN) -> bool:
    """Whether ``run`` words in a row of the instructions stand in a text, in any reading, and not in what was asked."""
    shingles = _shingles(system, run) - _shingles(asked, run)
    return any(not shingles.isdisjoint(_shingles(reading, run)) for _, reading in views(text))


def _shingles(text: str, run: int) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    return {tuple(words[start : start + run]) for start in range(len(words) - run + 1)}


def _bare(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())
