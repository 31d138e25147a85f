"""Entities of a request as findings of its scan: a hit where they are private facts, else recorded only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from router_ml.contract import Finding, Risk, RouteRequest
from router_ml.contract.base import walk_strings
from router_ml.contract.request import Message
from router_ml.guardrails.digests import digest
from router_ml.guardrails.entities import Entity
from router_ml.guardrails.scan import Scan
from router_ml.guardrails.tagging.private_facts import judge

VIEW = "entities"


def with_entities(
    scanned: Scan, request: RouteRequest, tagged: Mapping[str, Sequence[Entity]], *, key: bytes | None = None
) -> Scan:
    """A scan with the entities of a request's texts added: hard ones are hits, soft ones are recorded only.

    Args:
        tagged: entities by text, as far as texts were tagged. Of a text that occurs twice, the first place is named.
        key: for digests of the entities; without it there are none.
    """
    if not any(tagged.values()):
        return scanned
    added: list[Finding] = []
    for text, pieces in _places(request, tagged):
        found = [
            (start + f.start, start + f.end)
            for part, start, _ in pieces
            for f in scanned.findings
            if _is_raw_pii(f, part)
        ]
        for entity, hard in judge(text, tagged[text], found):
            if any(start < entity.end and entity.start < end for start, end in found):
                continue  # the name in an address of mail is not another finding
            part, start, end = next(piece for piece in reversed(pieces) if piece[1] <= entity.start)
            place = entity.start - start, min(entity.end, end) - start
            known_by = digest(entity.kind, text[entity.start : entity.end], key)
            added.append(
                Finding(
                    type=entity.kind, part=part, start=place[0], end=place[1], view=VIEW, hard=hard, digest=known_by
                )
            )
    if not any(finding.hard for finding in added):
        return replace(scanned, findings=(*scanned.findings, *added))
    known = any(risk.name == "pii" for risk in scanned.risks)
    return replace(
        scanned,
        state="unknown" if scanned.state == "unknown" else "hit",
        findings=(*scanned.findings, *added),
        risks=scanned.risks if known else (*scanned.risks, Risk(name="pii", probability=1.0, source="rule")),
    )


def _is_raw_pii(finding: Finding, part: str) -> bool:
    return finding.part == part and finding.view == "raw" and finding.hard and finding.type != "ip_address"


def _places(
    request: RouteRequest, tagged: Mapping[str, Sequence[Entity]]
) -> Iterator[tuple[str, list[tuple[str, int, int]]]]:
    """Each tagged text, and the parts that it is made of, as name, first and last character."""
    left = {text for text, entities in tagged.items() if entities}
    for part, text in request.strings():
        if text in left:
            left.discard(text)
            yield text, [(part, 0, len(text))]
    for index, message in enumerate(request.messages):
        if left and message.text in left:  # several content parts, read as one text
            left.discard(message.text)
            yield message.text, list(_content_parts(message, f"messages[{index}]"))


def _content_parts(message: Message, name: str) -> Iterator[tuple[str, int, int]]:
    start = 0
    paths = list(walk_strings(message.model_dump(exclude={"role"}), name))
    for piece in message.content if isinstance(message.content, list) else ():
        text = piece.get("text") if isinstance(piece, dict) else piece
        if not isinstance(text, str):
            continue
        part = next((path for path, string in paths if string == text), name)
        yield part, start, start + len(text)
        start += len(text) + 1
