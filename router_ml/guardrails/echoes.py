"""Which findings in an answer repeat what the request said, compared in memory and undisguised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from router_ml.contract import Finding, RouteRequest
from router_ml.guardrails.digests import bare
from router_ml.guardrails.views import normalize, views

_SHORTEST = 4  # letters and digits; anything shorter stands in most texts by chance
_MOST_PLACES = 1_000  # looked at for one value; what stands in more of them, and never as words, is a run of digits


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
        said = [_Reading(reading) for text in _of_user(request) for _, reading in views(text)]

        @cache
        def is_said(wanted: str) -> bool:
            return len(wanted) >= _SHORTEST and any(reading.holds(wanted) for reading in said)

        found = list(_values(answer, findings))
        echoed = [(finding, value) for finding, value in found if value is not None and is_said(bare(value))]
        known = {id(finding) for finding, _ in echoed}
        return cls(
            new=tuple(finding for finding, _ in found if id(finding) not in known),
            echoed=tuple(finding for finding, _ in echoed),
            values=tuple(value for _, value in echoed),
        )


def _of_user(request: RouteRequest) -> Iterator[str]:
    """What the user said; instructions, documents and results of tools are not theirs to be told."""
    ours = {f"messages[{index}]" for index, message in enumerate(request.messages) if message.role == "user"}
    for part, text in request.strings():
        if part == "text" or f"{part.partition(']')[0]}]" in ours:
            yield text


def _values(answer: RouteRequest, findings: Sequence[Finding]) -> Iterator[tuple[Finding, str | None]]:
    """Each finding with the characters it covers; None where its view is not one of a single string."""
    strings: dict[str, dict[str, str]] = {}
    key = ""
    wanted = {finding.part for finding in findings}
    for part, text in answer.strings():
        if part in wanted:
            strings[part] = {**dict(views(text)), "keyed": f"{key}: {text}", "entities": text}
        key = text if part.endswith(".key") else key
    for finding in findings:
        reading = strings.get(finding.part, {}).get(finding.view)
        yield finding, None if reading is None else reading[finding.start : finding.end]


class _Reading:
    """A text as it is compared: its letters and digits, and the place of each."""

    def __init__(self, text: str) -> None:
        self.text = normalize(text)

    @cached_property
    def _spelled(self) -> tuple[str, list[int]]:
        folded = [(place, c.casefold()) for place, c in enumerate(self.text) if c.isalnum()]
        return "".join(c for _, c in folded), [place for place, c in folded for _ in c]

    def holds(self, wanted: str) -> bool:
        """Whether some letters and digits stand in it so that they begin and end where words do."""
        plain, places = self._spelled
        start = -1
        for _ in range(_MOST_PLACES):
            start = plain.find(wanted, start + 1)
            if start < 0:
                return False
            if not (self._joined(places[start] - 1) or self._joined(places[start + len(wanted) - 1])):
                return True
        return False

    def _joined(self, place: int) -> bool:
        """Whether the character at a place and the next one are of one word; scripts that are written without spaces
        end where ASCII begins."""
        if not 0 <= place < len(self.text) - 1:
            return False
        here, after = self.text[place], self.text[place + 1]
        return here.isalnum() and after.isalnum() and here.isascii() == after.isascii()
