"""Guarded lanes: what fails is left alone and found again, and no lane is asked more than it takes."""

from __future__ import annotations

import asyncio
import threading

import pytest

from router_ml import Router
from router_ml.config import RouterConfig
from router_ml.config.execution import Breaker
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.guarded import GuardedLanes
from router_ml.execution.lanes.reply import Reply, ToolRequest
from router_ml.storage.bundle import Bundle
from tests.execution.guard_bench import RULES, Bench, Clock, Scripted, call_of, limited, outcome


@pytest.fixture
def config(bundle: Bundle) -> RouterConfig:
    return bundle.config.model_copy(update={"execution": RULES})


@pytest.fixture
def bench(config: RouterConfig) -> Bench:
    return Bench(config)


def test_a_lane_that_fails_is_left_alone_until_its_pause_is_over(bench: Bench) -> None:
    bench.inner.broken["balanced"] = LaneFailure("server_error")
    assert bench.ask("balanced", 5) == ["server_error"] * 3 + ["unavailable"] * 2
    assert len(bench.inner.calls) == 3
    assert {"balanced", "mistral"} <= bench.down, "it is the only lane of its provider"
    bench.clock.pass_by(5.0)
    assert bench.down == set(), "traffic may find out whether it is back"
    assert bench.ask("balanced", 2) == ["server_error", "unavailable"]
    bench.clock.pass_by(5.0)
    assert bench.ask("balanced") == ["unavailable"], "the pause has doubled"
    bench.clock.pass_by(5.0)
    bench.inner.broken.clear()
    assert bench.ask("balanced", 3) == ["ok"] * 3
    assert bench.down == set()


def test_a_provider_is_down_only_where_several_of_its_lanes_fail(bench: Bench) -> None:
    """Of two lanes, one fails; then both."""
    bench.inner.broken["fast"] = LaneFailure("timeout")
    bench.ask("fast", 4)
    assert bench.down == {"fast"}
    assert bench.ask("premium") == ["ok"]
    bench.inner.broken["premium"] = LaneFailure("server_error")
    bench.ask("premium", 3)
    assert bench.down == {"fast", "premium", "google"}


def test_the_provider_s_breaker_spares_its_other_lanes(bench: Bench) -> None:
    """Three vLLM lanes: once two have failed, the third is not called to find out the same."""
    for lane in ("private", "code", "extraction"):
        bench.inner.broken[lane] = LaneFailure("connection")
    bench.ask("private", 2)
    bench.ask("code", 2)
    before = len(bench.inner.calls)
    assert bench.ask("extraction", 3) == ["unavailable"] * 3
    assert len(bench.inner.calls) == before
    assert {"vllm", "private", "code", "extraction"} <= bench.down


@pytest.mark.parametrize(
    "failure",
    [
        LaneFailure("refusal"),
        LaneFailure("content_filter", of_request=True),
        LaneFailure("context_overflow", of_request=True),
        LaneFailure("server_error", "BadRequestError 400", of_request=True),
    ],
    ids=lambda failure: failure.kind,
)
def test_what_a_request_brought_upon_itself_opens_nothing(bench: Bench, failure: LaneFailure) -> None:
    bench.inner.broken["balanced"] = failure
    assert bench.ask("balanced", 10) == [failure.kind] * 10
    assert bench.reported == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_lane_that_answers_with_nothing_is_left_alone(bench: Bench, stream: bool) -> None:
    """The reply still comes back, with what it cost; that it is no answer is for the reader of it to say."""
    bench.inner.said["balanced"] = Reply(text=" \u200b\n", thinking="hm")

    async def streamed() -> str:
        try:
            return "".join([piece.text async for piece in bench.guard.stream(call_of("balanced"))])
        except LaneFailure as failure:
            return failure.kind

    said = [asyncio.run(streamed()) for _ in range(5)] if stream else bench.ask("balanced", 5)
    assert said == [" \u200b\n"] * 3 + ["unavailable"] * 2
    assert "balanced" in bench.down


@pytest.mark.parametrize(
    "reply",
    [
        Reply(refusal="I cannot."),
        Reply(stop="filter"),
        Reply(stop="length"),
        Reply(tool_requests=(ToolRequest("t", "f", "{}"),), stop="tools"),
    ],
    ids=lambda reply: reply.stop,
)
def test_a_reply_without_text_that_says_why_opens_nothing(bench: Bench, reply: Reply) -> None:
    bench.inner.said["balanced"] = reply
    assert bench.ask("balanced", 10) == [""] * 10
    assert bench.reported == []


def test_a_call_that_had_no_time_says_nothing_of_its_lane(bench: Bench) -> None:
    bench.inner.broken["balanced"] = LaneFailure("timeout")
    assert bench.ask("balanced", 5, timeout_s=0.01) == ["timeout"] * 5
    assert bench.reported == []


def test_only_as_many_requests_as_there_are_probes_find_out(bench: Bench) -> None:
    """While the probe is on its way the lane is told to be down; one that is cancelled makes room for another."""
    bench.inner.broken["balanced"] = LaneFailure("server_error")
    bench.ask("balanced", 3)
    bench.clock.pass_by(5.0)
    bench.inner.broken.clear()

    async def run() -> list[str]:
        bench.inner.hold = asyncio.Event()
        probe = asyncio.ensure_future(bench.guard.call(call_of("balanced")))
        await asyncio.sleep(0)
        assert "balanced" in bench.down
        assert await outcome(bench.guard, call_of("balanced")) == "unavailable"
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        assert "balanced" not in bench.down
        bench.inner.hold.set()
        return [await outcome(bench.guard, call_of("balanced")) for _ in range(2)]

    assert asyncio.run(run()) == ["ok", "ok"]


