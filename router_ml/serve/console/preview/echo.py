"""What was typed, with the places that a guardrail marked and the words that made a label. It is shown back to whoever
typed it, and kept nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from router_ml.contract import Finding, RouteRequest
from router_ml.understanding.attribution import Attribution

LONGEST = 20_000
"""Characters that are shown back, of each text."""


@dataclass(frozen=True)
class Piece:
    """A part of a text. ``found``: types of what a guardrail found there; ``hard``: one of them brings a risk."""

    text: str
    found: str = ""
    hard: bool = False


@dataclass(frozen=True)
class Said:
    """One text of the request: who said it, and its pieces."""

    who: str
    pieces: tuple[Piece, ...]
    cut: int = 0


@dataclass(frozen=True)
class Told:
    """Why a label: ``words`` with their shares of its score, 0..1 of the largest one."""

    head: str
    label: str
    words: tuple[tuple[str, float, float], ...]


def said(request: RouteRequest, findings: Sequence[Finding]) -> tuple[Said, ...]:
    """The texts of a request with what was found in them as they were typed; findings in other readings of a text have
    no place in it."""
    if request.text is not None:
        return (_marked("text", request.text, [one for one in findings if one.part == "text"]),)
    return tuple(
        _marked(message.role, message.content, [one for one in findings if one.part == f"messages[{index}][0]"])
        for index, message in enumerate(request.messages)
        if isinstance(message.content, str)
    )


def _marked(who: str, text: str, findings: Iterable[Finding]) -> Said:
    shown = text[:LONGEST]
    places = sorted((one for one in findings if one.view == "raw" and one.start < one.end), key=lambda one: one.start)
    pieces: list[Piece] = []
    at = 0
    for one in places:
        start, end = max(one.start, at), min(one.end, len(shown))
        if start >= end:
            continue
        pieces += [Piece(shown[at:start]), Piece(shown[start:end], one.type, one.hard)]
        at = end
    pieces.append(Piece(shown[at:]))
    return Said(who, tuple(piece for piece in pieces if piece.text), len(text) - len(shown))


def told(task: str, attributions: Sequence[Attribution], *, most: int = 5) -> tuple[Told, ...]:
    """The words that speak for each label, the loudest first."""
    found = []
    for one in attributions:
        loud = [(start, end, share) for start, end, share in one.words if share > 0][:most]
        largest = max((share for *_, share in loud), default=1.0)
        words = tuple((task[start:end][:60], share, share / largest) for start, end, share in loud)
        found.append(Told(one.head, one.label, words))
    return tuple(found)
