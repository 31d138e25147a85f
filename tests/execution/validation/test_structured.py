"""A lane is held to the shape of an answer as far as it can be, and models go in and come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from router_ml import Router
from router_ml.config import Lane
from router_ml.contract import Decoding, Execution, OutputContract, RouteDecision
from router_ml.errors import InvalidRequestError
from router_ml.execution.completion import Completion
from router_ml.execution.validation.strict import strict_schema
from router_ml.execution.validation.structured import contract_of, decoding_for, errors_of_model, held_to_shape, parsed


class Line(BaseModel):
    sku: str
    count: int


class Order(BaseModel):
    lines: list[Line]
    note: str | None


@pytest.fixture
def lane(router: Router) -> Lane:
    return router.config.lanes["openai"]


@pytest.fixture
def plain(lane: Lane) -> Lane:
    return lane.model_copy(update={"capabilities": ()})


def _format(lane: Lane, contract: OutputContract, **fields: Any) -> Any:
    return decoding_for(lane, Decoding(**fields), contract).response_format


def test_a_model_becomes_a_strict_schema(lane: Lane) -> None:
    contract = contract_of(Order)
    said = _format(lane, contract)["json_schema"]
    assert (contract.name, said["name"], said["strict"]) == ("Order", "Order", True)
    assert said["schema"]["additionalProperties"] is False
    assert said["schema"]["$defs"]["Line"]["required"] == ["sku", "count"]
    assert held_to_shape(lane, contract)


def test_limits_that_a_strict_mode_does_not_know_are_said_in_words(lane: Lane) -> None:
    fields: dict[str, Any] = {"age": {"type": "integer"}}
    schema = {"type": "object", "properties": fields, "required": ["age"], "additionalProperties": False}
    assert held_to_shape(lane, OutputContract(type="json", schema=schema))
    fields["age"]["minimum"] = 18
    assert not held_to_shape(lane, OutputContract(type="json", schema=schema))


def test_what_the_strict_schema_lets_through_the_schema_does() -> None:
    """It may say less of a value, never let a lane leave out what has to be there."""
    schema = contract_of(Order).schema
    assert schema is not None
    strict = strict_schema(schema)
    for value in ({"lines": [], "note": None}, {"lines": [{"sku": "a", "count": 1}], "note": "x"}):
        jsonschema.validate(value, strict)
        jsonschema.validate(value, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"lines": []}, strict)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"type": "object", "properties": {"a": {}}, "required": ["a"]},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": True},
        {"type": "object", "properties": {"a": {"oneOf": [{"type": "string"}]}}, "required": ["a"]},
        {"type": "array", "items": {"type": "string"}},
    ],
)
def test_a_schema_without_a_strict_form_is_sent_as_it_is(schema: dict[str, Any], lane: Lane) -> None:
    said = _format(lane, OutputContract(name="my contract!", type="json", schema=schema))["json_schema"]
    assert said == {"name": "my_contract_", "schema": schema, "strict": False}


def test_a_label_is_an_enumeration(lane: Lane, plain: Lane) -> None:
    contract = OutputContract(type="label", labels=("a", "b"))
    assert _format(lane, contract)["json_schema"]["schema"]["properties"]["label"]["enum"] == ["a", "b"]
    assert _format(plain, contract) is None
    assert not held_to_shape(plain, contract)


def test_a_lane_that_takes_no_schema_gets_json_mode_for_objects_alone(plain: Lane) -> None:
    assert _format(plain, contract_of(Order)) == {"type": "json_object"}
    assert _format(plain, OutputContract(type="json", schema={"type": "array"})) is None


def test_the_format_of_another_lane_does_not_stay(plain: Lane) -> None:
    """The plan was made for the first lane; the next may know nothing of its response format."""
    left = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
    assert _format(plain, OutputContract(), response_format=left) is None
    kept = decoding_for(plain, Decoding(temperature=0.2, stop=("x",), response_format=left), OutputContract())
    assert (kept.temperature, kept.stop) == (0.2, ("x",))


def test_a_format_of_the_lane_itself_stays(plain: Lane) -> None:
    own = plain.model_copy(update={"decoding": Decoding(response_format={"type": "text"})})
    assert _format(own, OutputContract()) == {"type": "text"}


def test_a_value_comes_back_as_the_model() -> None:
    value = {"lines": [{"sku": "a", "count": 2}], "note": None}
    assert parsed(Order, value) == Order(lines=[Line(sku="a", count=2)], note=None)
    assert errors_of_model(Order, value) == ()


def test_a_completion_is_read_as_a_model(make_decision: Callable[..., RouteDecision]) -> None:
    execution = Execution(decision_id="dec-1")
    value = {"lines": [], "note": "x"}
    assert Completion("answered", "{}", make_decision(), execution, value=value).parse(Order).note == "x"
    with pytest.raises(InvalidRequestError, match="no Order"):
        Completion("static_answer", "Later.", make_decision(), execution).parse(Order)


def test_a_value_that_does_not_fit_names_fields_of_the_model_alone() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parsed(Order, {"lines": [{"sku": "a", "count": "zqx"}], "note": None})
    assert "$.lines[0].count" in str(caught.value)
    assert "zqx" not in str(caught.value)


def test_a_model_that_json_cannot_hold_is_an_error() -> None:
    class Odd(BaseModel):
        how: Callable[[], int]

    with pytest.raises(InvalidRequestError, match="no JSON Schema"):
        contract_of(Odd)