def test_a_long_pause_that_a_provider_asks_for_is_kept_and_told(bench: Bench) -> None:
    bench.inner.broken["balanced"] = LaneFailure("rate_limit", retry_after_ms=8000)
    assert bench.ask("balanced", 3) == ["rate_limit", "unavailable", "unavailable"]
    assert "balanced" in bench.down
    bench.inner.broken.clear()
    bench.clock.pass_by(8.0)
    assert bench.down == set()
    assert bench.ask("balanced") == ["ok"]


def test_a_short_pause_is_waited_for(bench: Bench) -> None:
    bench.inner.broken["balanced"] = LaneFailure("rate_limit", retry_after_ms=500)
    bench.ask("balanced")
    bench.inner.broken.clear()
    before = bench.clock.now
    assert bench.ask("balanced") == ["ok"]
    assert 0.5 <= bench.clock.now - before <= 1.0
    assert bench.inner.calls[-1].timeout_s == pytest.approx(10.0 - (bench.clock.now - before))
    assert bench.reported == []


def test_a_pause_without_end_is_not_believed(bench: Bench) -> None:
    bench.inner.broken["balanced"] = LaneFailure("rate_limit", retry_after_ms=1e12)
    bench.ask("balanced")
    bench.inner.broken.clear()
    bench.clock.pass_by(20.0)
    assert bench.ask("balanced") == ["ok"]


def test_a_full_lane_is_left_for_another(config: RouterConfig) -> None:
    bench = Bench(limited(config, "balanced", max_concurrency=2))

    async def run() -> list[str]:
        bench.inner.hold = asyncio.Event()
        first = [asyncio.ensure_future(outcome(bench.guard, call_of("balanced"))) for _ in range(2)]
        await asyncio.sleep(0)
        full = await outcome(bench.guard, call_of("balanced", timeout_s=0.05))
        bench.inner.hold.set()
        done = await asyncio.gather(*first)
        return [full, *done, await outcome(bench.guard, call_of("balanced"))]

    assert asyncio.run(run()) == ["unavailable", "ok", "ok", "ok"]


def test_a_stream_keeps_its_place_until_it_is_closed(config: RouterConfig) -> None:
    bench = Bench(limited(config, "balanced", max_concurrency=1))

    async def run() -> list[str]:
        pieces = bench.guard.stream(call_of("balanced"))
        assert (await anext(pieces)).text == "ok"
        full = await outcome(bench.guard, call_of("balanced", timeout_s=0.01))
        await pieces.aclose()
        return [full, await outcome(bench.guard, call_of("balanced"))]

    assert asyncio.run(run()) == ["unavailable", "ok"]


def test_calls_a_minute_are_kept(config: RouterConfig) -> None:
    bench = Bench(limited(config, "balanced", requests_per_minute=3))
    assert bench.ask("balanced", 5) == ["ok"] * 3 + ["unavailable"] * 2
    bench.clock.pass_by(59.5)
    assert bench.ask("balanced") == ["ok"], "a short wait is worth it"


def test_the_router_takes_the_lane_away_and_gives_it_back(config: RouterConfig, bundle: Bundle) -> None:
    """From failures to the eligible lanes of the next decision, and back through one probe."""
    router = Router(config, bundle=bundle)
    clock, inner = Clock(), Scripted({"balanced": LaneFailure("server_error")})
    guard = GuardedLanes(
        inner, config, report_health=router.report_health, clock=clock, sleep=clock.sleep, after=clock.after
    )

    def ask(times: int) -> list[str]:
        async def run() -> list[str]:
            return [await outcome(guard, call_of("balanced")) for _ in range(times)]

        return asyncio.run(run())

    def eligible() -> bool:
        return "balanced" in router.predict_route("What is the capital of France?", seed=1).eligible

    assert eligible()
    ask(3)
    assert not eligible()
    clock.pass_by(5.0)
    assert eligible(), "a probe needs a request that may choose the lane"
    assert ask(1) == ["server_error"]
    assert not eligible()
    clock.pass_by(10.0)
    inner.broken.clear()
    assert ask(2) == ["ok", "ok"]
    assert eligible()


def test_a_pause_ends_without_any_traffic(config: RouterConfig) -> None:
    """With all lanes down no request reaches the guard; the end of a pause must not depend on one."""
    rules = RULES.model_copy(update={"breaker": Breaker(failures=1, open_ms=20)})
    up = threading.Event()
    reported: list[tuple[str, str]] = []

    def report(name: str, status: str) -> None:
        reported.append((name, status))
        if status == "up":
            up.set()

    inner = Scripted({"balanced": LaneFailure("server_error")})
    guard = GuardedLanes(inner, config.model_copy(update={"execution": rules}), report_health=report)
    assert asyncio.run(outcome(guard, call_of("balanced"))) == "server_error"
    assert ("balanced", "down") in reported
    assert up.wait(10)
    guard.close()


def test_closing_leaves_nothing_down(bench: Bench) -> None:
    bench.inner.broken["balanced"] = LaneFailure("server_error")
    bench.ask("balanced", 3)
    bench.guard.close()
    assert bench.down == set()
    assert bench.clock.later == []


def test_a_lane_of_another_configuration_is_not_called(bench: Bench) -> None:
    assert bench.ask("unheard-of") == ["unavailable"]
    assert bench.inner.calls == []
