"""Scan a request: every string of it, in every view, whole or not at all.

Ternary and fail-closed: what cannot be read, does not fit the byte cap or the budget of steps, or breaks a detector
makes the request ``unknown``, which policy treats as a hit; what was found nevertheless is reported. Budgets count
bytes and steps, never seconds, so the same request gives the same scan on every machine. Findings say where,
never what.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import chain

from router_ml.contract import Finding, Risk, RouteRequest
from router_ml.contract.base import GuardState
from router_ml.guardrails.detectors.detector import (
    Detector,
    OutOfStepsError,
    Span,
    Steps,
    Traits,
    ascii_digits,
    find,
    is_triggered,
)
from router_ml.guardrails.detectors.evidence import convinces, never
from router_ml.guardrails.detectors.external import DetectorFault, External
from router_ml.guardrails.digests import bare, digest
from router_ml.guardrails.patterns import DETECTORS
from router_ml.guardrails.readings.changes import changed_places
from router_ml.guardrails.readings.decoding import decode
from router_ml.guardrails.readings.parts import Part, parts
from router_ml.guardrails.views import GUESSES, normalize, views
from router_ml.guardrails.wording import asks_for_change

_STEPS = 20_000
_JOINED_MESSAGES = 8
_TELLING_DIGITS = 8
_DEEPEST = "decoded2"
_PLAIN = frozenset({"raw", "normalized", "decoded", "decoded2"})
_WHOLE = frozenset({"raw", "keyed", "joined"})


@dataclass(frozen=True)
class Scan:
    """What the rules found. ``risks`` names each risk once, by rule; ``reasons`` say why the state is unknown.

    ``missed`` are the risks of the user's own detectors that gave no answer.
    """

    state: GuardState
    findings: tuple[Finding, ...]
    risks: tuple[Risk, ...]
    reasons: tuple[str, ...]
    missed: tuple[str, ...] = ()


def scan(
    request: RouteRequest,
    *,
    max_bytes: int,
    detectors: Sequence[Detector] = DETECTORS,
    external: Sequence[External] = (),
    joined_messages: int = _JOINED_MESSAGES,
    key: bytes | None = None,
) -> Scan:
    """Scan every string of a request, dictionary keys included. Never raises for what a request holds.

    Args:
        request: what came in.
        max_bytes: UTF-8 bytes to scan in all; a string that no longer fits is left out as a whole, and said so.
        detectors: in the order in which they claim a place.
        external: detectors in processes of their own; each is asked once, for all texts.
        joined_messages: how many of the last messages are also read as one text.
        key: for digests of what was found; without it there are none.
    """
    scanner = _Scanner(detectors, key)
    found = parts(request, max_bytes=max_bytes, joined_messages=joined_messages, reasons=scanner.reasons)
    if not external:
        for part in found:
            scanner.read(part, _readings(part))
    else:
        read = [(part, list(_readings(part))) for part in found]
        scanner.ask(external, [text for _, readings in read for _, text in readings])
        for part, readings in read:
            scanner.read(part, readings)
    risks = dict.fromkeys(scanner.risks)
    if asks_for_change(request.task):
        risks["state_change"] = None
    return Scan(
        state="unknown" if scanner.reasons else "hit" if scanner.findings else "clean",
        findings=tuple(scanner.findings),
        risks=tuple(Risk(name=name, probability=1.0, source="rule") for name in risks),
        reasons=tuple(scanner.reasons),
        missed=tuple(scanner.missed),
    )


@dataclass
class _Scanner:
    """Reads part after part, and keeps what it found."""

    detectors: Sequence[Detector]
    key: bytes | None
    findings: list[Finding] = field(default_factory=list)
    risks: dict[str, None] = field(default_factory=dict)
    reasons: dict[str, None] = field(default_factory=dict)
    steps: Steps = field(default_factory=lambda: Steps(_STEPS))
    missed: dict[str, None] = field(default_factory=dict)
    exhausted: bool = False
    answers: dict[str, list[tuple[External, Span]]] = field(default_factory=dict)

    def ask(self, external: Sequence[External], texts: Sequence[str]) -> None:
        """Put all texts to the detectors that live elsewhere; one that gives no answer leaves the scan incomplete."""
        texts = list(dict.fromkeys(texts))
        for detector in external:
            try:
                answer = detector.ask(texts)
                if not isinstance(answer, DetectorFault):
                    for text, spans in zip(texts, answer, strict=True):
                        found = [(detector, _inside(span, text, detector.type)) for span in spans]
                        self.answers.setdefault(text, []).extend(found)
                    continue
            except Exception as error:  # noqa: BLE001 - whatever breaks a detector, the texts count as not scanned
                answer = DetectorFault(f"detector {detector.type} failed with {type(error).__name__}")
            self.reasons[answer.reason] = None
            self.missed[detector.risk] = None

    def read(self, part: Part, readings: Iterable[tuple[str, str]]) -> None:
        """Look at a part in all its views. What an earlier view showed is not another finding."""
        values: set[tuple[str, str, str]] = set()
        known: dict[str, set[str]] = {}  # bare values by risk
        types: set[str] = set(part.known(self.findings))
        plain = ""
        for view, text in readings:
            here: set[tuple[str, str, str]] = set()
            places = [(0, len(text))] if view in _WHOLE else changed_places(plain, text)
            plain = text if view in _PLAIN else plain
            hits: Iterator[tuple[Detector | External, Span]] = chain(
                self._places(text, places, known=types | never(view, plain) if view in GUESSES else frozenset()),
                self.answers.get(text, ()),
            )
            for detector, (start, end) in hits:
                shown = text[start:end]
                value = (detector.type, detector.risk, bare(shown))
                if view in GUESSES and (
                    detector.type in types
                    or _is_part(value[2], known.get(detector.risk, set()))
                    or not convinces(detector, view, text, (start, end), part.labels)
                ):
                    continue
                here.add(value)
                if value not in values:
                    self.risks[detector.risk] = None
                    self.findings.append(
                        Finding(
                            type=detector.type,
                            part=part.name,
                            start=start,
                            end=end,
                            view=view,
                            digest=digest(detector.type, shown, self.key),
                        )
                    )
            values |= here
            if view == _DEEPEST and normalize(decode(text)) != text:
                self.reasons[f"{part.name}: it is encoded more than twice"] = None
            for kind, risk, found in here:
                types.add(kind)
                known.setdefault(risk, set()).add(found)

    def _places(self, text: str, places: Sequence[Span], *, known: Set[str]) -> Iterator[tuple[Detector, Span]]:
        """All findings at some places of a view."""
        for first, last in places:
            for detector, (start, end) in self._hits(text[first:last], known=known):
                yield detector, (first + start, first + end)

    def _hits(self, text: str, *, known: Set[str]) -> Iterator[tuple[Detector, Span]]:
        """All findings in one view, but those of types that are known.

        Of two that overlap and imply the same risk, the detector that comes first wins.
        """
        if not text or self.exhausted:
            return
        traits = Traits.of(text)
        claimed: dict[str, bytearray] = {}
        for detector in self.detectors:
            if detector.type in known:
                continue
            try:
                for span in find(detector, text, self.steps, traits=traits) if is_triggered(detector, traits) else ():
                    start, end = _inside(span, text, detector.type)
                    if detector.risk not in claimed:
                        claimed[detector.risk] = bytearray(len(text))
                    taken = claimed[detector.risk]
                    if taken.find(1, start, end) < 0:
                        taken[start:end] = b"\x01" * (end - start)
                        yield detector, (start, end)
            except OutOfStepsError:
                self.exhausted = True
                self.reasons[f"the scan stopped after {_STEPS} steps"] = None
                return
            except Exception as error:  # noqa: BLE001 - whatever breaks a detector, its text counts as not scanned
                self.reasons[f"detector {detector.type} failed with {type(error).__name__}"] = None


def _readings(part: Part) -> Iterable[tuple[str, str]]:
    """The views of a part; of a short value also together with its key, which may say what its digits are."""
    if part.view is not None:
        yield part.view, part.text
        return
    yield from views(part.text)
    if part.key:
        yield "keyed", f"{part.key}: {part.text}"


def _inside(span: Span, text: str, kind: str) -> Span:
    """A span that lies inside a text.

    Raises:
        IndexError: it does not.
    """
    start, end = span
    if not 0 <= start < end <= len(text):
        raise IndexError(f"a span of {kind} is outside the text")
    return span


def _is_part(value: str, known: Set[str]) -> bool:
    """Whether a value, or the end of it, is part of one that is known already, read from either end."""
    if not value:
        return False
    digits = ascii_digits(value)[-_TELLING_DIGITS:]
    ends = [value, value[::-1], *([digits] if len(digits) == _TELLING_DIGITS else [])]
    return any(end in other for other in known for end in ends)
