"""A request that is carried out is one trace, from the caller through every call, and not a word of it is in there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from router_ml import Executor, Router
from router_ml.config.schema import FallbackRule
from router_ml.errors import ExecutionError
from router_ml.execution.client_side import ClientSide
from router_ml.execution.lanes.calls import LaneCall
from router_ml.execution.lanes.failures import LaneFailure
from router_ml.execution.lanes.reply import Piece, Reply, ToolRequest, Usage
from router_ml.telemetry.starting import allowed_only
from tests.execution.acting import PRIVATE, ActingTools, failed, scene, wants

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.telemetry.conftest import Seen

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET = "the answer of Jane Roe"


class Scripted:
    """Lanes that answer what they were told to, in turn; the last again and again."""

    def __init__(self, *script: Reply | LaneFailure) -> None:
        self.script = list(script)
        self.calls: list[LaneCall] = []

    async def call(self, call: LaneCall) -> Reply:
        self.calls.append(call)
        said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(said, LaneFailure):
            raise said
        return said

    async def stream(self, call: LaneCall) -> AsyncIterator[Piece]:
        yield Piece(reply=await self.call(call))


GOOD = Reply(text=SECRET, served_model="small-1", usage=Usage(11, 7, 3, 0.25))


def test_each_call_is_a_span_of_the_request(router: Router, seen: Seen) -> None:
    lanes = Scripted(LaneFailure("server_error", "InternalServerError 500"), GOOD)
    with Executor(router, lanes=lanes) as executor:
        done = executor.complete("What is the capital of France?")
    spans = seen.exporter.get_finished_spans()
    root = next(span for span in spans if span.name == "router_ml.complete")
    calls = [span for span in spans if span.name.startswith("chat ")]
    assert [span.attributes.get("error.type") for span in calls] == ["server_error", None]
    assert {span.parent.span_id for span in spans if span is not root} == {root.context.span_id}
    assert {format(span.context.trace_id, "032x") for span in spans} == {done.decision.trace_id}
    assert root.attributes["router_ml.final_lane"] == done.execution.final_lane
    told = calls[1].attributes
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.response.model"]) == (11, "small-1")
    assert told["router_ml.cost_usd"] == 0.25


def test_the_vendor_is_told_whose_trace_it_is(router: Router, seen: Seen) -> None:
    lanes = Scripted(GOOD)
    with Executor(router, lanes=lanes) as executor:
        executor.complete("What is two and two?", client=ClientSide(traceparent=TRACE))
    (call,) = lanes.calls
    span = next(span for span in seen.exporter.get_finished_spans() if span.name.startswith("chat "))
    assert call.headers == {"traceparent": f"00-{TRACE.split('-')[1]}-{span.context.span_id:016x}-01"}


def test_without_telemetry_nothing_is_sent_along(router: Router) -> None:
    lanes = Scripted(GOOD)
    with Executor(router, lanes=lanes) as executor:
        executor.complete("What is two and two?")
    assert not lanes.calls[0].headers


def test_the_application_s_span_is_the_parent_also_from_another_thread(router: Router, seen: Seen) -> None:
    """``complete`` runs on a loop of its own; the context of its caller goes along."""
    from opentelemetry import trace

    context = trace.SpanContext(int("ab" * 16, 16), 7, is_remote=False, trace_flags=trace.TraceFlags(1))
    with Executor(router, lanes=Scripted(GOOD)) as executor, trace.use_span(trace.NonRecordingSpan(context)):
        executor.complete("What is two and two?")
    assert seen.spans["router_ml.complete"].parent.span_id == 7


def test_a_request_that_fails_is_told_by_its_kind(router: Router, seen: Seen) -> None:
    failure = LaneFailure("authentication", "AuthenticationError 401")
    strict = router.config.model_copy(update={"fallback": FallbackRule.model_validate({"finally": "error"})})
    deciding = Router(strict, bundle=router.bundle)
    with Executor(deciding, lanes=Scripted(failure)) as executor, pytest.raises(ExecutionError):
        executor.complete("What is two and two?")
    root = seen.spans["router_ml.complete"]
    assert (root.attributes["router_ml.status"], root.attributes["error.type"]) == ("failed", "authentication")
    (counted,) = seen.points("router_ml.executions")
    assert (counted["router_ml.status"], counted["value"]) == ("failed", 1)
    assert {point["error.type"] for point in seen.points("gen_ai.client.operation.duration")} == {"authentication"}


def test_a_stream_is_one_trace_too(router: Router, seen: Seen) -> None:
    with Executor(router, lanes=Scripted(GOOD)) as executor:
        events = list(executor.stream("What is two and two?"))
    assert len(events) >= 2
    spans = seen.exporter.get_finished_spans()
    assert len({span.context.trace_id for span in spans}) == 1
    assert next(span for span in spans if span.name.startswith("chat ")).attributes["gen_ai.request.stream"]


def test_no_word_of_request_or_answer_is_in_a_trace(router: Router, seen: Seen) -> None:
    with Executor(router, lanes=Scripted(GOOD)) as executor:
        executor.complete("My name is Jane Roe and my card is 4111 1111 1111 1111. What is my name?")
    told = "".join(span.to_json() for span in seen.exporter.get_finished_spans())
    assert "Jane" not in told
    assert "4111 1111" not in told


def test_money_and_tokens_are_counted(router: Router, seen: Seen) -> None:
    with Executor(router, lanes=Scripted(GOOD)) as executor:
        executor.complete("What is two and two?")
    (cost,) = seen.points("router_ml.cost")
    assert cost["value"] == 0.25
    assert {point["gen_ai.token.type"] for point in seen.points("gen_ai.client.token.usage")} == {"input", "output"}


def test_once_personal_data_appears_no_span_goes_out_any_more(turned_on: Callable[..., Seen]) -> None:
    """Rules that take lanes away while a request is carried out take sinks away too, also from its root."""
    seen = turned_on(wrap=lambda inner: allowed_only("outside", inner))
    sinks = {"outside": {"boundary": "vendor"}, "home": {"boundary": "private"}}
    acting = scene(
        {"a": [wants("find")], "own": ["done"]},
        tools=ActingTools(results={"find": PRIVATE}),
        changes={"trace_sinks": sinks},
    )
    decision = acting.decide(steps=("own",), allowed_tools=("find",))
    assert set(decision.destinations.trace_sinks) == {"outside", "home"}
    assert acting.executor.complete("What is new?", decision=decision).status == "answered"
    assert acting.lanes.lanes == ["a", "own"]
    assert set(seen.spans) == {"router_ml.decide", "chat openai/a", "execute_tool find"}


def test_the_state_of_the_caller_s_trace_goes_on(router: Router, seen: Seen) -> None:
    lanes = Scripted(GOOD)
    with Executor(router, lanes=lanes) as executor:
        executor.complete("What is two and two?", client=ClientSide(traceparent=TRACE, tracestate="theirs=1,!bad"))
        executor.complete("What is two and two?", client=ClientSide(traceparent=TRACE, tracestate="theirs=1,ours=b"))
    assert [call.headers.get("tracestate") for call in lanes.calls if call.headers] == [None, "theirs=1,ours=b"]


def test_calls_that_were_never_made_have_no_duration(seen: Seen) -> None:
    acting = scene({"a": [failed("unavailable")], "b": ["done"]})
    decision = acting.decide(limits={"deadline_ms": 0.0})
    with pytest.raises(ExecutionError):
        acting.executor.complete("What is new?", decision=decision)
    assert acting.lanes.lanes == []
    assert seen.points("gen_ai.client.operation.duration") == []
    acting.executor.complete("What is new?", decision=acting.decide())
    (point,) = seen.points("gen_ai.client.operation.duration")
    assert (point["router_ml.lane"], point["error.type"]) == ("b", "none")


def test_spans_and_metrics_name_a_provider_alike(router: Router, seen: Seen) -> None:
    lanes = {name: lane.model_copy(update={"provider": "mistral"}) for name, lane in router.config.lanes.items()}
    deciding = Router(router.config.model_copy(update={"lanes": lanes}), bundle=router.bundle)
    with Executor(deciding, lanes=Scripted(GOOD)) as executor:
        executor.complete("What is two and two?")
    (span,) = (span for span in seen.exporter.get_finished_spans() if span.name.startswith("chat "))
    (point,) = seen.points("gen_ai.client.operation.duration")
    assert span.attributes["gen_ai.provider.name"] == point["gen_ai.provider.name"] == "mistral_ai"


def test_no_word_comes_in_by_a_name_that_a_lane_makes_up(seen: Seen) -> None:
    """Ids of calls, names of tools and of models are what a server says, which may be anything."""
    asked = tuple(ToolRequest(PRIVATE, name, "{}") for name in ("find", PRIVATE))
    first = Reply(tool_requests=asked, stop="tools", served_model=PRIVATE)
    acting = scene({"a": [first, Reply(text="done", served_model="small-1")], "own": ["done"]})
    decision = acting.decide(steps=("own",), allowed_tools=("find",))
    with Executor(acting.router, lanes=acting.lanes, tools={"find": lambda: "found"}) as executor:
        done = executor.complete("What is new?", decision=decision)
    assert [(call.name, call.status) for call in done.execution.tool_calls] == [("find", "done"), ("?", "refused")]
    told = "".join(span.to_json() for span in seen.exporter.get_finished_spans())
    assert "execute_tool find" in told
    assert "nora" not in told
    assert "4111 1111" not in told
