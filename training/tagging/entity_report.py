"""What guardrails pin with the entity tagger, beside patterns alone: recall, precision, what clean requests trigger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from router_ml.contract import RouteRequest
from router_ml.guardrails.entities import Entity
from router_ml.guardrails.scan import scan
from router_ml.guardrails.tagging.entity_findings import with_entities
from training import corpus
from training.tagging import public_spans
from training.tagging.values import ROOT

T = TypeVar("T")
Tag = Callable[[Sequence[str]], list[tuple[Entity, ...]]]
MAX_BYTES = 262_144
NAME = "PERSON"
DIRECT = frozenset(
    {"PERSON", "STREET_ADDRESS", "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "US_SSN", "IBAN_CODE", "ZIP_CODE"}
    | {"US_DRIVER_LICENSE", "IP_ADDRESS"}
)


@dataclass(frozen=True)
class Pinned:
    """What became of one request: by patterns alone, with entities, and whether a name was seen at all."""

    patterns: bool
    entities: bool
    named: bool


def pinned(texts: Sequence[str], tag: Tag) -> list[Pinned]:
    """Whether each text counts as personal data."""
    found = []
    for text, entities in zip(texts, tag(texts), strict=True):
        request = RouteRequest(text=text)
        scanned = scan(request, max_bytes=MAX_BYTES)
        whole = with_entities(scanned, request, {text: entities})
        before, after = (any(risk.name == "pii" for risk in one.risks) for one in (scanned, whole))
        found.append(Pinned(before, after, after or any(entity.kind == "person" for entity in entities)))
    return found


def measure(tag: Tag, *, public: Path | None) -> dict[str, Mapping[str, float]]:
    """All tables, by what they are about."""
    rows = [row for row in corpus.load([ROOT / "data" / "corpus" / "heldout.jsonl"]) if row.text.strip()]
    private = [row.text for row in rows if "pii" in row.risks]
    clean = [row.text for row in rows if not {"pii", "secrets"} & set(row.risks)]
    found: dict[str, Mapping[str, float]] = {
        "corpus heldout, with personal data": _shares(pinned(private, tag)),
        "corpus heldout, without": _shares(pinned(clean, tag)),
    }
    if public is not None:
        found |= _public(tag, public)
    return found


def _public(tag: Tag, folder: Path) -> dict[str, Mapping[str, float]]:
    import pandas as pd

    marked = public_spans.load(folder, held_out=True)
    result = pinned([one.text for one in marked], tag)
    alone = [one.direct and one.types & DIRECT <= {NAME} for one in marked]
    beyond = [not name for name in alone]
    prompts = [str(prompt) for prompt in pd.read_parquet(folder / "prompts_general.parquet")["prompt"]]
    return {
        "pii_spans heldout, direct": _quality(result, [one.direct for one in marked]),
        "pii_spans heldout, more than a name": _quality(
            _only(result, beyond), _only([one.direct for one in marked], beyond)
        ),
        "pii_spans heldout, a name alone": _shares(_only(result, alone)),
        "prompts_general": _shares(pinned([prompt for prompt in prompts if prompt.strip()], tag)),
    }


def _only(values: Iterable[T], wanted: Iterable[bool]) -> list[T]:
    return [value for value, one in zip(values, wanted, strict=True) if one]


def _shares(result: Sequence[Pinned]) -> dict[str, float]:
    count = max(len(result), 1)
    return {
        "rows": len(result),
        "patterns": round(sum(one.patterns for one in result) / count, 4),
        "with entities": round(sum(one.entities for one in result) / count, 4),
        "or named": round(sum(one.named for one in result) / count, 4),
    }


def _quality(result: Sequence[Pinned], truth: Sequence[bool]) -> dict[str, float]:
    found: dict[str, float] = {"rows": len(result), "private": sum(truth)}
    for name in ("patterns", "entities", "named"):
        said = [bool(getattr(one, name)) for one in result]
        right = sum(a and b for a, b in zip(said, truth, strict=True))
        found |= {f"recall, {name}": round(right / max(sum(truth), 1), 4)}
        found |= {f"precision, {name}": round(right / max(sum(said), 1), 4)}
    return found
