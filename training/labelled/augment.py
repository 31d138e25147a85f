"""Variants of a request that keep its labels: typing errors, casing, spacing, filler, and a request inside other text.

What a person would read the same, the classifier should read the same. Training sees such variants now and then; the
benchmark measures on other draws of them how often a label flips. Noise without any meaning, for which no label is
right, is made here too.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Sequence

_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOURS = {
    key: "".join(row[max(at - 1, 0) : at] + row[at + 1 : at + 2]) for row in _KEYS for at, key in enumerate(row)
}
_BEFORE = ("hi, ", "hey there, ", "um, ", "ok so ", "quick one: ", "please ", "hello team, ", "sorry to bother you, ")
_AFTER = (" thanks!", " thank you very much", " please", " cheers", " :)", " asap", " many thanks in advance", "...")
_TYPO_SHARE = 0.03  # of the letters
_WORDS_PER_PAGE = 500


def typos(text: str, rng: random.Random) -> str:
    """A few letters swapped, dropped, doubled or hit beside; at least one, at most 20."""
    places = [at for at, character in enumerate(text[:-1]) if character.isalpha() and text[at + 1].isalpha()]
    count = min(max(1, round(_TYPO_SHARE * len(places))), 20, len(places))
    letters = list(text)
    for at in sorted(rng.sample(places, count), reverse=True):
        kind = rng.randrange(4)
        if kind == 0:
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
        elif kind == 1:
            del letters[at]
        elif kind == 2:
            letters.insert(at, letters[at])
        else:
            letters[at] = rng.choice(_NEIGHBOURS.get(letters[at].lower(), letters[at]))
    return "".join(letters)


def casing(text: str, rng: random.Random) -> str:
    """All small, all capital, or a capital at each word."""
    return rng.choice((str.lower, str.lower, str.upper, str.title))(text)


def spacing(text: str, rng: random.Random) -> str:
    """Doubled spaces, line breaks for spaces, space around the whole."""
    parts = re.split(r"(?<=\S) (?=\S)", text)
    joined = parts[0] + "".join(rng.choices((" ", "  ", "\n"), (6, 2, 1))[0] + part for part in parts[1:])
    return rng.choice(("", " ", "\n\n")) + joined + rng.choice(("", "  ", "\n"))


def filler(text: str, rng: random.Random) -> str:
    """Polite or hasty words before or behind."""
    return rng.choice(_BEFORE) + text if rng.random() < 0.5 else text + rng.choice(_AFTER)


def punctuation(text: str, rng: random.Random) -> str:
    """Without a mark at its end, or with another one."""
    return text.rstrip(".!?") + rng.choice(("", "", "!", "..", " ??" if text.rstrip().endswith("?") else "."))


VARIANTS: dict[str, Callable[[str, random.Random], str]] = {
    "typos": typos,
    "casing": casing,
    "spacing": spacing,
    "filler": filler,
    "punctuation": punctuation,
}


def vary(text: str, rng: random.Random) -> str:
    """One kind of variant."""
    return VARIANTS[rng.choice(tuple(VARIANTS))](text, rng)


def enclose(text: str, background: str, rng: random.Random) -> str:
    """``text`` at the beginning, in the middle or at the end of other text, as a paragraph or a sentence of its own."""
    sentences = re.split(r"(?<=[.!?])\s+", background.strip())
    at = rng.choice((0, len(sentences), rng.randrange(len(sentences) + 1)))
    gap = rng.choice(("\n\n", "\n", " "))
    before, after = " ".join(sentences[:at]), " ".join(sentences[at:])
    return gap.join(part for part in (before, text.strip(), after) if part)


def pages(texts: Sequence[str], count: int, rng: random.Random) -> str:
    """A document of so many pages, out of other texts in random order."""
    parts: list[str] = []
    words = 0
    while words < count * _WORDS_PER_PAGE:
        parts.append(rng.choice(texts))
        words += len(parts[-1].split())
    return "\n\n".join(parts)


def gibberish(rng: random.Random) -> str:
    """Keyboard noise, random words of random letters, or stray signs: a request that nobody can understand."""
    size = rng.randint(1, 14)
    kind = rng.randrange(4)
    if kind == 0:
        return " ".join("".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 10))) for _ in range(size))
    if kind == 1:
        row = rng.choice(_KEYS)
        return "".join(rng.choices(row + " ", k=size * 5)).strip() or row
    if kind == 2:
        return "".join(rng.choices(string.ascii_letters + string.digits + string.punctuation + "  ", k=size * 5))
    syllables = [a + b + c for a in "bdfgklmnprstvz" for b in "aeiou" for c in ("", "n", "r", "k", "sh")]
    return " ".join("".join(rng.choices(syllables, k=rng.randint(1, 3))) for _ in range(size))
