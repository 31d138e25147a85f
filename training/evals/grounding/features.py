"""What can be said of a claim beside a text that may bear it: words, numbers, negations, names, conditions, likeness.

All features lie in 0..1. Those that count doubts are 1 where there is a reason to doubt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from router_ml.execution.retrieval.words import numbers, sentences, stem_words
from router_ml.execution.validation.grounded import support

Embed = Callable[[list[str]], NDArray[np.float32]]
"""Texts -> unit vectors (n, d)."""

LEXICAL = (
    "support",
    "window",
    "whole",
    "number_missing",
    "number_apart",
    "turned",
    "sweeping",
    "name_missing",
    "condition_dropped",
    "condition_added",
    "turned_copy",
    "dropped_copy",
    "opposite",
)
NAMES = (*LEXICAL, "likeness")

_YES_NO = re.compile(r"^\s*(?:yes|no|correct|right|indeed)\s*[,.:;-]\s*", re.I)
_FRAME = re.compile(
    r"^\W*(?:(?:as|according to|going by|based on|in|per)\b[^,;.]{0,30}\b(?:passages?|sources?|documents?|excerpts?)\b"
    r"[^,;.]{0,20},|(?:the|these) (?:\w+ )?(?:passages?|sources?|documents?|excerpts?) (?:say|state|show|tell)s?"
    r"(?: us)? that)\s+",
    re.I,
)
_TALK = re.compile(
    r"^\W*(?:so|thus|hence|therefore|in short|in other words|(?:short |my |final )?answer|"
    r"(?:i|we|if i|if we|as far as i|as i|let me|this means|that means|with regard to|in reply to|in answer to|"
    r"here is)\b[^:.!?\d]{0,50}):\s+",
    re.I,
)
_NEGATION = re.compile(r"\b(?:not?|never|none|nobody|nothing|neither|nor|without|cannot)\b|n['’]t\b", re.I)
_CONDITION = re.compile(
    r"\b(?:if|only|unless|except|provided|as long as|on condition|until|once|when|where|after|because|since|for those|"
    r"more than|longer than|at least|fewer than|under|over|above|with|who|whoever|given|limited|in|from)\b",
    re.I,
)
_STRICT = re.compile(
    r"\b(?:if|only|unless|except|provided|as long as|condition|when|once|more than|fewer than|who have|before|after)\b",
    re.I,
)
_SWEEPS = re.compile(
    r"\b(?:always|all|every|any|whatever|under no circumstances|under any circumstances|ever|everyone|everybody|"
    r"at any time|certainly|alone)\b",
    re.I,
)
_NAME = re.compile(r"(?<!^)(?<![.!?:]\s)\b[A-Z][\w-]*\w\b")


_UP_TO = r"at most|up to|(?:no|not) (?:more|longer|later) than|less than|fewer than|under|below|within|until|before|by"
_FROM_ON = r"at least|(?:no|not) (?:less|fewer|earlier|shorter) than|more than|longer than|over|above|from|after|since"
_BOUND = re.compile(rf"\b(?:(?P<up>{_UP_TO})|(?P<low>{_FROM_ON})) (?:the |about |some )?(?P<number>\w[\w.,:]*)", re.I)
"""A number and whether it is the most or the least."""
_ORDER = frozenset(("first", "second", "last"))  # "the first 400", "a second permit": seldom a figure
_HEARD = 0.3  # least share of the words of a claim
_COPY = 0.8  # share of the words of both that a claim and a sentence have in common to be one and the same
_WORD = re.compile(r"[a-z]+")
_PAIRS = (
    "more less|more fewer|above below|over under|least most|minimum maximum|first last|rose fell|"
    "rise fall|rises falls|higher lower|increased decreased|doubled halved|gained lost|allowed forbidden|"
    "included excluded|open closed|buyer seller|tenant landlord|employer employee|adults children|free charged|"
    "longer shorter|larger smaller|earlier later|early late|winter summer|paid unpaid|"
    "accepted refused|with without"
)
_OPPOSITES = tuple(pair for one in _PAIRS.split("|") for pair in (tuple(one.split()), tuple(reversed(one.split()))))


def unframed(claim: str) -> str:
    """A claim without the yes or no, the "as the passages say", or the talk before a colon, that it begins with.

    >>> unframed("Yes, as the passages say, it is open."), unframed("As far as I can tell: it is open.")
    ('it is open.', 'it is open.')
    """
    return _FRAME.sub("", _YES_NO.sub("", spoken(claim)))


def spoken(claim: str) -> str:
    """A claim without the talk before a colon: what says nothing of a matter, but that something is to come."""
    return _TALK.sub("", claim)


def negated(text: str) -> bool:
    """Whether a text denies something."""
    return _NEGATION.search(_YES_NO.sub("", text)) is not None


def pieces(text: str) -> list[str]:
    """The sentences of a text, those with a semicolon in two: each may deny what the other says."""
    return [piece for part in sentences(text) for piece in part.split("; ")] or [""]


def contradicts(claim: str, text: str) -> bool:
    """Whether a part of a claim is all but a sentence of a text with a "not" more or less, with an opposite word, or
    with the most for the least, and no sentence says the same."""
    known = [(piece, _bare(piece)) for piece in pieces(text)]
    for part in pieces(unframed(claim)):
        wanted = _bare(part)
        near = [piece for piece, there in known if len(wanted & there) >= _COPY * max(len(wanted), len(there), 1)]
        if near and all(_denies(part) != _denies(piece) or _turned(part, piece) for piece in near):
            return True
    return False


def strangers(claim: str, text: str) -> set[str]:
    """Names in a claim, lower-cased, that a text does not have; short ones in capitals, as "EU", are let pass."""
    names = {one for one in _NAME.findall(claim) if len(one) > 3 or not one.isupper()}
    return {one.casefold() for one in names if one.casefold() not in text.casefold()}


def unheard(claim: str, text: str) -> bool:
    """Whether a claim is about something else than a text: no word in common, or hardly any of a longer claim."""
    wanted = set(stem_words(unframed(claim)))
    common = len(wanted & set(stem_words(text)))
    return (len(wanted) >= 2 and not common) or (len(wanted) >= 4 and common < _HEARD * len(wanted))


def shared(claim: str, text: str) -> float:
    """Share, 0..1, of the words of a claim that a text has."""
    wanted = set(stem_words(unframed(claim)))
    return len(wanted & set(stem_words(text))) / max(len(wanted), 1)


def lexical(
    claim: str, text: str, *, excused: frozenset[str] = frozenset(), denied: bool = False
) -> NDArray[np.float64]:
    """Features (len(LEXICAL),) that need no encoder. ``excused``: numbers that the text need not have, as those of the
    question or of a sum; ``denied``: whether the right answer denies something, so that a claim may as well."""
    claim = unframed(claim)
    parts, wanted = list(sentences(text)) or [""], set(stem_words(claim))
    stems = [set(stem_words(part)) for part in parts]
    share = max(len(wanted), 1)
    windows = [stems[at] | (stems[at + 1] if at + 1 < len(stems) else set()) for at in range(len(stems))]
    every = set().union(*stems)
    said, there = numbers(claim) - excused - _ORDER, numbers(text)
    near = max(pieces(text), key=lambda part: len(wanted & set(stem_words(part))))
    window = max(len(wanted & one) for one in windows) / share
    turned = float(negated(claim) != negated(near) and not (denied and negated(claim)))
    dropped = float(bool(_STRICT.search(near)) and not _CONDITION.search(claim))
    return np.array(
        [
            support(claim, text),
            window,
            len(wanted & every) / share,
            float(not said <= there),
            float(said <= there and not any(said <= numbers(part) for part in parts)),
            turned,
            float(bool({*_lower(_SWEEPS, claim)} - {*_lower(_SWEEPS, text)})),
            float(bool(strangers(claim, text))),
            dropped,
            float(bool(_STRICT.search(claim)) and not _CONDITION.search(near)),
            turned * window,
            dropped * window,
            float(_opposite(claim, near)),
        ]
    )


def features(
    claim: str, text: str, embed: Embed | None, *, excused: frozenset[str] = frozenset(), denied: bool = False
) -> NDArray[np.float64]:
    """All features (len(NAMES),), or without an encoder (len(LEXICAL),).

    ``likeness``: the highest cosine of the claim and a window of two sentences, 0 where it is negative.
    """
    plain = lexical(claim, text, excused=excused, denied=denied)
    if embed is None:
        return plain
    parts = list(sentences(text)) or [""]
    vectors = embed([claim, *(" ".join(parts[at : at + 2]) for at in range(max(len(parts) - 1, 1))), *parts])
    return np.append(plain, max(float((vectors[1:] @ vectors[0]).max()), 0.0))


def matrix(pairs: Sequence[tuple[str, str]], embed: Embed | None) -> NDArray[np.float64]:
    """Features (n, k) of n pairs of claim and text."""
    return np.array([features(claim, text, embed) for claim, text in pairs])


def _opposite(claim: str, near: str) -> bool:
    """Whether a claim has one of two opposite words where the sentence nearest to it has the other alone."""
    said, there = ({*_WORD.findall(text.casefold())} for text in (claim, near))
    return any((one in said and one not in there and other in there and other not in said) for one, other in _OPPOSITES)


def _denies(text: str) -> bool:
    return negated(_BOUND.sub(lambda one: one["number"], text))  # "no more than 5" denies nothing


def _turned(claim: str, near: str) -> bool:
    """Whether a claim has an opposite word, or the most of a number where the sentence nearest to it has the least."""
    said, there = _bounds(claim), _bounds(near)
    known = {number for number, _ in there}
    return _opposite(claim, near) or any(number in known and (number, up) not in there for number, up in said)


def _bounds(text: str) -> set[tuple[str, bool]]:
    return {(number, bool(one["up"])) for one in _BOUND.finditer(text) for number in numbers(one["number"])}


def _bare(text: str) -> set[str]:
    """The words of a text but those that deny or set a bound, which are compared by themselves."""
    plain = _BOUND.sub(lambda one: one["number"], text)
    return {word for word in stem_words(plain) if not _NEGATION.fullmatch(word)}


def _lower(pattern: re.Pattern[str], text: str) -> list[str]:
    return [one.casefold() for one in pattern.findall(text)]
