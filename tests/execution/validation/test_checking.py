"""An answer that breaks its contract is never passed as success."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from router_ml import Router
from router_ml.contract import OutputContract, RouteDecision
from router_ml.errors import InvalidRequestError
from router_ml.execution.lanes.reply import Reply
from router_ml.execution.validation.checking import check, instructions, repair, to_scan
from router_ml.execution.validation.refusals import is_refusal
from router_ml.execution.validation.structured import parsed

ORDER = {
    "type": "object",
    "properties": {"total": {"type": "integer", "minimum": 1}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["total"],
    "additionalProperties": False,
}


def _json(schema: dict[str, Any], text: str, **more: Any) -> Any:
    return check(OutputContract(type="json", schema=schema, **more), Reply(text=text))


class Order(BaseModel):
    total: int

    @field_validator("total")
    @classmethod
    def _is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError(f"{value} is odd")
        return value


def test_validators_of_a_model_count_too_and_their_words_are_not_repeated() -> None:
    contract = OutputContract(type="json", schema=Order.model_json_schema())
    assert check(contract, Reply(text='{"total": 4}'), model=Order).value == {"total": 4}
    assert check(contract, Reply(text='{"total": 77}'), model=Order).errors == ("$.total: breaks value_error",)


class Broken(BaseModel):
    total: int

    @field_validator("total")
    @classmethod
    def _looks_up(cls, value: int) -> int:
        return {1: 1}[value]


def test_whatever_a_validator_of_a_model_raises_fails_the_answer() -> None:
    contract = OutputContract(type="json", schema=Broken.model_json_schema())
    found = check(contract, Reply(text='{"total": 77}'), model=Broken)
    assert found.errors == ("$: breaks a validator of the model, which raised KeyError",)
    with pytest.raises(InvalidRequestError, match="KeyError") as raised:
        parsed(Broken, {"total": 77})
    assert "77" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    ["billing", " Billing.", '"BILLING"', "**billing**", "Label: billing", '{"label": "billing"}', "```\nbilling\n```"],
)
def test_a_label_is_recognised_however_it_is_dressed(text: str) -> None:
    assert check(OutputContract(type="label", labels=("Tech", "billing")), Reply(text=text)).value == "billing"
    enum = {"type": "string", "enum": ["Tech", "billing"]}
    assert check(OutputContract(type="label", schema=enum), Reply(text=text)).value == "billing"


def test_a_label_of_signs_alone_stands_as_it_is() -> None:
    contract = OutputContract(type="label", labels=(":)", "..."))
    assert [check(contract, Reply(text=text)).value for text in (":)", " ...\n", '"..."')] == [":)", "...", "..."]
    assert [check(contract, Reply(text=text)).kind for text in ("()", "!", "..")] == ["schema"] * 3


@pytest.mark.parametrize("text", ["billing or tech", "It is not billing", "billings", "billing, tech", "unknown", "{}"])
def test_what_is_not_exactly_one_label_fails(text: str) -> None:
    assert check(OutputContract(type="label", labels=("tech", "billing")), Reply(text=text)).kind == "schema"


@pytest.mark.parametrize(
    "text",
    [
        '{"a": {"Salary": 3}}',
        '{"a": "{\\"salary\\": 3}"}',
        '{"s\\u0061lary": 3}',
        'Here: {"x": [{"salary": 3}]} as asked',
        "{'salary': 3}",
    ],
)
def test_a_forbidden_field_is_found_at_any_depth_and_inside_text(text: str) -> None:
    found = check(OutputContract(forbidden=("salary",)), Reply(text=text))
    assert (found.kind, found.errors) == ("schema", ("has the field 'salary', which must not be in it",))


def test_the_word_alone_is_not_the_field() -> None:
    assert check(OutputContract(forbidden=("salary",)), Reply(text="Your salary: see {HR}.")).kind is None


@pytest.mark.parametrize("kind", ["text", "json", "label"])
@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(text="{}", refusal="No."), "refusal"),
        (Reply(text="{}", stop="refusal"), "refusal"),
        (Reply(text="{}", stop="filter"), "content_filter"),
        (Reply(text="{}", stop="length"), "truncated"),
        (Reply(text=" \u200b\n"), "empty"),
        (Reply(text="<think>hm</think>"), "empty"),
        (Reply(text="<think>hm"), "truncated"),
        (Reply(text="I'm sorry, but I can't help with that."), "refusal"),
    ],
)
def test_no_answer_is_never_an_answer_whatever_the_contract(kind: Any, reply: Reply, expected: str) -> None:
    assert check(OutputContract(type=kind), reply).kind == expected


def test_a_refusal_inside_json_is_a_refusal() -> None:
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
    assert _json(schema, '{"answer": "I cannot assist with that request."}').kind == "refusal"
    assert _json(schema, "I cannot assist with that request.").kind == "refusal"
    quoted = '{"from": "support", "said": "Sorry. I cannot assist with that request.", "closed": true}'
    assert _json(schema, quoted).kind is None  # what somebody else said


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"answer": "I can't help with that request.", "confidence": 0.0}, "refusal"),
        ({"answer": "I'm sorry, but I can't assist with that.", "sources": ["a#1"]}, "refusal"),
        ({"status": "refused", "message": "I cannot help with that request."}, "refusal"),
        ({"answer": "I'm sorry, but I can't assist with that.", "language": "English"}, "refusal"),
        ({"data": {"Answer": ["I can't help with that request."], "n": 1}}, "refusal"),
        ({"answer": ""}, "empty"),
        ({"answer": " \u200b", "confidence": 0, "citations": ["a#1"]}, "empty"),
        ({"answer": "", "reason": "The document does not say."}, None),
        ({"text": "I can't help with that request.", "sentiment": "negative"}, None),
        ({"answer": "Five days, as the mail says.", "said": "I can't help with that request."}, None),
        ({"total": 0, "note": ""}, None),
        ({"iban": ""}, None),
        ({"items": []}, None),
    ],
)
def test_an_object_of_several_fields_may_decline_or_say_nothing(value: dict[str, Any], kind: str | None) -> None:
    """What it quotes is not what it says: a good answer that is taken away is worse than a refusal that is seen."""
    assert _json({"type": "object"}, json.dumps(value)).kind == kind


@pytest.mark.parametrize("part", ["tuning", "held_out"])
def test_answers_that_look_like_refusals_are_answers(root: Path, part: str) -> None:
    """A false alarm takes an answer away from somebody; a refusal that is missed is at least plain to see."""
    texts = (root / "data" / "answers" / part / "answers.txt").read_text(encoding="utf-8").splitlines()
    assert len(texts) >= 30
    assert [text for text in texts if is_refusal(text)] == []


def test_refusals_are_recognised_in_many_languages(root: Path) -> None:
    texts = (root / "data" / "answers" / "tuning" / "refusals.txt").read_text(encoding="utf-8").splitlines()
    assert sum(map(is_refusal, texts)) >= 0.9 * len(texts)
    assert not is_refusal(texts[0] + " Here is what I can say." * 40)


def test_instructions_say_what_is_checked() -> None:
    assert instructions(OutputContract()) is None
    said = instructions(OutputContract(type="json", schema=ORDER, citations_required=True, forbidden=("salary",))) or ""
    assert json.dumps(ORDER) in said
    assert "square brackets" in said
    assert "salary" in said
    assert "a | b" in (instructions(OutputContract(type="label", labels=("a", "b"))) or "")


def test_a_repair_shows_the_answer_and_its_errors() -> None:
    contract, reply = OutputContract(type="json", schema=ORDER), Reply(text='{"tags": []}')
    said, asked = repair(reply, check(contract, reply), contract)
    assert (said["role"], said["content"], asked["role"]) == ("assistant", reply.text, "user")
    assert "misses 'total'" in str(asked["content"])
    assert [one["role"] for one in repair(Reply(), check(contract, Reply()), contract)] == ["user"]


def test_what_json_escapes_is_scanned_as_it_reads(router: Router, make_decision: Callable[..., RouteDecision]) -> None:
    """A mail address behind \\u escapes is one for whoever parses the answer."""
    address = "".join(f"\\u{ord(char):04x}" for char in "ann.lee@gmail.com")
    reply = Reply(text=f'{{"contact": "{address}"}}')
    checked = check(OutputContract(type="json", schema={"type": "object"}), reply)
    found = router.check_output(make_decision(), to_scan(reply, checked))
    assert ("email", "raw") in {(one.type, one.view) for one in found.findings if one.part.startswith("output.other")}
