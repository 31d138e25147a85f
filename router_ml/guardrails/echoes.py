"""Which findings in an answer repeat what the request said, compared in memory and undisguised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from router_ml.contract import Finding, RouteRequest
from router_ml.guardrails.digests import bare
from router_ml.guardrails.views import normalize, views

_SHORTEST = 4  # letters and digits; anything shorter stands in most texts by chance


@dataclass(frozen=True)
class Echoes:
    """The findings in an answer, parted into what is ``new`` and what is ``echoed``, with the ``values`` of the latter
    as they stand in the answer. Not for any record."""

    new: tuple[Finding, ...]
    echoed: tuple[Finding, ...]
    values: tuple[str, ...]

    @classmethod
    def of(cls, answer: RouteRequest, findings: Sequence[Finding], request: RouteRequest | None) -> Echoes:
        """Compare; a value that cannot be read back, or that stands in the request only inside a longer word, is new.

        Args:
            answer: what was scanned, with ``findings`` in it.
            request: what was asked; None: everything is new.
        """
        if request is None or not findings:
            return cls(tuple(findings), (), ())
        said = [reading for _, text in request.strings() for _, reading in views(text)]
        found = [(finding, value) for finding, value in _values(answer, findings)]
        echoed = [(finding, value) for finding, value in found if value is not None and _stands_in(said, value)]
        known = {id(finding) for finding, _ in echoed}
        return cls(
            new=tuple(finding for finding, _ in found if id(finding) not in known),
            echoed=tuple(finding for finding, _ in echoed),
            values=tuple(value for _, value in echoed),
        )


def _values(answer: RouteRequest, findings: Sequence[Finding]) -> Iterator[tuple[Finding, str | None]]:
    """Each finding with the characters it covers; None where its view is not one of a single string."""
    strings: dict[str, dict[str, str]] = {}
    key = ""
    wanted = {finding.part for finding in findings}
    for part, text in answer.strings():
        if part in wanted:
            strings[part] = {**dict(views(text)), "keyed": f"{key}: {text}"}
        key = text if part.endswith(".key") else key
    for finding in findings:
        reading = strings.get(finding.part, {}).get(finding.view)
        yield finding, None if reading is None else reading[finding.start : finding.end]


def _stands_in(said: Sequence[str], value: str) -> bool:
    """Whether a value stands in any of some texts, whatever its case, punctuation, spaces and disguise."""
    wanted = bare(value)
    return len(wanted) >= _SHORTEST and any(wanted in bare(text) and _as_words(text, wanted) for text in said)


def _as_words(text: str, wanted: str) -> bool:
    """Whether letters and digits that stand in a text begin and end where words do."""
    text = normalize(text)
    plain: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if character.isalnum():
            folded = character.casefold()
            plain.append(folded)
            places += [place] * len(folded)
    whole, start = "".join(plain), -1
    while (start := whole.find(wanted, start + 1)) >= 0:
        first, last = places[start], places[start + len(wanted) - 1]
        if not (_joined(text, first - 1) or _joined(text, last)):
            return True
    return False


def _joined(text: str, place: int) -> bool:
    """Whether the character at a place and the next one are of one word; scripts without spaces end where ASCII
    begins."""
    if not 0 <= place < len(text) - 1:
        return False
    here, after = text[place], text[place + 1]
    return here.isalnum() and after.isalnum() and here.isascii() == after.isascii()
