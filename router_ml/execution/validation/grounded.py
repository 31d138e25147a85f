"""Whether what an answer says is in the passages that it cites: a look at words, numbers and negations, no proof.

Of each sentence that cites, the words are looked for in the cited passages together, most of them within two sentences
that stand side by side. A number that is not there, or a "not" on one side alone, counts heavily: that is how a wrong
figure or a turned rule looks. How often it is wrong: ``docs/output_contracts.md``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from router_ml.execution.retrieval.passages import Passage
from router_ml.execution.retrieval.words import numbers, sentences, stem_words
from router_ml.execution.validation.brackets import half_width, in_brackets

ENOUGH = 0.475
_CLAIMS = 200  # of one answer that are looked at
_NO_SUCH_NUMBER, _APART, _TURNED, _SWEEPING = 0.4, 0.6, 0.6, 0.5
_NEGATION = re.compile(
    r"\b(?:not?|never|none|neither|nor|without|cannot|except|nicht|kein\w*|pas|jamais|nunca)\b|n['’]t\b", re.I
)
_SWEEPS = re.compile(r"\b(?:always|only|all|every|any|exactly|immediately|at once|whole|right after|same)\b", re.I)
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


def grounded(text: str, citations: Collection[str], passages: Sequence[Passage]) -> tuple[Support, ...]:
    """How far each cited passage supports the sentences that cite it, in the order of ``citations``.

    A sentence that cites several passages is held against all of them together. A citation that stands in no sentence,
    as in a field of a JSON answer, is held against the whole text.

    >>> leave = Passage("hr#1", "Employees have 30 days of leave a year. Leave cannot be paid out.")
    >>> [one.supported for one in grounded("You have 30 days of leave a year [hr#1].", ["hr#1"], [leave])]
    [True]
    >>> [one.supported for one in grounded("You have 25 days of leave a year [hr#1].", ["hr#1"], [leave])]
    [False]
    """
    known = {one.id: one.text for one in passages}
    scores: dict[str, list[float]] = {name: [] for name in citations if name in known}
    for claim, ids in islice(claims(text, scores), _CLAIMS):
        score = support(claim, "\n".join(known[name] for name in ids))
        for name in ids:
            scores[name].append(score)
    whole = _BRACKETS.sub("", half_width(text))
    return tuple(Support(name, min(found) if found else support(whole, known[name])) for name, found in scores.items())


def unsupported(text: str, citations: Collection[str], passages: Sequence[Passage]) -> tuple[str, ...]:
    """What to say of the citations that do not support what cites them; empty where all do."""
    found = grounded(text, citations, passages)
    return tuple(f"what cites {one.id} is not in that passage" for one in found if not one.supported)


def claims(text: str, ids: Collection[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each sentence that cites, without its brackets, and the ids that it cites.

    A bracket behind the full stop belongs to the sentence before it.
    """
    before = ""
    for sentence in sentences(half_width(text)):
        cited = _known(sentence, ids)
        plain = _BRACKETS.sub("", sentence).strip()
        leading = _BRACKETS.match(sentence)
        if leading is not None and before:
            early = _known(leading[0], ids)
            if early:
                yield before, early
            cited = tuple(name for name in cited if name not in early)
        if cited and plain:
            yield plain, cited
        before = plain or before


def _known(text: str, ids: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.name for one in in_brackets(text, ids) if one.name in ids))


def support(claim: str, passage: str) -> float:
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
    return score * _doubt(claim, passage, parts, wanted)


def _doubt(claim: str, passage: str, parts: Sequence[str], wanted: set[str]) -> float:
    """What is taken off for a number that is not there or belongs to another sentence, for a rule that is turned round,
    and for a word like "always" that the passage does not say."""
    factor, said = 1.0, numbers(claim)
    if not said <= numbers(passage):
        factor *= _NO_SUCH_NUMBER
    elif not any(said <= numbers(part) for part in parts):
        factor *= _APART
    nearest = max(parts, key=lambda part: len(wanted & set(stem_words(part))))
    if bool(_NEGATION.search(claim)) != bool(_NEGATION.search(nearest)):
        factor *= _TURNED
    if not set(map(str.casefold, _SWEEPS.findall(claim))) <= set(map(str.casefold, _SWEEPS.findall(passage))):
        factor *= _SWEEPING
    return factor
