"""What code inside a span is given to tell it things by."""

from __future__ import annotations

from typing import Any, Protocol

from router_ml.telemetry.attributes import Attributes
from router_ml.telemetry.w3c import sent_along


class Span(Protocol):
    """What a span is told."""

    def set(self, found: Attributes) -> None:
        """Add attributes."""
        ...

    def fail(self, kind: str) -> None:
        """Say what kind of failure it ended in; never a message, which may hold text."""
        ...

    def headers(self) -> dict[str, str]:
        """W3C trace context for whoever is called inside it."""
        ...


class _Off:
    def set(self, found: Attributes) -> None:
        pass

    def fail(self, kind: str) -> None:
        pass

    def headers(self) -> dict[str, str]:
        return {}


OFF: Span = _Off()


class Live:
    """A span of OpenTelemetry."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def set(self, found: Attributes) -> None:
        """See ``Span.set``."""
        self._inner.set_attributes(found)

    def fail(self, kind: str) -> None:
        """See ``Span.fail``."""
        from opentelemetry.trace import Status, StatusCode

        self._inner.set_attribute("error.type", kind)
        self._inner.set_status(Status(StatusCode.ERROR, kind))

    def headers(self) -> dict[str, str]:
        """See ``Span.headers``."""
        return sent_along()
