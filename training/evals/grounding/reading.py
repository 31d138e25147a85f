"""An answer taken apart: its sentences, what each cites, and whether it says that the passages do not tell."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from router_ml.execution.retrieval.words import numbers, sentences, stem_words
from router_ml.execution.validation.brackets import half_width, in_brackets
from router_ml.execution.validation.refusals import is_refusal
from training.evals.grounding.abstaining import LITTLE, SILENT, SOURCES

_BRACKETS = re.compile(r"\s*\[[^\[\]\n]{1,400}\]")
_FIRST = re.compile(r"\bi\b|\bi['’]m\b|\bme\b", re.I)
_FILLER = re.compile(
    r"^(?:sure|certainly|of course|hello|hi|thanks?|thank you|here (?:is|are)|let me know|i hope|please|"
    r"according to the passages:?$|in short:?$|sorry|unfortunately,?$|is there anything)\b",
    re.I,
)
_PARTS = re.compile(r"; |,? (?:but|though|although|however|yet)\b")
_USUAL = re.compile(
    r"\b(?:usual(?:ly)?|normal(?:ly)?|typical(?:ly)?|general(?:ly)?|common(?:ly)?|probably|presumably|likely|as a rule|"
    r"in most cases|(?:would|['’]d) (?:guess|estimate|assume|expect)|assum\w+|guess)\b",
    re.I,
)
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_ORDINALS = frozenset(("first", "second", "third", "last"))


@dataclass(frozen=True)
class Claim:
    """A sentence. ``text``: without its brackets; ``cited``: ids that it cites; ``needs``: whether it states a fact
    that has to be borne out, which a greeting, a bare "no" or "the passages do not say" does not."""

    text: str
    cited: tuple[str, ...]
    needs: bool


def read(text: str, given: Collection[str]) -> list[Claim]:
    """The sentences of an answer. A bracket behind a full stop belongs to the sentence before it.

    >>> [(one.text, one.cited) for one in read("Yes. It lasts ten days. [a#1]", ["a#1"])]
    [('Yes.', ()), ('It lasts ten days.', ('a#1',))]
    """
    found: list[tuple[str, tuple[str, ...]]] = []
    for sentence in sentences(half_width(text)):
        leading = _BRACKETS.match(sentence)
        early = _known(leading[0], given) if leading is not None and found else ()
        if early:
            found[-1] = found[-1][0], tuple(dict.fromkeys((*found[-1][1], *early)))
        rest = sentence[leading.end() :] if leading is not None and early else sentence
        plain = _BRACKETS.sub("", rest).strip()
        if any(map(str.isalnum, plain)):
            found.append((plain, _known(rest, given)))
    return [Claim(plain, cited, _needs(plain, cited)) for plain, cited in found]


def attributed(text: str, given: Collection[str]) -> list[tuple[str, tuple[str, ...]]]:
    """The parts of the sentences that cite at several places, each with what stands right behind it.

    >>> attributed("It was 5 [a#1] and is 6 [b#2]. It is so [a#1].", ["a#1", "b#2"])
    [('It was 5', ('a#1',)), ('and is 6', ('b#2',))]
    """
    found: list[tuple[str, tuple[str, ...]]] = []
    for sentence in sentences(half_width(text)):
        parts: list[tuple[str, tuple[str, ...]]] = []
        start = 0
        for one in _BRACKETS.finditer(sentence):
            said, start = sentence[start : one.start()].strip(" .,;"), one.end()
            cited = _known(one[0], given)
            if said or not parts:
                parts.append((said, cited))
            else:
                parts[-1] = parts[-1][0], (*parts[-1][1], *cited)
        found += [one for one in parts if one[0] and one[1]] if len(parts) > 1 else []
    return found


def abstains(text: str) -> bool:
    """Whether an answer says that it cannot be given from the passages.

    >>> abstains("The passages do not mention a price."), abstains("No price is charged for children.")
    (True, False)
    """
    plain = _BRACKETS.sub("", half_width(text))
    return is_refusal(plain) or any(map(silent, sentences(plain)))


def silent(sentence: str) -> bool:
    """Whether a sentence says that a source, or who speaks, has nothing to say."""
    if LITTLE.search(sentence) is not None:
        return True
    found = SILENT.search(sentence) is not None
    return found and (SOURCES.search(sentence) is not None or _FIRST.search(sentence) is not None)


def guesses(text: str, known: str) -> bool:
    """Whether an answer that abstains gives a figure all the same: one that is not in what is known, or a usual one.

    >>> guesses("They do not say. It usually takes 3 days.", "3 rooms"), guesses("They only name 3 rooms.", "3 rooms")
    (True, False)
    """
    for part in (one for sentence in sentences(half_width(text)) for one in _PARTS.split(sentence)):
        plain = _BRACKETS.sub("", part)
        figures = numbers(plain) - _ORDINALS
        strange = numbers(" ".join(_DIGITS.findall(plain))) - numbers(known)
        if figures and not silent(part) and (strange or _USUAL.search(part)):
            return True
    return False


def has(text: str, fact: str) -> bool:
    """Whether a text has a fact: the numbers and words of it, in any order; "no" is any denial.

    >>> has("It takes two days.", "2 days"), has("It takes 3 days.", "2 days"), has("You may not.", "no")
    (True, False, True)
    """
    if fact.casefold() in ("no", "not"):
        return _DENIAL.search(text) is not None
    words = set(stem_words(fact))
    if not words:
        return re.search(rf"\b{re.escape(fact)}\b", text, re.I) is not None
    there = set(stem_words(text))
    single = re.search(r"\bone\b", fact, re.I) is None or "1" in there  # "one" is no number to ``numbers``
    return single and _unnumbered(words) <= _unnumbered(there) and numbers(fact) <= numbers(text)


_DENIAL = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|neither|nor|without|cannot|forbidden|prohibited|impossible|refused|"
    r"excluded|unsupported|ineligible|unable|fail|failed|expired)\b|n['’]t\b",
    re.I,
)


def _unnumbered(words: set[str]) -> set[str]:
    return {word for word in words if not any(map(str.isdigit, word))}


def _known(text: str, given: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.name for one in in_brackets(text, given) if one.name in given))


def _needs(plain: str, cited: tuple[str, ...]) -> bool:
    if (silent(plain) and not cited) or plain.endswith("?") or (plain.endswith(":") and not cited):
        return False
    return len(set(stem_words(plain))) >= (2 if cited else 3) and _FILLER.match(plain) is None
