"""Guard-only readings of a text: what it says once disguises are taken off. The request itself is never rewritten.

``raw`` is the text. ``normalized`` undoes Unicode dress and masked addresses. ``decoded`` and ``decoded2`` read
encodings, twice at most: these four say what the text says. ``worded`` puts labels beside their values, ``keyed`` the
key of a mapping. The others guess what it could say: number words as digits, spaced-out characters closed up, pieces
joined that markup, code or lines keep apart, scattered digits gathered, odd groups closed, leet, words or all of it
reversed, letters rotated. A guess starts from the decoded text with its tables labelled. A view exists only where it
differs, and none is longer than a small multiple of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from router_ml.guardrails.readings.cells import labelled_cells, worded
from router_ml.guardrails.readings.decoding import decode
from router_ml.guardrails.readings.disguises import mirrored, plain_letters, reversed_words, rotated
from router_ml.guardrails.readings.folding import fold
from router_ml.guardrails.readings.masked import unmasked_address
from router_ml.guardrails.readings.spacing import compact, gathered, spoken, unmarked, unspaced, unwrapped

_DECODE_DEPTH = 2
_GUESSES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("spoken", spoken),
    ("unspaced", unspaced),
    ("unmarked", unmarked),
    ("unwrapped", unwrapped),
    ("gathered", gathered),
    ("compact", lambda text: compact(unspaced(spoken(text)))),
    ("leet", plain_letters),
    ("reversed", reversed_words),
    ("mirrored", mirrored),
    ("rotated", rotated),
)
GUESSES = frozenset(name for name, _ in _GUESSES) | {"keyed", "worded", "joined"}
"""Views that say more than the text does: a finding there adds a type that the text itself did not show."""
VIEWS = ("raw", "normalized", "decoded", "decoded2", "keyed", "worded", *(name for name, _ in _GUESSES), "joined")


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
    cells, words = labelled_cells(current), worded(current)
    if words != current:
        yield "worded", words
    seen = {current, cells, words}
    current = cells
    for name, read in _GUESSES:
        guess = read(current)
        if guess not in seen:
            seen.add(guess)
            yield name, guess


def joined(texts: list[str]) -> Iterator[str]:
    """What several texts say together, for a value that is split over them: closed up, and with its digits gathered."""
    pieces = [normalize(text).strip() for text in texts]
    closed = dict.fromkeys(_close(pieces, may_go_on) for may_go_on in (_starts_like_a_value, _is_cut))
    celled = [labelled_cells(text) for text in closed]
    others = [compact(text) for text in celled] + [gathered(spoken(" ".join(pieces)))]
    yield from dict.fromkeys([*closed, *celled, *others])


def _close(pieces: list[str], may_go_on: Callable[[str, str], bool]) -> str:
    text = pieces[0]
    for piece in pieces[1:]:
        last, first = text.rpartition("\n")[2][-64:], piece.partition("\n")[0][:64]
        text += piece if last and first and may_go_on(last, first) else f"\n{piece}"
    return text


def _starts_like_a_value(last: str, first: str) -> bool:
    return "\n" not in unwrapped(f"{last}\n{first}")


def _is_cut(last: str, first: str) -> bool:
    """Whether a value may go on: one of the two words at the seam holds a digit or an @, or both are capitals."""
    left, right = last.rsplit(maxsplit=1)[-1], first.split(maxsplit=1)[0]
    return any(c.isdigit() or c == "@" for c in left + right) or (left.isupper() and right.isupper())
