"""The metrics of this package for a scrape of Prometheus."""

from __future__ import annotations

from typing import Any

from router_ml.errors import MissingExtraError


def prometheus_reader(registry: Any) -> Any:
    """A reader for ``start`` that shows what is measured in a ``prometheus_client.CollectorRegistry``.

    Raises:
        MissingExtraError: the exporter is not installed.
    """
    try:
        from opentelemetry.exporter.prometheus import PrometheusMetricReader
    except ImportError:
        raise MissingExtraError("opentelemetry-exporter-prometheus", "metrics") from None
    return PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=registry)
