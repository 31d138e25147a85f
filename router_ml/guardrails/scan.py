"""Scan a request: every string of it, in every view, whole or not at all.

Ternary and fail-closed: what cannot be read, does not fit the byte cap, or breaks a detector makes the request
``unknown``, which policy treats as a hit; what was found nevertheless is reported. Budgets count bytes, never seconds,
so the same request gives the same scan on every machine. Findings say where, never what.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from router_ml.contract import Finding, Risk, RouteRequest
from router_ml.contract.base import GuardState
from router_ml.guardrails.detector import Detector, Span, Traits, find, is_triggered
from router_ml.guardrails.patterns import DETECTORS
from router_ml.guardrails.views import normalize, views
from router_ml.guardrails.wording import asks_for_change

_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f\ufffd]")  # not escape: terminals colour logs with it
_MANY_CONTROL, _CONTROL_SHARE = 8, 0.05
_SURROGATE = re.compile("[\ud800-\udfff]")
_FIELDS = re.compile(r"messages\[\d{1,9}\]\.key")  # the names of our own fields say nothing about a value
_KEYED_LENGTH = 128


@dataclass(frozen=True)
class Scan:
    """What the rules found. ``risks`` names each risk once, by rule; ``reasons`` say why the state is unknown."""

    state: GuardState
    findings: tuple[Finding, ...]
    risks: tuple[Risk, ...]
    reasons: tuple[str, ...]


def scan(request: RouteRequest, *, max_bytes: int, detectors: Sequence[Detector] = DETECTORS) -> Scan:
    """Scan every string of a request, dictionary keys included. Never raises for what a request holds.

    Args:
        request: what came in.
        max_bytes: UTF-8 bytes to scan in all; a string that no longer fits is left out as a whole, and said so.
        detectors: in the order in which they claim a place.
    """
    findings: list[Finding] = []
    risks: dict[str, None] = {}
    reasons: dict[str, None] = {}
    for part, readings in _parts(request, max_bytes, reasons):
        earlier: set[tuple[str, str]] = set()
        for view, text in readings:
            here: set[tuple[str, str]] = set()
            for detector, (start, end) in _hits(text, detectors, reasons):
                value = (detector.type, _bare(text[start:end]))
                here.add(value)
                if value not in earlier:  # what an earlier view showed is not another finding
                    risks[detector.risk] = None
                    findings.append(Finding(type=detector.type, part=part, start=start, end=end, view=view))
            earlier |= here
    if asks_for_change(request.task):
        risks["state_change"] = None
    return Scan(
        state="unknown" if reasons else "hit" if findings else "clean",
        findings=tuple(findings),
        risks=tuple(Risk(name=name, probability=1.0, source="rule") for name in risks),
        reasons=tuple(reasons),
    )


def _parts(
    request: RouteRequest, max_bytes: int, reasons: dict[str, None]
) -> Iterator[tuple[str, Iterator[tuple[str, str]]]]:
    """The strings that fit, each with its readings as ``(view, text)``; adds why something cannot be read."""
    left, left_out = max_bytes, 0
    base, key = "", ""
    for part, text in request.strings():
        size = max(1, len(text.encode("utf-8", "surrogatepass")))
        if size > left:
            left_out += size
            continue
        left -= size
        reasons |= dict.fromkeys(f"{part}: {reason}" for reason in _unreadable(text))
        if part.endswith(".key"):
            base, key = part.removesuffix(".key"), "" if _FIELDS.fullmatch(part) else text
            yield part, views(text)
        else:
            yield part, _readings(text, key if part.startswith(f"{base}[") else "")
    if left_out:
        reasons[f"{left_out} bytes were not scanned, because guardrails.max_bytes is {max_bytes}"] = None


def _readings(text: str, key: str) -> Iterator[tuple[str, str]]:
    """The views of a value, and of a short one together with its key, which may say what its digits are."""
    yield from views(text)
    if key and len(key) + len(text) <= _KEYED_LENGTH:
        yield "keyed", f"{key}: {text}"


def _hits(text: str, detectors: Sequence[Detector], reasons: dict[str, None]) -> Iterator[tuple[Detector, Span]]:
    """All findings in one view; of two that overlap and imply the same risk, the detector that comes first wins."""
    if not text:
        return
    traits = Traits.of(text)
    claimed: dict[str, bytearray] = {}
    for detector in detectors:
        try:
            for start, end in find(detector, text) if is_triggered(detector, traits) else ():
                if not 0 <= start < end <= len(text):
                    raise IndexError(f"a span of {detector.type} is outside the text")
                if detector.risk not in claimed:
                    claimed[detector.risk] = bytearray(len(text))
                taken = claimed[detector.risk]
                if taken.find(1, start, end) < 0:
                    taken[start:end] = b"\x01" * (end - start)
                    yield detector, (start, end)
        except Exception as error:  # noqa: BLE001 - whatever breaks a detector, its text counts as not scanned
            reasons[f"detector {detector.type} failed with {type(error).__name__}"] = None


def _unreadable(text: str) -> Iterator[str]:
    """Why a string is not text that detectors can be trusted on."""
    if not text.isascii() and _SURROGATE.search(text) is not None:
        yield "it holds lone surrogates, which are not characters"
    controls = len(_CONTROL.findall(text)) if _CONTROL.search(text) is not None else 0
    if "\x00" in text or (controls >= _MANY_CONTROL and controls > _CONTROL_SHARE * len(text)):
        yield "it looks binary"


def _bare(value: str) -> str:
    """What makes two spellings of a value one: its letters and digits, undisguised."""
    return "".join(filter(str.isalnum, normalize(value))).casefold()
