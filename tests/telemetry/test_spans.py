"""Whoever looks at a trace sees why a request went where it went, and never what it said."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml import Router, telemetry
from router_ml.contract import RouteDecision

if TYPE_CHECKING:
    from tests.telemetry.conftest import Seen

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_off_is_off(router: Router) -> None:
    """A library that records without being asked to costs time and leaks."""
    assert not telemetry.is_on()
    assert telemetry.clock() == 0
    assert telemetry.traceparent() is None
    with telemetry.span("chat") as span:
        assert span is telemetry.OFF
        assert span.headers() == {}
    assert router.predict_route("What is the capital of France?").lane is not None


def test_off_again_after_close() -> None:
    with telemetry.start():
        assert telemetry.is_on()
        with telemetry.start():
            pass
        assert telemetry.is_on()
    assert not telemetry.is_on()


def test_a_decision_is_found_by_its_trace_id(router: Router, seen: Seen) -> None:
    """An auditor has the record and looks for the trace."""
    decision = router.predict_route("What is the capital of France?")
    span = seen.spans["router_ml.decide"]
    assert format(span.context.trace_id, "032x") == decision.trace_id
    assert span.attributes["router_ml.decision_id"] == decision.decision_id
    assert span.attributes["router_ml.lane"] == decision.lane
    assert span.end_time > span.start_time


def test_requests_decided_together_each_have_a_trace(router: Router, seen: Seen) -> None:
    decisions = router.predict_routes(["What is two and two?", "Write a poem about the sea."])
    found = {format(span.context.trace_id, "032x") for span in seen.exporter.get_finished_spans()}
    assert found == {decision.trace_id for decision in decisions}


def test_a_caller_s_trace_goes_on(router: Router, seen: Seen) -> None:
    """W3C context in and out: who called, this library and the vendor are one trace."""
    decision = router.predict_route("What is two and two?")
    with telemetry.root(decision, parent=TRACE), telemetry.span("chat", client=True) as span:
        sent = span.headers()["traceparent"]
    outer, inner = seen.spans["router_ml.complete"], seen.spans["chat"]
    assert format(outer.parent.span_id, "016x") == "b7ad6b7169203331"
    assert sent.split("-")[1:3] == ["0af7651916cd43dd8448eb211c80319c", format(inner.context.span_id, "016x")]
    assert inner.parent.span_id == outer.context.span_id


def test_a_decision_inside_an_execution_is_its_child(router: Router, seen: Seen) -> None:
    began = telemetry.clock()
    with telemetry.carried_out():
        decision = router.predict_route("What is two and two?")
    assert seen.spans == {}
    with telemetry.root(decision, began=began):
        pass
    outer, inner = seen.spans["router_ml.complete"], seen.spans["router_ml.decide"]
    assert inner.parent.span_id == outer.context.span_id
    assert format(outer.context.trace_id, "032x") == decision.trace_id
    assert outer.start_time <= inner.start_time


def test_the_application_s_own_span_is_the_parent(router: Router, seen: Seen) -> None:
    from opentelemetry import trace

    context = trace.SpanContext(int("ab" * 16, 16), 7, is_remote=False, trace_flags=trace.TraceFlags(1))
    with trace.use_span(trace.NonRecordingSpan(context)):
        router.predict_route("What is two and two?")
    assert seen.spans["router_ml.decide"].parent.span_id == 7


SECRETS = "My name is Jane Roe, jane.roe@example.com, card 4111 1111 1111 1111, key sk-live-0123456789abcdef0123456789"


def test_no_span_holds_a_word_of_a_request(router: Router, seen: Seen) -> None:
    """Personal data must not end in a tracing backend, whoever runs it."""
    metadata = {"user": "jane.roe@example.com", "org": "Roe & Sons of Springfield"}
    router.predict_route(SECRETS, metadata=metadata, request_id="4111-1111-1111-1111")
    told = "".join(span.to_json() for span in seen.exporter.get_finished_spans())
    for word in ("Jane", "Roe", "example.com", "4111 1111", "4111-1111", "sk-live", "Springfield"):
        assert word not in told


def test_an_error_s_message_is_not_told(router: Router, seen: Seen) -> None:
    """Messages of errors quote what was wrong, and that may be a request."""

    def fail() -> None:
        with telemetry.span("chat"):
            raise ValueError(SECRETS)

    with pytest.raises(ValueError):
        fail()
    span = json.loads(seen.spans["chat"].to_json())
    assert span["attributes"]["error.type"] == "ValueError"
    assert span["events"] == []
    assert "Jane" not in json.dumps(span)


def test_a_kind_of_failure_is_told(seen: Seen) -> None:
    with telemetry.span("chat") as span:
        span.fail("rate_limit")
    assert seen.spans["chat"].status.description == "rate_limit"


def test_health_and_decisions_are_counted(router: Router, seen: Seen) -> None:
    decision = router.predict_route("What is two and two?")
    router.report_health("openai", "down")
    router.report_health("openai", "up")
    (counted,) = seen.points("router_ml.decisions")
    assert (counted["router_ml.lane"], counted["value"]) == (decision.lane, 1)
    assert {point["router_ml.status"] for point in seen.points("router_ml.health")} == {"down", "up"}
    assert len(seen.points("router_ml.decision.duration")) == 1


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Traceparent": TRACE}, TRACE),
        ({"traceparent": "00-" + "0" * 32 + "-b7ad6b7169203331-01"}, None),
        ({"traceparent": "ff" + TRACE[2:]}, None),
        ({"traceparent": TRACE + "-more"}, None),
        ({"traceparent": "cc" + TRACE[2:] + "-more"}, "cc" + TRACE[2:] + "-more"),
        ({"traceparent": TRACE.upper()}, None),
        ({}, None),
    ],
)
def test_only_a_well_formed_parent_is_taken(headers: dict[str, str], expected: str | None) -> None:
    assert telemetry.parent_of(headers) == expected


def test_the_state_that_came_with_a_trace_is_found() -> None:
    assert telemetry.state_of({"TraceState": "theirs=1"}) == "theirs=1"
    assert telemetry.state_of({"tracestate": ""}) is None
    assert telemetry.state_of({"traceparent": TRACE}) is None


@given(st.text(max_size=80))
def test_no_header_breaks_a_request(header: str) -> None:
    found = telemetry.parent_of({"traceparent": header})
    assert found is None or found == header


def test_a_decision_without_a_lane_has_a_span(seen: Seen, make_decision: Callable[..., RouteDecision]) -> None:
    refused = make_decision(action="refuse", lane=None, propensity=None)
    telemetry.decided(refused, telemetry.clock())
    assert "router_ml.lane" not in seen.spans["router_ml.decide"].attributes
