"""Telemetry that is on, and what it recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from router_ml import telemetry


@dataclass
class Seen:
    """What has been recorded so far."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.exporter.get_finished_spans()}

    def points(self, name: str) -> list[dict[str, Any]]:
        """The series of a metric: their attributes with ``value``."""
        data = self.reader.get_metrics_data()
        metrics = [
            metric
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        ]
        return [
            {**point.attributes, "value": getattr(point, "value", None)}
            for metric in metrics
            for point in metric.data.data_points
        ]


@pytest.fixture
def turned_on() -> Iterator[Callable[..., Seen]]:
    """Turns telemetry on for one test."""
    running: list[telemetry.Telemetry] = []

    def turn_on(**given: Any) -> Seen:
        exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
        processor = given.pop("wrap", lambda inner: inner)(SimpleSpanProcessor(exporter))
        running.append(telemetry.start(processors=[processor], readers=[reader], **given))
        return Seen(exporter, reader)

    yield turn_on
    for each in reversed(running):
        each.close()


@pytest.fixture
def seen(turned_on: Callable[..., Seen]) -> Seen:
    """Telemetry that is on."""
    return turned_on()
