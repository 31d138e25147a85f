"""Scan a request: every string of it, in every view, whole or not at all.

Ternary and fail-closed: what cannot be read, does not fit the byte cap or the budget of steps, or breaks a detector
makes the request ``unknown``, which policy treats as a hit; what was found nevertheless is reported. Budgets count
bytes and steps, never seconds, so the same request gives the same scan on every machine. Findings say where,
never what.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field

from router_ml.contract import Finding, Risk, RouteRequest
from router_ml.contract.base import GuardState
from router_ml.guardrails.detector import (
    Detector,
    OutOfStepsError,
    Span,
    Steps,
    Traits,
    ascii_digits,
    find,
    is_triggered,
)
from router_ml.guardrails.evidence import convinces
from router_ml.guardrails.parts import Part, parts
from router_ml.guardrails.patterns import DETECTORS
from router_ml.guardrails.views import GUESSES, normalize, views
from router_ml.guardrails.wording import asks_for_change

_STEPS = 20_000
_JOINED_MESSAGES = 8
_TELLING_DIGITS = 8


@dataclass(frozen=True)
class Scan:
    """What the rules found. ``risks`` names each risk once, by rule; ``reasons`` say why the state is unknown."""

    state: GuardState
    findings: tuple[Finding, ...]
    risks: tuple[Risk, ...]
    reasons: tuple[str, ...]


def scan(
    request: RouteRequest,
    *,
    max_bytes: int,
    detectors: Sequence[Detector] = DETECTORS,
    joined_messages: int = _JOINED_MESSAGES,
) -> Scan:
    """Scan every string of a request, dictionary keys included. Never raises for what a request holds.

    Args:
        request: what came in.
        max_bytes: UTF-8 bytes to scan in all; a string that no longer fits is left out as a whole, and said so.
        detectors: in the order in which they claim a place.
        joined_messages: how many of the last messages are also read as one text.
    """
    scanner = _Scanner(detectors)
    for part in parts(request, max_bytes=max_bytes, joined_messages=joined_messages, reasons=scanner.reasons):
        scanner.read(part)
    risks = dict.fromkeys(scanner.risks)
    if asks_for_change(request.task):
        risks["state_change"] = None
    return Scan(
        state="unknown" if scanner.reasons else "hit" if scanner.findings else "clean",
        findings=tuple(scanner.findings),
        risks=tuple(Risk(name=name, probability=1.0, source="rule") for name in risks),
        reasons=tuple(scanner.reasons),
    )


@dataclass
class _Scanner:
    """Reads part after part, and keeps what it found."""

    detectors: Sequence[Detector]
    findings: list[Finding] = field(default_factory=list)
    risks: dict[str, None] = field(default_factory=dict)
    reasons: dict[str, None] = field(default_factory=dict)
    steps: Steps = field(default_factory=lambda: Steps(_STEPS))
    exhausted: bool = False

    def read(self, part: Part) -> None:
        """Look at a part in all its views. What an earlier view showed is not another finding."""
        values: set[tuple[str, str]] = set()
        types: set[str] = set(part.known(self.findings))
        for view, text in _readings(part):
            here: set[tuple[str, str]] = set()
            for detector, (start, end) in self._hits(text):
                value = (detector.type, bare(text[start:end]))
                if view in GUESSES and (
                    detector.type in types
                    or _is_part(value[1], values)
                    or not convinces(detector, view, text, (start, end), part.labels)
                ):
                    continue
                here.add(value)
                if value not in values:
                    self.risks[detector.risk] = None
                    self.findings.append(Finding(type=detector.type, part=part.name, start=start, end=end, view=view))
            values |= here
            types |= {kind for kind, _ in here}

    def _hits(self, text: str) -> Iterator[tuple[Detector, Span]]:
        """All findings in one view; of two that overlap and imply the same risk, the detector that comes first wins."""
        if not text or self.exhausted:
            return
        traits = Traits.of(text)
        claimed: dict[str, bytearray] = {}
        for detector in self.detectors:
            try:
                for start, end in find(detector, text, self.steps) if is_triggered(detector, traits) else ():
                    if not 0 <= start < end <= len(text):
                        raise IndexError(f"a span of {detector.type} is outside the text")
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


def _is_part(value: str, known: Set[tuple[str, str]]) -> bool:
    """Whether a value, or the end of it, is part of one that is known already, read from either end."""
    digits = ascii_digits(value)[-_TELLING_DIGITS:]
    ends = [value, value[::-1], *([digits] if len(digits) == _TELLING_DIGITS else [])]
    return any(end in other for _, other in known for end in ends)


def bare(value: str) -> str:
    """What makes two spellings of a value one: its letters and digits, undisguised."""
    return "".join(filter(str.isalnum, normalize(value))).casefold()
