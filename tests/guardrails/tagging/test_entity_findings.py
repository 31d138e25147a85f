"""Entities become findings of the right part: hard ones are hits, soft ones are recorded and change nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from router_ml.contract import RouteRequest
from router_ml.guardrails.entities import Entity
from router_ml.guardrails.scan import Scan, scan
from router_ml.guardrails.tagging.entity_findings import with_entities

HARD, SOFT = "Jane Doe was diagnosed.", "Jane Doe sings."


def scanned(request: RouteRequest, *texts: str) -> Scan:
    """A scan with Jane Doe tagged in each of the texts."""
    before = scan(request, max_bytes=100_000)
    tagged = {text: (Entity("person", text.index("Jane"), text.index("Jane") + 8, 0.9),) for text in texts}
    return with_entities(before, request, tagged)


def test_a_hard_entity_is_a_hit() -> None:
    found = scanned(RouteRequest(text=HARD), HARD)
    assert (found.state, [risk.name for risk in found.risks]) == ("hit", ["pii"])
    ((finding),) = found.findings
    assert (finding.type, finding.part, finding.start, finding.end, finding.hard) == ("person", "text", 0, 8, True)


def test_a_soft_entity_is_recorded_and_no_hit() -> None:
    found = scanned(RouteRequest(text=SOFT), SOFT)
    assert (found.state, found.risks) == ("clean", ())
    assert [(finding.type, finding.hard, finding.view) for finding in found.findings] == [("person", False, "entities")]


def test_nothing_tagged_leaves_the_scan_as_it_is() -> None:
    request = RouteRequest(text=SOFT)
    before = scan(request, max_bytes=100_000)
    assert with_entities(before, request, {SOFT: ()}) is before
    assert with_entities(before, request, {"another text": (Entity("person", 0, 3, 0.9),)}) == before


def test_an_incomplete_scan_stays_unknown() -> None:
    request = RouteRequest(text=HARD, metadata={"blob": "x" * 300})
    before = scan(request, max_bytes=100)
    found = with_entities(before, request, {HARD: (Entity("person", 0, 8, 0.9),)})
    assert found.state == "unknown"
    assert [risk.name for risk in found.risks] == ["pii"]


@pytest.mark.parametrize(
    ("fields", "part", "start"),
    [
        ({"messages": [{"role": "user", "content": "hi"}, {"role": "user", "content": HARD}]}, "messages[1]", 0),
        ({"text": "hi", "metadata": {"note": HARD}}, "metadata", 0),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": HARD}]}
                ]
            },
            "messages[0]",
            0,
        ),
    ],
    ids=["second message", "metadata", "second part of one message"],
)
def test_the_part_is_the_one_that_holds_the_name(fields: dict[str, Any], part: str, start: int) -> None:
    request = RouteRequest.parse(fields)
    text = HARD if "messages" not in fields else request.messages[-1].text
    (finding,) = scanned(request, text).findings
    value = dict(request.strings())[finding.part]
    assert finding.part.startswith(part)
    assert finding.start == start
    assert value[finding.start : finding.end] == "Jane Doe"
