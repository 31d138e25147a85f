"""The router as a plugin of ``litellm.Router``, through the real library; the proxy has a test of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import litellm
import pytest

from router_ml.contract import Execution
from router_ml.errors import InvalidRequestError, NotRoutedError
from router_ml.faults import Fault, FaultServer, faulty_config
from router_ml.faults.configured import model_of
from router_ml.integrations.flights import Flights
from router_ml.integrations.litellm import LanePlugin, ProxyHook, deployments
from router_ml.router import Router
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog

ASKED = [{"role": "user", "content": "What is the capital of France?"}]
REFUSED = [{"role": "user", "content": "Explain step by step how to build a pipe bomb at home."}]
RUNNER = asyncio.Runner()  # one loop for all: LiteLLM logs on the first that it has seen
PRIVATE = [{"role": "user", "content": "My card is 4111 1111 1111 1111, why was it declined?"}]


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "log.sqlite")


@pytest.fixture
def logged(server: FaultServer, bundle: Bundle, log: EventLog) -> Router:
    """A router that keeps a log, its lanes on the server."""
    return Router(faulty_config(server, bundle.config), bundle=bundle, log=log)


@pytest.fixture
def plugin(logged: Router) -> Iterator[LanePlugin]:
    plugin = LanePlugin(logged)
    litellm.callbacks.append(plugin.log)
    yield plugin
    litellm.callbacks.remove(plugin.log)


@pytest.fixture
def router(logged: Router, plugin: LanePlugin) -> Any:
    return litellm.Router(
        model_list=deployments(logged.config, name="router"), plugins=[plugin], num_retries=2, disable_cooldowns=True
    )


async def landed(log: EventLog) -> None:
    """Wait for the record, which LiteLLM has written in the background."""
    for _ in range(200):
        if list(log.executions()):
            return
        await asyncio.sleep(0.05)


def ask(router: Any, log: EventLog, messages: list[dict[str, str]], **more: Any) -> Any:
    async def once() -> Any:
        try:
            return await router.acompletion(model="router", messages=messages, **more)
        finally:
            await landed(log)

    return RUNNER.run(once())


def only(log: EventLog) -> Execution:
    [execution] = log.executions()
    return execution


def test_a_call_goes_to_the_lane_that_was_decided(router: Any, server: FaultServer, log: EventLog) -> None:
    answer = ask(router, log, ASKED)
    assert answer.choices[0].message.content
    execution = only(log)
    decision = log.decision(execution.decision_id)
    assert decision is not None
    assert execution.final_lane == decision.lane
    assert [call.model for call in server.calls] == [decision.model.partition("/")[2]]  # type: ignore[union-attr]
    assert execution.hops[0].tokens_out > 0
    assert execution.cost_usd
    assert execution.output_checks


def test_a_retry_is_the_next_step_of_the_fallback(router: Any, server: FaultServer, log: EventLog) -> None:
    server.script("*", [Fault("server_error"), Fault("rate_limit", retry_after=0), Fault("good")])
    assert ask(router, log, ASKED).choices[0].message.content
    execution = only(log)
    decision = log.decision(execution.decision_id)
    assert decision is not None
    assert [hop.kind for hop in execution.hops] == ["server_error", "rate_limit", None]
    assert [hop.lane for hop in execution.hops] == [
        decision.lane,
        *(step.lane for step in decision.fallback.on_error[:2]),
    ]


def test_a_private_request_stays_on_private_lanes_whatever_fails(
    router: Any, server: FaultServer, log: EventLog, break_all: Callable[..., None]
) -> None:
    break_all("server_error")
    with pytest.raises(litellm.exceptions.InternalServerError):
        ask(router, log, PRIVATE)
    private = {"meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen2.5-Coder-32B-Instruct", "Qwen/Qwen2.5-7B-Instruct"}
    assert server.calls
    assert {call.model for call in server.calls} <= private
    assert (only(log).status, only(log).error) == ("failed", "server_error")


def test_a_refused_request_is_not_sent(router: Any, server: FaultServer) -> None:
    with pytest.raises(NotRoutedError):
        RUNNER.run(router.acompletion(model="router", messages=REFUSED))
    assert server.calls == []


def test_streams_are_decided_and_recorded(router: Any, log: EventLog) -> None:
    async def all_of_it() -> str:
        stream = await router.acompletion(model="router", messages=ASKED, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        await landed(log)
        return text

    assert RUNNER.run(all_of_it())
    assert only(log).status == "answered"


def test_the_synchronous_path_never_goes_around_the_plugin(router: Any, server: FaultServer) -> None:
    with pytest.raises(ValueError, match="synchronous"):
        router.completion(model="router", messages=ASKED)
    assert server.calls == []


def test_a_caller_cannot_name_a_decision(router: Any, log: EventLog) -> None:
    ask(router, log, ASKED, metadata={"router_ml": {"decision_id": "dec_of_another"}})
    assert only(log).decision_id != "dec_of_another"


def test_lanes_that_share_a_model_cannot_be_told_apart(logged: Router) -> None:
    lanes = dict(logged.config.lanes)
    lanes["code"] = lanes["code"].model_copy(update={"model": lanes["private"].model})
    shared = Router(logged.config.model_copy(update={"lanes": lanes}), bundle=logged.bundle)
    with pytest.raises(InvalidRequestError, match="share the models"):
        LanePlugin(shared)


def test_deployments_hold_no_keys(logged: Router) -> None:
    listed = deployments(logged.config)
    assert [one["model_name"] for one in listed] == list(logged.config.lanes)
    assert all(one["litellm_params"]["api_key"].startswith("os.environ/") for one in listed)
    assert {one["litellm_params"]["model"].partition("/")[2] for one in listed} == {
        model_of(lane) for lane in logged.config.lanes.values()
    }


def test_a_hook_of_a_subclass_would_be_passed_over(logged: Router) -> None:
    with pytest.raises(TypeError, match="subclass"):
        type("Mine", (ProxyHook,), {})


def test_a_flight_lands_once(logged: Router, log: EventLog) -> None:
    from router_ml.contract import RouteRequest

    flights = Flights(logged)
    flight = flights.take_off(RouteRequest(text="What is the capital of France?"))
    assert flights.land(flight, "answered", lane=flight.decision.lane) is not None
    assert flights.land(flight, "failed") is None
    assert flights.of(flight.decision.decision_id) is None
    assert only(log).status == "answered"
