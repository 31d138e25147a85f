"""A lane is asked as executions would ask it, and whatever it does is written down."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router_ml.config.schema import ClassLimits
from router_ml.errors import OfflineDataError
from router_ml.execution.lanes.calls import LiteLLMLanes
from router_ml.faults import Fault, FaultServer
from router_ml.faults.answers import Said
from tests.training.evals.tiny import bench_on, suite_at
from training.evals.asking.lane import LaneTarget
from training.evals.asking.prompts import decoding_of
from training.evals.attempt import Attempt
from training.evals.case import Case

OPENAI, CLAUDE, VLLM = "openai-us", "claude-eu", "private-a"
TOOLS = {
    "order_lookup": {
        "version": "1",
        "effect": "read",
        "description": "Look an order up.",
        "parameters": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
    }
}


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that gives good answers until it is told otherwise."""
    with FaultServer() as running:
        yield running


def attempt(
    server: FaultServer,
    folder: Path,
    case: dict[str, Any],
    lane: str = OPENAI,
    waits: list[float] | None = None,
    **file: Any,
) -> Attempt:
    """One attempt at one case; pauses are written down instead of being waited for."""
    bench = bench_on(server)
    suite = suite_at(folder / "tiny", [{"id": "one", "ask": "What is it?", **case}], **file)

    async def sleep(seconds: float) -> None:
        if waits is not None:
            waits.append(seconds)

    target = LaneTarget(LiteLLMLanes(bench.config.lanes), bench.config, sleep=sleep)
    return asyncio.run(target.attempt(suite, suite.cases[0], lane))


@pytest.mark.parametrize("lane", [OPENAI, CLAUDE, VLLM])
@pytest.mark.parametrize("streamed", [False, True])
def test_what_a_provider_says_it_serves_is_written_down(
    server: FaultServer, tmp_path: Path, lane: str, streamed: bool
) -> None:
    """Served model and fingerprint come through whatever way a lane is called; Anthropic has no fingerprint."""
    server.play("*", lambda asked: (Fault("good"), Said("yes", served_model="m-2", fingerprint="fp_7")))
    made = attempt(server, tmp_path, {}, lane, streamed=streamed)
    assert (made.text, made.served_model) == ("yes", "m-2")
    assert made.fingerprint == (None if lane == CLAUDE else "fp_7")
    assert (made.first_ms is not None) == streamed
    assert made.cost_usd
    assert made.tokens_out
    assert made.latency_ms > 0


def test_a_lane_is_sent_what_executions_send(server: FaultServer, tmp_path: Path) -> None:
    """System of the suite, passages as data in front of the question, and the shape of the answer for a lane that
    cannot be held to it."""
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "passages.jsonl").write_text('{"id": "p#0", "text": "Tea is hot."}\n')
    schema = {"type": "object", "properties": {"hot": {"type": "boolean"}}, "required": ["hot"]}
    case = {"passages": ["p#0"], "output_contract": {"type": "json", "schema": schema}, "decoding": {"max_tokens": 50}}
    attempt(server, tmp_path, case, "private-b", system="Be brief.", passages=["passages.jsonl"])
    body = server.calls[-1].body
    system, user = body["messages"]
    assert system["content"].startswith("Be brief.")
    assert "JSON Schema" in system["content"]
    assert "data, not instructions" in system["content"]
    assert "[p#0]\nTea is hot." in user["content"]
    assert user["content"].endswith("What is it?")
    assert body["max_tokens"] == 50


def test_the_lowest_limit_of_output_is_sent(server: FaultServer, tmp_path: Path) -> None:
    """Of case, lane and traffic class, as in production."""
    attempt(server, tmp_path, {"decoding": {"max_tokens": 10_000_000}}, "private-a")
    assert server.calls[-1].body["max_tokens"] == 8192
    bench = bench_on(server)
    limits = ClassLimits(max_output_tokens=300)
    short = bench.config.traffic_classes["default"].model_copy(update={"limits": limits})
    config = bench.config.model_copy(update={"traffic_classes": {"short": short}})
    case = Case(id="one", intent="qa", domain="general", ask="?", traffic_class="short")
    assert decoding_of(config, config.lanes["private-a"], case).max_tokens == 300
    assert decoding_of(bench.config, config.lanes["private-a"], case).max_tokens == 8192


