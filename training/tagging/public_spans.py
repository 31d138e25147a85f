"""Public texts with marked personal data (presidio-research, MIT), split by template: learned from, and measured.

The file is read where it is and its text never kept; of the half to learn from, names get other values each time.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from training.tagging.entity_texts import Span, Tagged
from training.tagging.values import Values

FILE = "pii_spans.parquet"
_KINDS = {"PERSON": "person", "STREET_ADDRESS": "address", "ORGANIZATION": "organization"}
_TOWN = ("GPE", "ZIP_CODE")
_GAP = re.compile(r"\W{0,4}")


@dataclass(frozen=True)
class Marked:
    """One text; ``types``: what was marked in it; ``direct``: whether a person can be told from it directly."""

    text: str
    spans: tuple[Span, ...]
    types: frozenset[str]
    direct: bool
    template: str


def load(folder: Path, *, held_out: bool) -> list[Marked]:
    """The half of the texts whose templates are learned from, or the other one.

    Raises:
        FileNotFoundError: the file is not there.
    """
    import pandas as pd

    found = []
    for row in pd.read_parquet(folder / FILE).itertuples():
        if (hashlib.sha256(str(row.template_id).encode()).digest()[0] % 2 == 0) == held_out:
            marks = sorted(json.loads(str(row.spans)), key=lambda mark: (mark["start"], -mark["end"]))
            types = frozenset(mark["type"] for mark in marks)
            spans = tuple(_merged(str(row.text), marks))
            found.append(Marked(str(row.text), spans, types, bool(row.has_direct_pii), str(row.template_id)))
    return found


def _merged(text: str, marks: list[dict[str, object]]) -> Iterator[Span]:
    """Spans of our kinds; the pieces of an address, and the town after it, are one."""
    current: Span | None = None
    for mark in marks:
        start, end, kind = int(str(mark["start"])), int(str(mark["end"])), _KINDS.get(str(mark["type"]))
        if current is not None and start < current.end:
            continue
        gap = _GAP.fullmatch(text, current.end, start) if current is not None else None
        town = mark["type"] in _TOWN or kind == "address"
        if current is not None and current.kind == "address" and town and gap is not None:
            current = Span("address", current.start, end)
            continue
        if current is not None:
            yield current
        current = Span(kind, start, end) if kind else None
    if current is not None:
        yield current


def varied(marked: Marked, values: Values) -> Tagged:
    """The text with other people and organisations in it."""
    parts: list[str] = []
    spans: list[Span] = []
    size = done = 0
    for span in marked.spans:
        old = marked.text[span.start : span.end]
        slot = span.kind if span.kind != "person" or " " in old else "first_name"
        value = old if span.kind == "address" else values(slot)
        before = marked.text[done : span.start]
        start = size + len(before)
        spans.append(Span(span.kind, start, start + len(value)))
        parts += (before, value)
        size, done = start + len(value), span.end
    return "".join([*parts, marked.text[done:]]), spans
