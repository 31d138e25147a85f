"""The contracts that ship: each is valid, none changes under its version, and money is paid back once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router_ml.config.tool_files import read_contracts, read_tool_file
from router_ml.contract import RouteDecision, ToolCall
from router_ml.errors import InvalidRequestError
from router_ml.execution.tools.http import http_tools
from router_ml.execution.tools.releases import freeze, read_released, standing
from router_ml.execution.tools.toolbox import ConfiguredTools
from tests.execution.tool_cases import FOLDER, asked, config_of, quick
from tests.execution.tool_servers import Service, serving

FILES = sorted(FOLDER.glob("*.yaml"))
Decisions = Callable[..., RouteDecision]


def test_there_is_a_contract_for_each_kind_of_system() -> None:
    names = ["code", "github", "postgres", "salesforce", "search", "servicenow", "stripe"]
    assert [path.stem for path in FILES] == names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_contract_is_valid_and_says_where_each_argument_goes(path: Path) -> None:
    assert read_tool_file(path).contract == path.stem
    ConfiguredTools(config_of(path.stem), {})  # valid JSON Schema
    for name, tool in read_contracts(path).items():
        assert tool.description, name
        assert tool.parameters["additionalProperties"] is False
        properties: Any = tool.parameters["properties"]
        assert set(tool.parameters["required"]) <= properties.keys()  # type: ignore[arg-type]
        if tool.http is None:
            continue
        assert set(tool.http.query) <= properties.keys(), name
        placed = {part.split("}")[0] for part in tool.http.path.split("{")[1:]}
        assert placed <= set(tool.parameters["required"]), name  # type: ignore[arg-type]
        assert (tool.effect == "read") == (tool.http.method == "GET"), name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_contract_changes_under_a_version_that_was_released(path: Path) -> None:
    """After a change: raise the version, then ``router-ml tools freeze data/tools/released.json data/tools/*.yaml``."""
    found = standing(read_released(FOLDER / "released.json"), path)
    assert found.state == "released", found.changes.changes


def test_a_change_without_a_new_version_is_found_and_not_kept(tmp_path: Path) -> None:
    path, kept = tmp_path / "stripe.yaml", tmp_path / "released.json"
    text = (FOLDER / "stripe.yaml").read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    assert [each.state for each in freeze(kept, [path])] == ["new"]
    before = kept.read_bytes()
    narrower = text.replace("[duplicate, fraudulent, requested_by_customer]", "[duplicate, fraudulent]")
    for changed in (
        narrower,
        narrower.replace("1.0.0", "1.1.0"),
        text.replace("path: /v1/refunds,", "path: /v2/refunds,"),
    ):
        path.write_text(changed, encoding="utf-8")
        assert standing(read_released(kept), path).state == "broken"
        with pytest.raises(InvalidRequestError, match="changes of stripe"):
            freeze(kept, [path])
        assert kept.read_bytes() == before
    path.write_text(narrower.replace("1.0.0", "2.0.0"), encoding="utf-8")
    assert [(each.state, each.since) for each in freeze(kept, [path])] == [("new", "1.0.0")]
    assert list(read_released(kept).contracts["stripe"]) == ["1.0.0", "2.0.0"]


REFUND = {"payment_intent": "pi_8812", "amount": 500, "reason": "duplicate"}


def refunds(service: Service, **changed: Any) -> ConfiguredTools:
    contracts = read_contracts(FOLDER / "stripe.yaml")
    config = config_of("stripe", refund_create={"timeout_ms": 250, **changed})
    return ConfiguredTools(config, http_tools(contracts, base_url=service.url), attempts=quick(retries=8))


def decided(make_decision: Decisions, decision_id: str = "dec-1", *names: str) -> RouteDecision:
    tools = [{"name": name, "version": "1.0.0", "effect": "write"} for name in names or ("refund_create",)]
    return make_decision(decision_id=decision_id, tools=tools)


async def pay(box: ConfiguredTools, decision: RouteDecision, **more: Any) -> ToolCall:
    given = {**REFUND, **more}
    return await asked(box, decision, "refund_create", given, allowed=["refund_create"], approval_id="apr_1")


@pytest.mark.parametrize("faults", [[], [503], ["slow"], ["drop"], ["slow", "drop"], [500, "slow"], [429, 503]])
def test_a_refund_is_paid_once_whatever_fails_on_the_way(make_decision: Decisions, faults: list[int | str]) -> None:
    with serving(Service(faults=list(faults))) as service:
        box = refunds(service)
        call: Any = asyncio.run(pay(box, decided(make_decision)))
    assert (call.status, call.result["id"]) == ("done", "re_1")
    assert call.attempts > len(faults)
    assert [done["amount"] for done in service.done] == ["500"]
    assert {seen.headers["Idempotency-Key"] for seen in service.seen} == {call.key}


@pytest.mark.parametrize("faults", [["slow"], ["drop"], [500]])
def test_a_payment_service_without_keys_is_not_asked_twice(make_decision: Decisions, faults: list[int | str]) -> None:
    with serving(Service(faults=list(faults), honours_keys=False)) as service:
        box = refunds(service, idempotent=False)
        first, again = (asyncio.run(pay(box, decided(make_decision))) for _ in range(2))
    assert first.status in ("failed", "timeout")
    assert "unknown whether it was done" in str(first.error)
    assert (again.error, again.attempts) == (first.error, 0)
    assert len(service.seen) == 1


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    faults=st.lists(st.sampled_from([503, "slow", "drop", 429, 200]), max_size=6),
    orders=st.lists(st.integers(0, 2), min_size=1, max_size=8),
    keys=st.booleans(),
)
def test_no_refund_is_paid_twice_in_any_order_of_faults_and_concurrent_calls(
    make_decision: Decisions, faults: list[int | str], orders: list[int], keys: bool
) -> None:
    async def several(box: ConfiguredTools) -> list[ToolCall]:
        decisions = {order: decided(make_decision, f"dec-{order}") for order in orders}
        calls = (pay(box, decisions[order], payment_intent=f"pi_{order}") for order in orders)
        return await asyncio.gather(*calls)

    service = Service(faults=[fault for fault in faults if fault != 200], honours_keys=keys, slow_s=0.4)
    with serving(service):
        calls = asyncio.run(several(refunds(service, idempotent=keys)))
    paid = [done["payment_intent"] for done in service.done]
    assert len(paid) == len(set(paid))
    assert all(call.status in ("done", "failed", "timeout") for call in calls)
    done = {order for order, call in zip(orders, calls, strict=True) if call.status == "done"}
    assert {f"pi_{order}" for order in done} <= set(paid)  # what is said to be done was done


@pytest.mark.slow
def test_a_thousand_refunds_asked_for_twice_under_faults_are_each_paid_once(make_decision: Decisions) -> None:
    """A fifth of the answers fails; 50 requests at a time."""
    draw = random.Random(7)
    faults = [draw.choice([503, 429, "drop", "slow"]) if draw.random() < 0.2 else "none" for _ in range(3_000)]
    service = Service(faults=list(faults), slow_s=1.5)

    async def all_of_them(box: ConfiguredTools) -> list[ToolCall]:
        free = asyncio.Semaphore(50)

        async def one(number: int) -> ToolCall:
            async with free:
                return await pay(box, decided(make_decision, f"dec-{number}"), payment_intent=f"pi_{number}")

        return await asyncio.gather(*(one(number) for number in range(1_000) for _ in range(2)))

    with serving(service):
        calls = asyncio.run(all_of_them(refunds(service, timeout_ms=1_000)))
    paid = [done["payment_intent"] for done in service.done]
    assert len(paid) == len(set(paid)) == 1_000
    assert {call.status for call in calls} == {"done"}
    assert sum(call.attempts for call in calls) >= len(service.seen) > 1_100


def test_a_ticket_is_opened_read_and_changed(make_decision: Decisions) -> None:
    with serving(Service()) as service:
        contracts = read_contracts(FOLDER / "servicenow.yaml")
        box = ConfiguredTools(config_of("servicenow"), http_tools(contracts, base_url=service.url), attempts=quick())
        decision = decided(make_decision, "dec-1", *contracts)

        def ask(name: str, arguments: dict[str, Any], **more: Any) -> Any:
            return asyncio.run(asked(box, decision, name, arguments, allowed=list(contracts), **more))

        opened = ask("incident_create", {"short_description": "Refund of order 8812", "urgency": "2"})
        assert (opened.status, opened.result["result"]["number"]) == ("done", "INC0000001")
        assert ask("incident_create", {"short_description": "Refund of order 8812", "urgency": "2"}).attempts == 0
        number = opened.result["result"]["sys_id"]
        note = {"sys_id": number, "work_notes": "Paid back."}
        assert ask("incident_update", note).status == "waiting"
        assert ask("incident_update", note, approval_id="apr_1").status == "done"
        assert ask("incident_create", {"urgency": "4"}).status == "invalid_arguments"
    asked_for = [(seen.method, seen.path) for seen in service.seen]
    assert asked_for == [("POST", "/api/now/table/incident"), ("PATCH", f"/api/now/table/incident/{number}")]
