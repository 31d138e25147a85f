"""Spans while telemetry is on, and nothing while it is off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from router_ml.contract import Destinations, Execution, RouteDecision
from router_ml.telemetry import attributes
from router_ml.telemetry.attributes import Attributes
from router_ml.telemetry.handles import OFF, Live, Span
from router_ml.telemetry.w3c import sent_along, within

if TYPE_CHECKING:
    from router_ml.telemetry.metrics import Metrics

WANTED_TRACE: ContextVar[int | None] = ContextVar("router_ml_trace", default=None)
"""The trace id that a root span of ours gets, so that it can be found by the ``trace_id`` of its decision."""

Allowed = Callable[[], Destinations]
"""Where the rules let the data of a request go, as they are when it is called."""

_ALLOWED: ContextVar[Allowed | None] = ContextVar("router_ml_allowed", default=None)
_CARRIED_OUT: ContextVar[bool] = ContextVar("router_ml_carried_out", default=False)


_NOTHING: AbstractContextManager[Span] = nullcontext(OFF)


@dataclass(frozen=True)
class Active:
    """Where spans and metrics go while telemetry is on."""

    tracer: Any
    metrics: Metrics


_active: Active | None = None


def switch(active: Active | None) -> Active | None:
    """Turn telemetry on or off; what it was before."""
    global _active
    before, _active = _active, active
    return before


def is_on() -> bool:
    """Whether anything is recorded."""
    return _active is not None


def clock() -> int:
    """Nanoseconds since the epoch while telemetry is on, else 0."""
    return 0 if _active is None else time.time_ns()


def span(name: str, found: Attributes | None = None, *, client: bool = False) -> AbstractContextManager[Span]:
    """A span around what is done inside, a child of the current one.

    Args:
        found: attributes from ``telemetry.attributes``.
        client: whether somebody else is called.
    """
    return _NOTHING if _active is None else _live(_active, name, found or {}, client=client)


def root(
    decision: RouteDecision,
    *,
    parent: str | None = None,
    state: str | None = None,
    began: int = 0,
    allowed: Allowed | None = None,
) -> AbstractContextManager[Span]:
    """The span of a whole request: a child of ``parent`` (a ``traceparent``) or of the current span where there is one;
    else its trace id is the ``trace_id`` of the decision.

    Args:
        state: the ``tracestate`` that came with ``parent``.
        began: of ``clock``, where it began before now.
        allowed: where spans may go, which is asked as each of them ends; by default what the decision says.
    """
    if _active is None:
        return _NOTHING
    return _root(_active, decision, parent, state, began, allowed or (lambda: decision.destinations))


def decided(decision: RouteDecision, began: int) -> None:
    """A decision was made, by a caller who carries it out themselves or by an executor within its ``root``.

    Args:
        began: of ``clock``.
    """
    active = _active
    if active is None or not began:
        return
    active.metrics.decided(decision, (time.time_ns() - began) / 1e9)
    if not _CARRIED_OUT.get():
        _decision_span(active, decision, began)


def executed(decision: RouteDecision, execution: Execution) -> None:
    """An execution has ended: its metrics, and what its ``root`` says of it."""
    if _active is not None:
        _active.metrics.executed(decision, execution)
        _current_root(execution)


def reported(place: str, status: str) -> None:
    """A lane, provider or failure domain went down or came up."""
    if _active is not None:
        _active.metrics.reported(place, status)


def traceparent() -> str | None:
    """The W3C trace context of the current span, None while there is none."""
    return None if _active is None else sent_along().get("traceparent")


def _current_root(execution: Execution) -> None:
    from opentelemetry import trace

    inner = trace.get_current_span()
    inner.set_attributes(attributes.of_execution(execution))
    if execution.error is not None:
        Live(inner).fail(execution.error)


@contextmanager
def _live(active: Active, name: str, found: Attributes, *, client: bool) -> Iterator[Span]:
    from opentelemetry.trace import SpanKind

    kind = SpanKind.CLIENT if client else SpanKind.INTERNAL
    with (
        active.tracer.start_as_current_span(
            name, kind=kind, attributes=found, record_exception=False, set_status_on_exception=False
        ) as inner,
        _ending(inner) as live,
    ):
        yield live


@contextmanager
def _ending(inner: Any) -> Iterator[Span]:
    """A span that ends with what it failed in, and with where it may go by the rules as they are then."""
    live = Live(inner)
    try:
        yield live
    except BaseException as error:
        live.fail(str(getattr(error, "kind", type(error).__name__)))
        raise
    finally:
        live.set(_sinks())


def _sinks() -> Attributes:
    """Where a span that ends now may go: nowhere, outside of a request."""
    allowed = _ALLOWED.get()
    return {} if allowed is None else attributes.sinks_of(allowed())


@contextmanager
def _root(
    active: Active, decision: RouteDecision, parent: str | None, state: str | None, began: int, allowed: Allowed
) -> Iterator[Span]:
    token = _ALLOWED.set(allowed)
    try:
        with _started(active, "router_ml.complete", decision, here=within(parent, state), began=began) as inner:
            if began:
                _decision_span(active, decision, began, inside=True)
            with _ending(inner) as live:
                live.set({"gen_ai.operation.name": "invoke_workflow", "openinference.span.kind": "CHAIN"})
                yield live
    finally:
        _ALLOWED.reset(token)


@contextmanager
def carried_out() -> Iterator[None]:
    """Decisions made inside get their span from the ``root`` of their execution."""
    token = _CARRIED_OUT.set(True)
    try:
        yield
    finally:
        _CARRIED_OUT.reset(token)


def _decision_span(active: Active, decision: RouteDecision, began: int, *, inside: bool = False) -> None:
    ended = time.time_ns()
    found = attributes.of_decision(decision)
    if inside:
        active.tracer.start_span("router_ml.decide", start_time=began, attributes={**found, **_sinks()}).end()
        return
    with _started(active, "router_ml.decide", decision, here=within(None, None), began=began, end=False) as inner:
        inner.set_attributes({**found, **attributes.sinks_of(decision.destinations)})
    inner.end(ended)


@contextmanager
def _started(
    active: Active, name: str, decision: RouteDecision, *, here: Any, began: int, end: bool = True
) -> Iterator[Any]:
    """A span that may be the first of its trace."""
    from opentelemetry import trace

    first = not trace.get_current_span(here).get_span_context().is_valid
    wanted = WANTED_TRACE.set(int(decision.trace_id, 16) if first else None)
    try:
        inner = active.tracer.start_span(
            name,
            context=here,
            start_time=began or None,
            attributes={"router_ml.decision_id": decision.decision_id},
        )
    finally:
        WANTED_TRACE.reset(wanted)
    with trace.use_span(inner, end_on_exit=end, record_exception=False, set_status_on_exception=False):
        yield inner
