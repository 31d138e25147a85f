"""Spans and metrics of decisions and executions, by OpenTelemetry's conventions for generative AI.

Off until ``start`` is called, and then a span costs nothing but the call of an empty function. Spans hold ids, names of
lanes and rules, kinds of failure, tokens, USD and times: never a text of a request, an answer, a tool or an error.

    from router_ml import telemetry

    with telemetry.start(config):               # the sinks of router.yaml that have an endpoint
        executor.complete("What is your return policy?")
"""

from router_ml.telemetry.handles import OFF, Span
from router_ml.telemetry.spans import (
    Active,
    carried_out,
    clock,
    decided,
    executed,
    is_on,
    reported,
    root,
    span,
    traceparent,
)
from router_ml.telemetry.starting import Telemetry, start
from router_ml.telemetry.w3c import parent_of, state_of

__all__ = [
    "OFF",
    "Active",
    "Span",
    "Telemetry",
    "carried_out",
    "clock",
    "decided",
    "executed",
    "is_on",
    "parent_of",
    "reported",
    "root",
    "span",
    "start",
    "state_of",
    "traceparent",
]
