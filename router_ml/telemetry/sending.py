"""Sending spans to a sink: with the headers of that sink alone, and to its address alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from router_ml.config.schema import TraceSink
from router_ml.errors import ConfigError, MissingExtraError, Problem

_OF_THE_PROTOCOL = frozenset(
    ("accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "user-agent")
)


def exporter(name: str, sink: TraceSink) -> Any:
    """What sends spans to a sink over OTLP.

    Raises:
        MissingExtraError: the exporter is not installed. ConfigError: the headers cannot be read.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        raise MissingExtraError("opentelemetry-exporter-otlp-proto-http", "execute") from None
    headers = _headers(name, sink)
    return OTLPSpanExporter(endpoint=sink.endpoint, headers=headers, session=_session(headers))


def _session(own: Mapping[str, str]) -> Any:
    """A session that sends no other headers than those of the protocol and ``own``.

    The exporter adds ``$OTEL_EXPORTER_OTLP_HEADERS`` to whatever it is given, and the HTTP library adds what ``.netrc``
    has: keys of another backend than this one, most likely.
    """
    import requests

    class Alone(requests.Session):
        def send(self, request: Any, **how: Any) -> Any:
            kept = {name: value for name, value in request.headers.items() if name.lower() in _OF_THE_PROTOCOL}
            request.headers.clear()
            request.headers.update({**kept, **own})
            answer = super().send(request, **{**how, "allow_redirects": False})
            if answer.is_redirect:  # an address that nobody has configured; the exporter would take it for success
                raise requests.RequestException(f"The sink answered {answer.status_code}, a redirect.")
            return answer

    return Alone()


def _headers(name: str, sink: TraceSink) -> Mapping[str, str]:
    """Headers as ``OTEL_EXPORTER_OTLP_HEADERS`` has them: ``key=value,key=value``; never repeated in an error."""
    if sink.headers_env is None:
        return {}
    pairs = [pair.partition("=") for pair in os.environ.get(sink.headers_env, "").split(",") if pair.strip()]
    if not pairs or not all(key.strip() and value.strip() for key, _, value in pairs):
        key = f"trace_sinks.{name}.headers_env"
        fix = f"Set ${sink.headers_env}, or remove the key."
        raise ConfigError([Problem("router.yaml", None, key, "holds no headers as key=value,key=value.", fix)])
    return {key.strip().lower(): value.strip() for key, _, value in pairs}
