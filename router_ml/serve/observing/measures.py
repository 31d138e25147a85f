"""What one worker counts, as Prometheus reads it. The names are part of the interface: ``docs/production.md``."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_REFUSED = {401: "no_key", 402: "budget", 403: "not_allowed", 413: "too_large", 429: "rate", 503: "unavailable"}
_METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))
PROBES = frozenset(("/healthz", "/readyz", "/metrics"))
"""Routes of whoever looks after the gateway: counted, not timed, and logged only where they are refused."""


class Measures:
    """The series of a worker. Labels are names of routes and of this package, so no client can make new ones."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "router_ml_gateway_requests",
            "Requests that were answered.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "router_ml_gateway_request_seconds",
            "Until the last byte of the answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._first = Histogram(
            "router_ml_gateway_first_byte_seconds",
            "Until the first byte of the answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._refused = Counter(
            "router_ml_gateway_refused",
            "Requests that nothing was done for, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self._broken_off = Counter(
            "router_ml_gateway_broken_off", "Answers whose client left before their end.", registry=self.registry
        )
        self._in_flight = Gauge("router_ml_gateway_in_flight", "Requests under way.", registry=self.registry)
        for reason in _REFUSED.values():  # a rate over a series that appears with its first event misses that event
            self._refused.labels(reason)

    def began(self) -> None:
        """A request came."""
        self._in_flight.inc()

    def ended(
        self, route: str, method: str, status: int, *, seconds: float, first: float | None, whole: bool = True
    ) -> None:
        """A request was answered. ``first``: seconds until the answer began; ``whole``: whether it was sent to its
        end."""
        self._in_flight.dec()
        self._requests.labels(route, method if method in _METHODS else "other", str(status)).inc()
        if status in _REFUSED and not (route in PROBES and status == 503):  # a probe's 503 is its answer
            self._refused.labels(_REFUSED[status]).inc()
        if route in PROBES:
            return
        self._seconds.labels(route).observe(seconds)
        if first is not None:
            self._first.labels(route).observe(first)
        if not whole:
            self._broken_off.inc()
