"""W3C trace context: out of the headers of whoever calls us, into those of whom we call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def parent_of(headers: Mapping[str, str]) -> str | None:
    """The ``traceparent`` among some HTTP headers, whatever their case; None where it is missing or malformed."""
    found = _header(headers, "traceparent")
    parts = (found or "").split("-")
    sizes = [len(part) for part in parts]
    if sizes[:4] != [2, 32, 16, 2] or (parts[0] == "00" and len(parts) != 4) or parts[0] == "ff":
        return None
    numbers = all(set(part) <= set("0123456789abcdef") for part in parts[:4])
    return found if numbers and int(parts[1], 16) and int(parts[2], 16) else None


def state_of(headers: Mapping[str, str]) -> str | None:
    """The ``tracestate`` among some HTTP headers, whatever their case; None where it is missing.

    What is malformed in it is left out where it goes on, as the standard says.
    """
    return _header(headers, "tracestate") or None


def within(parent: str | None, state: str | None) -> Any:
    """The current context, or that of a caller who sent some trace context."""
    from opentelemetry import context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    here = context.get_current()
    if parent is None:
        return here
    carrier = {"traceparent": parent, **({"tracestate": state} if state else {})}
    return TraceContextTextMapPropagator().extract(carrier, here)


def sent_along() -> dict[str, str]:
    """Headers that tell whom we call of the current span."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier


def _header(headers: Mapping[str, str], wanted: str) -> str | None:
    return next((value for name, value in headers.items() if name.lower() == wanted), None)
