"""The OpenAPI document says what the gateway does, whatever is sent to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="fastapi (extra: serve) serves")

from fastapi import FastAPI
from fastapi.testclient import TestClient

from router_ml import Executor, Router
from router_ml.config import load_config
from router_ml.faults import FaultServer, faulty_config
from router_ml.serve.app import create_app
from router_ml.serve.document.described import ENDPOINTS
from router_ml.serve.gateway import Gateway
from router_ml.serve.settings import Settings
from router_ml.storage.eventlog import EventLog
from tests.execution.reviewing import CONFIG


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("openapi")
    (folder / "router.yaml").write_text(CONFIG, encoding="utf-8")
    with (
        FaultServer() as server,
        Router(
            faulty_config(server, load_config(folder / "router.yaml")), log=EventLog(folder / "log.sqlite")
        ) as router,
        Executor(router) as executor,
    ):
        yield Gateway(Settings(), executor)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of a real server."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


def test_every_endpoint_says_what_it_takes_answers_and_needs(gateway: Gateway) -> None:
    document = create_app(gateway=gateway).openapi()
    ids = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            ids.append(operation["operationId"])
            if path.startswith("/v1"):
                assert f"{method.upper()} {path}" in ENDPOINTS, "Describe it in router_ml/serve/document/described.py."
                assert "Scope: " in operation["description"]
                assert operation["security"]
                assert {"200", "201"} & set(operation["responses"])
                for answer in operation["responses"].values():
                    assert answer["content"]["application/json"]["schema"]
    assert len(set(ids)) == len(ids)
    paths = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert set(ENDPOINTS) <= paths, "Described, and not there."


def test_errors_of_every_endpoint_have_one_shape(gateway: Gateway) -> None:
    """Clients read ``error.code`` and ``error.message`` whatever they called and whatever went wrong."""
    app = create_app(gateway=gateway)
    here: dict[str, Any] = {"base_url": "http://127.0.0.1", "client": ("127.0.0.1", 50_000)}
    with TestClient(app, raise_server_exceptions=False, **here) as client:
        for endpoint in ENDPOINTS:
            method, path = endpoint.split()
            where = path.replace("{", "").replace("}", "")
            answers = [client.request("DELETE", where), client.request(method, f"{where}?limit=x&view=x")]
            answers += [client.request(method, where, content=body) for body in (b"", b"\xff", b"[]", b"{", b'{"x":1}')]
            for answer in [one for one in answers if one.status_code >= 400]:
                error = answer.json()["error"]
                assert {"message", "type", "code", "param"} <= set(error), (endpoint, answer.text)
                assert answer.status_code < 500, (endpoint, answer.text)
        assert client.get("/v1/nothing").json()["error"]["code"] == "not_found"


ODD: tuple[dict[str, Any], ...] = (
    {},
    {"at": "9999-12-31T23:59:59-23:00"},
    {"at": "0001-01-01T00:00:00+23:00"},
    {"at": "9999-12-31T23:59:59Z"},
    {"at": "0001-01-01T00:00:00"},
    {"source": "\ud800"},
    {"signals": {"\udfff": ["\ud800"]}},
    {"final_lane": "\ud800"},
    {"execution_id": "\ud800"},
)
"""Of reports: what strings and times a schema does not tell of."""


def _named(case: Any, gateway: Gateway) -> None:
    """Have a case be about something that there is."""
    waits = gateway.executor.complete("What is a lien?", metadata={"org": "acme"})
    ids = {"decision_id": waits.decision.decision_id, "approval_id": waits.review_id, "model": "fast"}
    for name in set(ids) & set(case.path_parameters or {}):
        case.path_parameters[name] = ids[name]
    if isinstance(case.body, dict) and "decision_id" in case.body:
        case.body["decision_id"] = ids["decision_id"]
    if case.path == "/v1/approvals/{approval_id}/resume" and waits.review_id is not None:
        gateway.executor.reviews.decide(waits.review_id, True, who="test", why="So that it goes on.")


@pytest.mark.slow
def test_whatever_the_document_allows_or_forbids_is_answered_as_it_says(gateway: Gateway, tmp_path: Path) -> None:
    """No server error, and every answer has a status, a type and a body that the document has."""
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis (extra: test) makes the requests")
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st
    from hypothesis.errors import Unsatisfiable
    from schemathesis import checks as known
    from schemathesis.specs.openapi import checks as of_openapi

    wanted = [
        known.not_a_server_error,
        of_openapi.response_schema_conformance,
        of_openapi.content_type_conformance,
        of_openapi.status_code_conformance,
    ]
    with served(create_app(gateway=gateway)) as url:
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
        for found in schema.get_all_operations():
            operation = found.ok()
            for mode in schemathesis.GenerationMode:

                @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans(), odd=st.sampled_from(ODD))
                @settings(
                    max_examples=12,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                def holds(case: schemathesis.Case, real: bool, odd: dict[str, Any]) -> None:
                    if real:
                        _named(case, gateway)
                    if case.path in ("/v1/outcomes", "/v1/executions") and isinstance(case.body, dict):
                        one = case.body.get("outcomes")
                        for report in one if isinstance(one, list) else [case.body]:
                            if isinstance(report, dict):
                                report.update(odd)
                    case.call_and_validate(checks=wanted, timeout=30)

                with suppress(Unsatisfiable):  # nothing about an endpoint that takes nothing can be wrong
                    holds()
