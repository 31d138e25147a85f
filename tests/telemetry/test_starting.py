"""Spans go where the rules let them go, with the headers of the sink, and nothing of those is repeated."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from router_ml import Router, telemetry
from router_ml.config import RouterConfig, parse_config
from router_ml.config.schema import TraceSink
from router_ml.contract import Destinations, RouteDecision
from router_ml.errors import ConfigError
from router_ml.telemetry.starting import allowed_only

if TYPE_CHECKING:
    from tests.telemetry.conftest import Seen


class Collector(BaseHTTPRequestHandler):
    """Takes OTLP over HTTP, and keeps headers and spans."""

    got: ClassVar[list[tuple[dict[str, str], list[str]]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        message = ExportTraceServiceRequest.FromString(body)
        names = [
            span.name for resource in message.resource_spans for scope in resource.scope_spans for span in scope.spans
        ]
        self.got.append(({key.lower(): value for key, value in self.headers.items()}, names))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@pytest.fixture
def collector() -> Iterator[str]:
    """The address of a collector on loopback."""
    Collector.got.clear()
    with serving(Collector) as url:
        yield url


def _with_sinks(config: RouterConfig, **sinks: TraceSink) -> RouterConfig:
    return config.model_copy(update={"trace_sinks": sinks})


def test_a_sink_gets_the_spans_with_its_headers(
    router: Router, collector: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How LangSmith, MLflow and others are told whose traces these are."""
    monkeypatch.setenv("TRACES", "x-api-key=a-key,Project=blue")
    sink = TraceSink(boundary="private", endpoint=collector, headers_env="TRACES")
    with telemetry.start(_with_sinks(router.config, **{"local-traces": sink})) as on:
        router.predict_route("What is two and two?")
        assert on.flush()
    ((headers, names),) = Collector.got
    assert (headers["x-api-key"], headers["project"], names) == ("a-key", "blue", ["router_ml.decide"])


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"])
@pytest.mark.parametrize("own", [{}, {"TRACES": "x-project=blue"}])
def test_the_key_of_one_backend_is_not_sent_to_another(
    router: Router, collector: str, own: dict[str, str], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenTelemetry's own variables are those of some other backend, whose key is no business of this sink."""
    monkeypatch.setenv(variable, "x-api-key=of-another,authorization=Bearer%20of-another")
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    sink = TraceSink(boundary="private", endpoint=collector, headers_env=next(iter(own), None))
    with telemetry.start(_with_sinks(router.config, **{"local-traces": sink})) as on:
        router.predict_route("What is two and two?")
        assert on.flush()
    ((headers, _),) = Collector.got
    assert "of-another" not in str(headers)
    assert headers.get("x-project") == ("blue" if own else None)


def test_a_sink_cannot_send_spans_elsewhere(
    router: Router, collector: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Redirects(Collector):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(307)
            self.send_header("Location", collector)
            self.send_header("Content-Length", "0")
            self.end_headers()

    monkeypatch.setenv("TRACES", "x-api-key=a-key")
    with serving(Redirects) as url:
        sink = TraceSink(boundary="private", endpoint=url, headers_env="TRACES")
        with telemetry.start(_with_sinks(router.config, **{"local-traces": sink})) as on:
            router.predict_route("What is two and two?")
            on.flush()
    assert Collector.got == []
    assert "a redirect" in caplog.text, "spans that are lost are told of"


def test_a_sink_that_the_rules_forbid_gets_nothing(router: Router, collector: str) -> None:
    """Even ids and lanes of a private request stay at home."""
    text = "Refund the card 4111 1111 1111 1111 of jane.roe@example.com"
    sinks = {"local-traces": TraceSink(boundary="private"), "cloud": TraceSink(boundary="public", endpoint=collector)}
    config = _with_sinks(router.config, **sinks)
    deciding = Router(config, bundle=router.bundle)
    with telemetry.start(config) as on:
        private = deciding.predict_route(text)
        open_ = deciding.predict_route("What is two and two?")
        assert on.flush()
    assert "cloud" not in private.destinations.trace_sinks
    assert "cloud" in open_.destinations.trace_sinks
    assert [names for _, names in Collector.got] == [["router_ml.decide"]]


def test_spans_without_sinks_go_nowhere(
    turned_on: Callable[..., Seen], make_decision: Callable[..., RouteDecision]
) -> None:
    """A span that is not known to be allowed is not sent: closed, not open."""
    seen = turned_on(wrap=lambda inner: allowed_only("cloud", inner))
    with telemetry.span("outside"):
        pass
    told = make_decision(destinations=Destinations(trace_sinks=("cloud",)))
    with telemetry.root(told), telemetry.span("inside"):
        pass
    assert set(seen.spans) == {"inside", "router_ml.complete"}


def test_a_share_of_the_traces(router: Router, turned_on: Callable[..., Seen]) -> None:
    seen = turned_on(sample=0.0)
    decision = router.predict_route("What is two and two?")
    assert seen.spans == {}
    with telemetry.root(decision, parent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
        pass
    assert set(seen.spans) == {"router_ml.complete"}, "who calls us has decided on their trace"


@pytest.mark.parametrize("value", ["", "no-equals-sign", "key=", "=s3cr3t"])
def test_headers_that_cannot_be_read_are_an_error_without_them(
    router: Router, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACES", value)
    sink = TraceSink(endpoint="http://127.0.0.1:9/v1/traces", headers_env="TRACES")
    with pytest.raises(ConfigError, match=r"TRACES") as caught:
        telemetry.start(_with_sinks(router.config, cloud=sink))
    assert "s3cr3t" not in str(caught.value)
    assert not telemetry.is_on()


def test_a_sink_that_is_away_delays_nobody(router: Router) -> None:
    sink = TraceSink(boundary="private", endpoint="http://127.0.0.1:9/v1/traces")
    on = telemetry.start(_with_sinks(router.config, **{"local-traces": sink}))
    try:
        assert router.predict_route("What is two and two?").lane is not None
    finally:
        telemetry.spans.switch(None)
        threading.Thread(target=on.close, daemon=True).start()


def test_an_application_s_own_provider_is_used(router: Router) -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with telemetry.start(tracer_provider=provider):
        router.predict_route("What is two and two?")
    with provider.get_tracer("theirs").start_as_current_span("still open"):
        pass
    assert [span.name for span in exporter.get_finished_spans()] == ["router_ml.decide", "still open"]


def test_sinks_are_read_from_router_yaml(root: Any) -> None:
    text = (root / "models/default/router.yaml").read_text(encoding="utf-8")
    told = "local-traces: {boundary: private, endpoint: 'http://127.0.0.1:6006/v1/traces', headers_env: TRACES}"
    config = parse_config(text.replace("local-traces: {boundary: private}", told))
    assert config.trace_sinks["local-traces"].headers_env == "TRACES"
