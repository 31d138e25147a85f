"""Turning telemetry on: the sinks of ``router.yaml`` over OTLP, Prometheus, or whatever the application has set up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from router_ml.config import RouterConfig
from router_ml.contract.base import CONTRACT_VERSION
from router_ml.errors import MissingExtraError
from router_ml.telemetry.attributes import SINKS
from router_ml.telemetry.metrics import Metrics
from router_ml.telemetry.sending import exporter
from router_ml.telemetry.spans import WANTED_TRACE, Active, switch

_SCOPE = "router_ml"


class Telemetry:
    """Telemetry that is on until ``close``."""

    def __init__(self, active: Active, providers: Sequence[Any]) -> None:
        self._providers = providers
        self._before = switch(active)

    def flush(self, timeout: float = 10.0) -> bool:
        """Send what waits; whether all of it was sent within ``timeout`` seconds."""
        return all(provider.force_flush(int(timeout * 1000)) for provider in self._providers)

    def close(self) -> None:
        """Turn it off again, after sending what waits."""
        switch(self._before)
        for provider in self._providers:
            provider.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def start(
    config: RouterConfig | None = None,
    *,
    tracer_provider: Any = None,
    meter_provider: Any = None,
    processors: Sequence[Any] = (),
    readers: Sequence[Any] = (),
    sample: float = 1.0,
) -> Telemetry:
    """Turn telemetry on.

    Args:
        config: whose ``trace_sinks`` with an ``endpoint`` get the spans that their requests may send there.
        tracer_provider, meter_provider: of the application, instead of providers of ours. Where they send spans is then
            its business alone: rules on sinks do not reach there.
        processors: further span processors. readers: metric readers, such as ``PrometheusMetricReader()`` of
            ``opentelemetry.exporter.prometheus``.
        sample: share of the traces that begin here which are recorded; who calls us decides on theirs.

    Raises:
        MissingExtraError: OpenTelemetry is not installed. ConfigError: a sink's headers cannot be read.
    """
    try:
        from opentelemetry import metrics as _  # noqa: F401
    except ImportError:
        raise MissingExtraError("opentelemetry-sdk", "execute") from None
    ours = []
    if tracer_provider is None:
        tracer_provider = _tracer_provider(config, processors, sample)
        ours.append(tracer_provider)
    if meter_provider is None:
        from opentelemetry.sdk.metrics import MeterProvider

        meter_provider = MeterProvider(metric_readers=list(readers), resource=_resource())
        ours.append(meter_provider)
    tracer = tracer_provider.get_tracer(_SCOPE, CONTRACT_VERSION)
    return Telemetry(Active(tracer, Metrics(meter_provider.get_meter(_SCOPE, CONTRACT_VERSION))), ours)


def _resource() -> Any:
    from opentelemetry.sdk.resources import Resource

    return Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "router_ml")})


def _tracer_provider(config: RouterConfig | None, processors: Sequence[Any], sample: float) -> Any:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    class OurIds(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return WANTED_TRACE.get() or super().generate_trace_id()

    provider = TracerProvider(
        resource=_resource(), id_generator=OurIds(), sampler=ParentBased(TraceIdRatioBased(sample))
    )
    for processor in processors:
        provider.add_span_processor(processor)
    for name, sink in (config.trace_sinks if config else {}).items():
        if sink.endpoint is not None:
            provider.add_span_processor(allowed_only(name, BatchSpanProcessor(exporter(name, sink))))
    return provider


def allowed_only(sink: str, processor: Any) -> Any:
    """A span processor that passes on only spans of requests whose rules let their data go to ``sink``."""
    from opentelemetry.sdk.trace import SpanProcessor

    class AllowedOnly(SpanProcessor):
        def on_end(self, span: Any) -> None:
            if sink in (span.attributes or {}).get(SINKS, ()):
                processor.on_end(span)

        def shutdown(self) -> None:
            processor.shutdown()

        def force_flush(self, timeout_millis: int = 30000) -> bool:
            return bool(processor.force_flush(timeout_millis))

    return AllowedOnly()
