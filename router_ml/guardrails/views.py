"""Guard-only readings of a text: what it says once disguises are taken off. The request itself is never rewritten.

``raw`` is the text. ``normalized`` undoes Unicode dress and masked addresses. ``decoded`` and ``decoded2`` read
encodings, twice at most. These four say the same as the text. The others are guesses of what it could say: number words
as digits, spaced-out characters closed up, lines joined, scattered digits gathered, leet, words or all of it reversed,
letters rotated. A guess starts from the last of the first four. A view exists only where it differs from it, and none
is longer than a small multiple of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from router_ml.guardrails.decoding import decode
from router_ml.guardrails.disguises import (
    gathered,
    mirrored,
    plain_letters,
    reversed_words,
    rotated,
    spoken,
    unmasked_address,
    unspaced,
    unwrapped,
)
from router_ml.guardrails.folding import fold

_DECODE_DEPTH = 2
_GUESSES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("spoken", spoken),
    ("unspaced", unspaced),
    ("unwrapped", unwrapped),
    ("gathered", gathered),
    ("leet", plain_letters),
    ("reversed", reversed_words),
    ("mirrored", mirrored),
    ("rotated", rotated),
)
GUESSES = frozenset(name for name, _ in _GUESSES) | {"joined"}
"""Views on which a finding needs more than its looks, because they also make something of harmless text."""
VIEWS = ("raw", "normalized", "decoded", "decoded2", "keyed", *(name for name, _ in _GUESSES), "joined")


def normalize(text: str) -> str:
    """The normalized view of a text; the text itself where nothing is disguised."""
    return unmasked_address(fold(text))


def views(text: str) -> Iterator[tuple[str, str]]:
    """The distinct views of a text as ``(name, text)``, the raw one first."""
    yield "raw", text
    current = normalize(text)
    if current != text:
        yield "normalized", current
    for depth in range(1, _DECODE_DEPTH + 1):
        decoded = normalize(decode(current))
        if decoded == current:
            break
        current = decoded
        yield "decoded" if depth == 1 else f"decoded{depth}", current
    seen = {current}
    for name, read in _GUESSES:
        guess = read(current)
        if guess not in seen:
            seen.add(guess)
            yield name, guess


def joined(texts: list[str]) -> Iterator[str]:
    """What several texts say together, for a value that is split over them: closed up, and with its digits gathered."""
    lines = "\n".join(normalize(text).strip() for text in texts)
    closed = unwrapped(lines)
    collected = gathered(spoken(lines))
    yield closed
    if collected not in (closed, lines):
        yield collected
