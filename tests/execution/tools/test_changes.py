"""A change of a contract asks for the version that says how much of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.config.tool_files import ToolContract
from router_ml.execution.tools.changes import Level, raised, tool_changes
from tests.execution.tool_cases import level, tool

Schema = dict[str, Any]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"effect": "read"}, {"effect": "write"}, "major"),
        ({"effect": "write"}, {"effect": "read"}, "minor"),
        ({"approval": False}, {"approval": True}, "major"),
        ({"approval": True}, {"approval": False}, "major"),
        ({"idempotent": True}, {"idempotent": False}, "major"),
        ({"idempotent": False}, {"idempotent": True}, "minor"),
        ({"boundary": "private"}, {"boundary": "vendor"}, "major"),
        ({"region": "eu"}, {"region": None}, "major"),
        ({"max_calls": None}, {"max_calls": 2}, "major"),
        ({"max_calls": 2}, {"max_calls": 3}, "minor"),
        ({"max_calls": 2}, {"max_calls": None}, "minor"),
        ({"timeout_ms": 1000}, {"timeout_ms": 2000}, "minor"),
        ({"description": "Pay"}, {"description": "Pay back"}, "patch"),
        ({}, {}, None),
    ],
)
def test_what_a_contract_says_beside_its_schemas_counts_too(old: Schema, new: Schema, expected: Level | None) -> None:
    assert level(tool(**old), tool(**new)) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"properties": {"id": {}}, "required": ["id"]}, {"properties": {"id": {}}}, "major"),
        ({"properties": {"id": {}}}, {}, "major"),
        ({"enum": ["paid"]}, {"enum": ["paid", "late"]}, "major"),
        ({"enum": ["paid", "late"]}, {"enum": ["paid"]}, "minor"),
        ({"type": "string"}, {"type": ["string", "null"]}, "major"),
        ({"properties": {}}, {"properties": {"id": {}}}, "minor"),
    ],
)
def test_results_break_their_readers_the_other_way_round(old: Schema, new: Schema, expected: Level) -> None:
    assert level(tool(result=old), tool(result=new)) == expected


HTTP = {"method": "POST", "path": "/v1/refunds", "query": ["dry"], "headers": {"tenant": "X-Tenant"}}


def contract(**changed: Any) -> ToolContract:
    properties = {name: {} for name in ("cents", "dry", "tenant", *changed.pop("more", ()))}
    http = changed.pop("http", {**HTTP, **changed})
    said = {"version": "1.4.2", "effect": "write", "parameters": {"properties": properties}, "http": http}
    return ToolContract.model_validate(said)


@pytest.mark.parametrize(
    ("changed", "where", "what"),
    [
        ({"path": "/v1/charges"}, "http.path", "/v1/refunds -> /v1/charges"),
        ({"method": "PUT"}, "http.method", "POST -> PUT"),
        ({"body": "form"}, "http.body", "json -> form"),
        ({"whole_body": "cents"}, "http.whole_body", "none -> cents"),
        ({"query": {"dry": "dry_run"}}, "http.dry", "query dry -> query dry_run"),
        ({"headers": {}}, "http.tenant", "header X-Tenant -> path or body"),
        ({"http": None}, "http", "no longer called over HTTP"),
    ],
)
def test_a_call_that_goes_elsewhere_is_a_major_change(changed: dict[str, Any], where: str, what: str) -> None:
    found = tool_changes({"pay": contract()}, {"pay": contract(**changed)})
    assert [(each.path, each.what, each.level) for each in found.changes] == [(where, what, "major")]
    assert not found.ok
    assert level(contract().as_tool(), contract(**changed)) is None  # a router.yaml says nothing of it


def test_a_new_argument_in_the_query_is_a_minor_change_and_names_in_short_are_no_change() -> None:
    assert level(contract(), contract(more=["tag"], query=["dry", "tag"])) == "minor"
    assert level(contract(), contract(query={"dry": "dry"})) is None


def test_a_tool_that_is_gone_breaks_and_a_new_one_does_not() -> None:
    both, one = {"pay": tool(), "read": tool()}, {"pay": tool()}
    gone = tool_changes(both, one)
    assert (gone.breaking, gone.ok) == (True, False)
    assert tool_changes(both, {"pay": tool(version="2.0.0")}).ok
    added = tool_changes(one, both)
    assert (added.breaking, added.ok, [change.level for change in added.changes]) == (False, True, ["minor"])


@pytest.mark.parametrize(
    ("old", "new", "ok"),
    [
        ("1.4.2", "1.5.0", True),
        ("1.4.2", "1.4.3", False),
        ("1", "2", True),
        ("1", "1.1", True),
        ("1.4", "1.4", False),
        ("2026-01", "2026-02", True),
        ("2026-01", "2026-01", False),
    ],
)
def test_a_minor_change_asks_for_a_minor_version(old: str, new: str, ok: bool) -> None:
    found = tool_changes({"pay": tool(version=old)}, {"pay": tool({"properties": {"a": {}}}, version=new)})
    assert found.ok == ok


def test_a_version_does_not_go_back() -> None:
    found = tool_changes({"pay": tool(version="1.4.2")}, {"pay": tool(version="1.4.1")})
    assert [str(each) for each in found.verdicts] == ["pay: 1.4.1 is below 1.4.2"]


@given(st.tuples(*(st.integers(0, 99),) * 3), st.sampled_from(["major", "minor", "patch"]))
def test_the_next_version_is_higher(parts: tuple[int, int, int], step: Level) -> None:
    after = tuple(int(part) for part in raised(".".join(map(str, parts)), step).split("."))
    assert after > parts