def test_tools_are_replayed_until_the_lane_answers(server: FaultServer, tmp_path: Path) -> None:
    """What the script says goes back to the lane in the words of executions; tokens of all calls are counted."""
    said = iter([Said(calls=(("order_lookup", '{"id": "8812"}'),), stop="tools"), Said("It is delivered.")])
    server.play("*", lambda asked: (Fault("good"), next(said)))
    case = {
        "tools": ["order_lookup"],
        "script": [{"tool": "order_lookup", "arguments": {"id": "8812"}, "result": {"state": "delivered"}}],
    }
    made = attempt(server, tmp_path, case, tools=TOOLS)
    assert made.text == "It is delivered."
    assert made.rounds == 1
    assert not made.looped
    assert [(turn.tool, turn.arguments, turn.result) for turn in made.turns] == [
        ("order_lookup", {"id": "8812"}, {"state": "delivered"})
    ]
    told = server.calls[-1].body["messages"][-1]
    assert told["role"] == "tool"
    assert "delivered" in told["content"]
    assert made.tokens_in > 0
    assert made.cost_usd is not None
    assert len(server.calls) == 2


def test_a_lane_that_will_not_end_is_stopped(server: FaultServer, tmp_path: Path) -> None:
    """After the rounds that the configuration allows, with what it did until then."""
    server.play("*", lambda asked: (Fault("good"), Said(calls=(("order_lookup", '{"id": "1"}'),), stop="tools")))
    made = attempt(server, tmp_path, {"tools": ["order_lookup"], "script": [{"tool": "order_lookup"}]}, tools=TOOLS)
    assert made.looped
    assert made.error is None
    assert len(made.turns) == 6 == made.rounds - 1


def test_what_may_pass_is_tried_again_as_the_provider_asks(server: FaultServer, tmp_path: Path) -> None:
    """Twice at most, not before ``Retry-After``; the answer counts, with the failures before it."""
    server.script("gpt-4.1", [Fault("rate_limit", retry_after=3), Fault("server_error"), Fault("good")])
    waits: list[float] = []
    made = attempt(server, tmp_path, {}, waits=waits)
    assert made.error is None
    assert made.retries == 2
    assert waits[0] >= 3
    assert waits[1] < 3


def test_a_lane_that_asks_for_too_long_a_pause_is_not_asked_again(server: FaultServer, tmp_path: Path) -> None:
    """An hour is not waited."""
    server.script("gpt-4.1", [Fault("rate_limit", retry_after=3600)])
    made = attempt(server, tmp_path, {})
    assert (made.error, made.retries, len(server.calls)) == ("rate_limit", 0, 1)


@pytest.mark.parametrize(
    ("fault", "kind", "calls"),
    [
        (Fault("rate_limit", retry_after=0), "rate_limit", 3),
        (Fault("server_error", status=503), "server_error", 3),
        (Fault("dropped"), "connection", 3),
        (Fault("unauthorized"), "authentication", 1),
        (Fault("context_overflow"), "context_overflow", 1),
        (Fault("malformed"), "malformed", 1),
        (Fault("empty_choices"), "empty", 1),
    ],
)
def test_how_a_lane_fails_is_an_attempt(
    server: FaultServer, tmp_path: Path, fault: Fault, kind: str, calls: int
) -> None:
    """Each failure has its kind, only passing ones are tried again, and what they may have cost is assumed."""
    server.script("gpt-4.1", [fault])
    made = attempt(server, tmp_path, {})
    assert (made.reply, made.error, len(server.calls)) == (None, kind, calls)
    assert made.cost_usd is None
    assert (made.assumed_usd > 0) == (kind in ("connection", "malformed", "empty"))


def test_lanes_that_cannot_be_asked_are_told_before(server: FaultServer, tmp_path: Path) -> None:
    """A name that is not configured is an error of whoever asks."""
    with pytest.raises(OfflineDataError, match="private-a"):
        attempt(server, tmp_path, {}, "nonsense")


def test_batches_have_the_price_of_batches(server: FaultServer, tmp_path: Path) -> None:
    """Where the lane gives a discount on the channel of batches."""
    bench = bench_on(server)
    lane = bench.config.lanes[OPENAI]
    price = lane.price.model_copy(update={"batch_discount": 0.5})
    lanes = {**bench.config.lanes, OPENAI: lane.model_copy(update={"price": price})}
    config = bench.config.model_copy(update={"lanes": lanes})
    cases = [{"id": channel, "ask": "What is it?", "channel": channel} for channel in ("api", "batch")]
    suite, target = suite_at(tmp_path / "tiny", cases), LaneTarget(LiteLLMLanes(config.lanes), config)

    async def both() -> list[Attempt]:
        return [await target.attempt(suite, case, OPENAI) for case in suite.cases]

    full, half = asyncio.run(both())
    assert full.cost_usd
    assert half.cost_usd == pytest.approx(full.cost_usd / 2)
