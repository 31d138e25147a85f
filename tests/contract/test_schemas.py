"""The exported JSON Schemas accept what the library writes and refuse what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from router_ml.contract import Execution, Outcome, RouteDecision, RouteRequest, json_schemas

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema (extra: test) checks the schemas")


def validator(name: str) -> Any:
    return jsonschema.Draft202012Validator(json_schemas()[name])


def test_the_public_models_export_valid_schemas() -> None:
    schemas = json_schemas()
    assert set(schemas) == {
        "route_request",
        "route_decision",
        "execution",
        "outcome",
        "approval",
        "output_check",
        "audit_event",
    }
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_a_decision_as_written_follows_its_schema(make_decision: Callable[..., RouteDecision]) -> None:
    """Consumers in other languages generate their types from it."""
    wire = json.loads(make_decision().to_json())
    validator("route_decision").validate(wire)
    for broken in ({**wire, "extra": 1}, {**wire, "propensity": 2}, {k: v for k, v in wire.items() if k != "seed"}):
        assert not validator("route_decision").is_valid(broken)


def test_request_execution_and_outcome_follow_theirs() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    validator("route_request").validate(json.loads(RouteRequest(text="hello").model_dump_json()))
    validator("execution").validate(json.loads(Execution(decision_id="d").model_dump_json()))
    validator("outcome").validate(json.loads(Outcome(decision_id="d", at=at).model_dump_json()))
    assert not validator("outcome").is_valid({"decision_id": "d", "at": at.isoformat(), "rated_probability": 0})


def test_words_that_python_reserves_appear_as_the_contract_names_them() -> None:
    text = json.dumps(json_schemas()["route_decision"])
    assert '"finally"' in text
    assert '"lambda"' in text
    assert "finally_" not in text
    assert "lambda_" not in text
