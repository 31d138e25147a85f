"""A cascade calls no more than it needs, tells of every call, and never calls what may not be called any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from router_ml.config.cascades import Cascade
from router_ml.contract import Decoding, FailureKind, OutputContract
from router_ml.execution.cascade import Cascaded, PartCall, mark_of, run_cascade
from router_ml.execution.lanes.calls import LaneCall
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.reply import Piece, Reply, ToolRequest
from router_ml.execution.validation.checking import check

Answer = Reply | FailureKind
JSON = OutputContract(name="json", type="json", schema={"type": "object", "required": ["a"]})
TEXT = OutputContract(name="text")
REQUEST = LaneCall("both", ({"role": "user", "content": "how far is the moon"},), Decoding(max_tokens=50), 10.0)


@dataclass
class Scripted:
    """Lanes that say what they are told to, and how long it took on a clock of their own."""

    answers: dict[str, Answer]
    seconds: float = 0.0
    now: float = 0.0
    calls: list[LaneCall] = field(default_factory=list)

    async def call(self, call: LaneCall) -> Reply:
        self.calls.append(call)
        self.now += self.seconds
        found = self.answers[call.lane]
        if isinstance(found, Reply):
            return found
        raise LaneFailure(found)

    async def stream(self, call: LaneCall) -> AsyncIterator[Piece]:
        yield Piece(reply=await self.call(call))


def run(
    lanes: Scripted,
    *,
    how: str = "validation",
    contract: OutputContract = TEXT,
    may: Callable[[str], bool] = lambda lane: True,
    **fields: Any,
) -> tuple[Cascaded | FailureKind, list[PartCall]]:
    """What came of it, and the calls that were told of."""
    told: list[PartCall] = []

    async def allowed(lane: str, reads: str) -> bool:
        return may(lane)

    made = Cascade(draft="small", final="large", check=how, **fields)
    work = run_cascade(
        made,
        REQUEST,
        lanes,
        check=lambda reply: check(contract, reply),
        told=told.append,
        may=allowed,
        clock=lambda: lanes.now,
    )
    try:
        return asyncio.run(work), told
    except LaneFailure as failure:
        return failure.kind, told


def said(told: list[PartCall]) -> list[tuple[str, str, str | None]]:
    return [(call.lane, call.purpose, call.kind) for call in told]


def test_a_draft_that_keeps_its_contract_is_the_answer() -> None:
    found, told = run(Scripted({"small": Reply('{"a": 1}')}), contract=JSON)
    assert isinstance(found, Cascaded)
    assert (found.lane, found.accepted) == ("small", True)
    assert said(told) == [("small", "draft", None)]


@pytest.mark.parametrize(
    ("draft", "kind"),
    [
        (Reply("no json"), "schema"),
        (Reply("", stop="refusal"), "refusal"),
        (Reply('{"a": 1', stop="length"), "truncated"),
        ("timeout", "timeout"),
        ("rate_limit", "rate_limit"),
    ],
)
def test_any_other_draft_leads_to_the_final_lane(draft: Answer, kind: str) -> None:
    found, told = run(Scripted({"small": draft, "large": Reply('{"a": 2}')}), contract=JSON)
    assert isinstance(found, Cascaded)
    assert (found.lane, found.accepted, found.reply.text) == ("large", False, '{"a": 2}')
    assert said(told) == [("small", "draft", kind), ("large", "answer", None)]


@pytest.mark.parametrize(
    ("verdict", "accepted"),
    [(Reply("0.9"), True), (Reply("0.4"), False), (Reply("fine"), False), (Reply(""), False), ("server_error", False)],
)
def test_a_judge_has_to_say_a_mark_that_is_high_enough(verdict: Answer, accepted: bool) -> None:
    """A judge that fails or says something else has not agreed."""
    lanes = Scripted({"small": Reply("384,400 km"), "judge": verdict, "large": Reply("about 384,000 km")})
    found, told = run(lanes, how="judge")
    assert isinstance(found, Cascaded)
    assert found.accepted is accepted
    assert [call.purpose for call in told] == ["draft", "check", *([] if accepted else ["answer"])]


def test_a_lane_that_is_asked_how_sure_it_is_judges_itself() -> None:
    lanes = Scripted({"small": Reply("0.95")})
    found, told = run(lanes, how="confidence")
    assert isinstance(found, Cascaded)
    assert said(told) == [("small", "draft", None), ("small", "check", None)]
    judged = lanes.calls[1]
    assert (judged.decoding.max_tokens, judged.tools) == (8, ())
    assert "how far is the moon" in str(judged.messages[-1]["content"])


def test_a_draft_that_asks_for_a_tool_is_passed_on() -> None:
    wants = Reply(tool_requests=(ToolRequest("1", "search", "{}"),), stop="tools")
    found, told = run(Scripted({"small": wants}), how="judge")
    assert isinstance(found, Cascaded)
    assert (found.reply, said(told)) == (wants, [("small", "draft", None)])


@pytest.mark.parametrize("gone", ["small", "judge", "large"])
def test_a_part_that_may_not_be_called_is_not_called(gone: str) -> None:
    lanes = Scripted({"small": Reply("x"), "judge": Reply("0.1"), "large": Reply("y")})
    found, told = run(lanes, how="judge", may=lambda lane: lane != gone)
    assert gone not in [call.lane for call in lanes.calls]
    assert (gone, "not_allowed") in [(call.lane, call.kind) for call in told]
    assert found == "not_allowed" if gone == "large" else isinstance(found, Cascaded)


def test_all_parts_share_one_timeout() -> None:
    lanes = Scripted({"small": Reply("x"), "judge": Reply("0.1"), "large": Reply("y")}, seconds=4.0)
    found, told = run(lanes, how="judge")
    assert isinstance(found, Cascaded)
    assert [call.timeout_s for call in lanes.calls] == [10.0, 6.0, 2.0]
    slow = Scripted({"small": Reply("x"), "judge": Reply("0.1"), "large": Reply("y")}, seconds=6.0)
    found, told = run(slow, how="judge")
    assert (found, told[-1].kind, len(slow.calls)) == ("timeout", "timeout", 2)


def test_a_final_answer_that_breaks_its_contract_is_handed_on_to_be_repaired() -> None:
    found, told = run(Scripted({"small": Reply("no"), "large": Reply("neither")}), contract=JSON)
    assert isinstance(found, Cascaded)
    assert told[-1].kind == "schema"


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("1", 1.0),
        (" 0.30\n", 0.3),
        ("85 %", 0.85),
        ("2", None),
        ("0.5 or 0.6", None),
        ("", None),
        ("-0.5", 0.5),
        ("200%", None),
    ],
)
def test_a_mark_is_one_number_between_0_and_1(text: str, mark: float | None) -> None:
    assert mark_of(text) == mark
