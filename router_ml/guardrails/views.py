"""Guard-only readings of a text: what it says once disguises are taken off. The request itself is never rewritten.

``raw`` is the text. ``normalized`` undoes Unicode dress and masked addresses. ``decoded`` and ``decoded2`` read
encodings, twice at most. These four say the same as the text. The others are guesses of what it could say: number words
as digits, spaced-out characters closed up, pieces joined that markup, code or lines keep apart, scattered digits
gathered, odd groups closed, leet, words or all of it reversed, letters rotated. A guess starts from the last of the first four. A view exists only where it differs from it, and none
is longer than a small multiple of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from router_ml.guardrails.decoding import decode
from router_ml.guardrails.disguises import (
    compact,
    gathered,
    mirrored,
    plain_letters,
    reversed_words,
    rotated,
    spoken,
    unmarked,
    unmasked_address,
    unspaced,
    unwrapped,
)
from router_ml.guardrails.folding import fold

_DECODE_DEPTH = 2
_GUESSES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("spoken", spoken),
    ("unspaced", unspaced),
    ("unmarked", unmarked),
    ("unwrapped", unwrapped),
    ("gathered", gathered),
    ("compact", lambda text: compact(spoken(text))),
    ("leet", plain_letters),
    ("reversed", reversed_words),
    ("mirrored", mirrored),
    ("rotated", rotated),
)
GUESSES = frozenset(name for name, _ in _GUESSES) | {"joined"}
"""Views that may also make something of harmless text: a finding there adds a type that the text itself did not show."""
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
    pieces = [normalize(text).strip() for text in texts]
    closed = "".join(
        piece if last is None else f"{seam(last, piece)}{piece}"
        for last, piece in zip((None, *pieces), pieces, strict=False)
    )
    yield closed
    for other in (compact(closed), gathered(spoken("\n".join(pieces).replace("\n", " ")))):
        if other != closed:
            yield other


def seam(last: str, following: str) -> str:
    """What stands between two texts that are read as one: nothing where a value may go on, else a new line."""
    return "" if following and unwrapped(f"{last[-64:]}\n{following[:64]}").count("\n") == 0 else "\n"
