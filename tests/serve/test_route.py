"""``/v1/route`` over HTTP: the decision that the library makes, with headers, a deadline and words on request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from router_ml import Router
from router_ml.contract import RouteDecision
from router_ml.execution import Executor
from router_ml.serve.access.caller import Caller
from router_ml.serve.app import create_app
from router_ml.serve.asked import whoever_calls
from router_ml.serve.gateway import Gateway
from router_ml.serve.headers import of_decision
from router_ml.serve.settings import Settings
from router_ml.storage.bundle import Bundle
from tests.serve.clients import client_of

QUESTION = "Which planet has the strongest winds?"


@pytest.fixture(scope="module")
def client(bundle: Bundle) -> Iterator[TestClient]:
    gateway = Gateway(Settings(max_list=3), Executor(Router(bundle.config, bundle=bundle)))
    with client_of(create_app(gateway=gateway)) as client:
        yield client
    gateway.close()


def test_it_answers_with_the_decision_and_says_the_gist_in_headers(client: TestClient) -> None:
    answer = client.post("/v1/route", json={"text": QUESTION, "channel": "web"})
    assert answer.status_code == 200
    decision = RouteDecision.model_validate_json(answer.text)
    assert decision.to_json() == answer.text
    assert of_decision(decision).items() <= dict(answer.headers).items()


def test_a_deadline_comes_in_a_header(client: TestClient) -> None:
    late = client.post("/v1/route", json={"text": QUESTION}, headers={"x-router-ml-deadline-ms": "0"})
    assert late.headers["x-router-ml-degraded"] == "deadline"
    assert RouteDecision.model_validate_json(late.text).state.degraded is not None
    for wrong in ("-1", "soon", "nan", "inf"):
        answer = client.post("/v1/route", json={"text": QUESTION}, headers={"x-router-ml-deadline-ms": wrong})
        assert answer.status_code == 400


def test_why_is_said_beside_the_decision_or_alone(client: TestClient) -> None:
    body = {"text": QUESTION}
    for audience in ("user", "operator", "auditor"):
        answer = client.post("/v1/route", params={"explain": audience}, json=body).json()
        decision = RouteDecision.model_validate(answer["decision"])
        assert answer["explanation"] == decision.explain(audience)
    plain = client.post("/v1/route", json=body, headers={"accept": "text/plain"})
    assert plain.headers["content-type"].startswith("text/plain")
    assert plain.text.startswith(plain.headers["x-router-ml-decision-id"])
    for accept in ("Text/Plain; charset=utf-8", "TEXT/PLAIN, */*"):
        assert client.post("/v1/route", json=body, headers={"accept": accept}).text.startswith("dec_")
    for accept in ("text/plainly", "application/json, text/plain"):
        assert client.post("/v1/route", json=body, headers={"accept": accept}).text.startswith("{")
    assert client.post("/v1/route", params={"explain": "nobody"}, json=body).status_code == 400


def test_a_list_is_decided_in_its_order_or_not_at_all(client: TestClient) -> None:
    texts = [QUESTION, "Translate 'dog' to French.", "Hola."]
    answer = client.post("/v1/route/batch", json={"requests": [{"text": text} for text in texts]})
    found = [RouteDecision.model_validate(one) for one in answer.json()["decisions"]]
    assert [one.language.code for one in found] == ["en", "en", found[2].language.code]
    assert len({one.decision_id for one in found}) == 3
    wrong = client.post("/v1/route/batch", json={"requests": [{"text": QUESTION}, {"words": "?"}]})
    late = client.post(
        "/v1/route/batch", json={"requests": [{"text": QUESTION}]}, headers={"x-router-ml-deadline-ms": "50"}
    )
    assert (late.status_code, "no deadline" in late.json()["error"]["message"]) == (400, True)
    assert (wrong.status_code, "Request 1" in wrong.json()["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"requests": []}, 400),
        ({"requests": "abc"}, 400),
        ({"requests": [["text", "x"]]}, 400),
        ({"requests": [{"text": "x"}], "more": 1}, 400),
        ({"requests": [{"text": "x"}] * 4}, 413),
    ],
)
def test_what_is_no_list_of_requests_is_refused(client: TestClient, body: dict[str, object], status: int) -> None:
    assert client.post("/v1/route/batch", json=body).status_code == status


def test_too_much_at_a_time_is_refused_before_it_is_read(bundle: Bundle) -> None:
    gateway = Gateway(Settings(max_in_flight=1), Executor(Router(bundle.config, bundle=bundle)))
    gateway.shedding.in_flight = 1
    with client_of(create_app(gateway=gateway)) as client:
        answer = client.post("/v1/route", content=b"not even JSON")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
    gateway.close()


def test_a_list_counts_as_what_it_is_to_the_limit_of_its_key(bundle: Bundle) -> None:
    """Else the limit would be one of calls, and a call may hold a hundred requests."""
    gateway = Gateway(Settings(), Executor(Router(bundle.config, bundle=bundle)))
    caller = Caller("k1", "product", frozenset({"route"}), requests_per_minute=5)
    one, several = {"text": QUESTION}, {"requests": [{"text": QUESTION}] * 3}
    with client_of(create_app(gateway=gateway)) as client:
        client.app.dependency_overrides[whoever_calls] = lambda: caller  # type: ignore[attr-defined]
        assert client.post("/v1/route/batch", json=several).status_code == 200
        assert gateway.counts.own()
        again = client.post("/v1/route/batch", json={"requests": [one] * 5})
        assert (again.status_code, "retry-after" in again.headers) == (429, True)
        never = client.post("/v1/route/batch", json={"requests": [one] * 6})
        assert (never.status_code, "at most 5 a minute" in never.json()["error"]["message"]) == (400, True)
    gateway.close()
