"""Whether what an answer says is in the passages that it cites: a look at words, numbers and negations, no proof.

Of each sentence that cites, the words are looked for in the cited passages together, most of them within two sentences
that stand side by side. A number that is not there, or a "not" on one side alone, counts heavily: that is how a wrong
figure or a turned rule looks. How often it is wrong: ``docs/output_contracts.md``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_ml.execution.citations import in_brackets
from router_ml.execution.retrieval import Passage
from router_ml.execution.retrieval_words import numbers, sentences, stem_words

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Unit vectors (n, d) of n texts."""

ENOUGH = 0.55
_WRONG_NUMBER, _TURNED = 0.4, 0.6
_NEGATION = re.compile(
    r"\b(?:not?|never|none|neither|nor|without|cannot|except|nicht|kein\w*|pas|jamais|nunca)\b|n['’]t\b", re.I
)
_BRACKETS = re.compile(r"\s*\[[^\[\]\n]{1,400}\]")


@dataclass(frozen=True)
class Support:
    """How far the passage with an ``id`` says what the answer cites it for: ``score`` 0..1, the least of all sentences
    that cite it; ``supported``: whether that is enough."""

    id: str
    score: float

    @property
    def supported(self) -> bool:
        """Whether the score is at least what an authored set of pairs asks for."""
        return self.score >= ENOUGH


def grounded(
    text: str, citations: Collection[str], passages: Sequence[Passage], *, embed: Embed | None = None
) -> tuple[Support, ...]:
    """How far each cited passage supports the sentences that cite it, in the order of ``citations``.

    A sentence that cites several passages is held against all of them together. A citation that stands in no sentence,
    as in a field of a JSON answer, is held against the whole text.

    Args:
        embed: adds likeness in meaning to that of the words.

    >>> leave = Passage("hr#1", "Employees have 30 days of leave a year. Leave cannot be paid out.")
    >>> [one.supported for one in grounded("You have 30 days of leave a year [hr#1].", ["hr#1"], [leave])]
    [True]
    >>> [one.supported for one in grounded("You have 25 days of leave a year [hr#1].", ["hr#1"], [leave])]
    [False]
    """
    known = {one.id: one.text for one in passages}
    scores: dict[str, list[float]] = {name: [] for name in citations if name in known}
    for claim, ids in claims(text, scores):
        score = support(claim, "\n".join(known[name] for name in ids), embed=embed)
        for name in ids:
            scores[name].append(score)
    whole = _BRACKETS.sub("", text)
    return tuple(
        Support(name, min(found) if found else support(whole, known[name], embed=embed))
        for name, found in scores.items()
    )


def unsupported(
    text: str, citations: Collection[str], passages: Sequence[Passage], *, embed: Embed | None = None
) -> tuple[str, ...]:
    """What to say of the citations that do not support what cites them; empty where all do."""
    found = grounded(text, citations, passages, embed=embed)
    return tuple(f"what cites {one.id} is not in that passage" for one in found if not one.supported)


def claims(text: str, ids: Collection[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each sentence that cites, without its brackets, and the ids that it cites.

    A bracket behind the full stop belongs to the sentence before it.
    """
    before = ""
    for sentence in sentences(text):
        cited = tuple(dict.fromkeys(name for name in in_brackets(sentence, ids) if name in ids))
        plain = _BRACKETS.sub("", sentence).strip()
        leading = _BRACKETS.match(sentence)
        if leading is not None and before:
            early = tuple(name for name in in_brackets(leading[0], ids) if name in ids)
            if early:
                yield before, early
            cited = tuple(name for name in cited if name not in early)
        if cited and plain:
            yield plain, cited
        before = plain or before


def support(claim: str, passage: str, *, embed: Embed | None = None) -> float:
    """How far a passage says what a sentence claims, 0..1."""
    wanted = set(stem_words(claim))
    parts = list(sentences(passage))
    windows = [" ".join(parts[at : at + 2]) for at in range(max(len(parts) - 1, 1))]
    if not wanted or not parts:
        return 0.0
    found = [len(wanted & set(stem_words(window))) / len(wanted) for window in windows]
    best = max(range(len(windows)), key=found.__getitem__)
    whole = len(wanted & set(stem_words(passage))) / len(wanted)
    score = 0.6 * found[best] + 0.4 * whole
    if embed is not None:
        vectors = embed([claim, *parts])
        score = 0.5 * score + 0.5 * max(0.0, float((vectors[1:] @ vectors[0]).max()))
    if not numbers(claim) <= numbers(passage):
        score *= _WRONG_NUMBER
    nearest = max(parts, key=lambda part: len(wanted & set(stem_words(part))))
    if bool(_NEGATION.search(claim)) != bool(_NEGATION.search(nearest)):
        score *= _TURNED
    return score
