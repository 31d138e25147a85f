"""What waits for a person is seen and decided by people of its organisation, goes on once, and says who let it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from router_ml import Router
from router_ml.contract import Approval
from router_ml.serve.gateway import Gateway

Client = Callable[..., TestClient]
WHY = {"why": "The question is harmless."}


@pytest.fixture
def waits(gateway: Gateway) -> str:
    """The id of a request of acme's that a lawyer has to look at."""
    completion = gateway.executor.complete("What is a lien?", metadata={"org": "ACME"})
    assert completion.review_id is not None
    return completion.review_id


def test_what_waits_is_listed_for_its_organisation_alone(client: Client, waits: str) -> None:
    for who, expected in (("acme-admin", [waits]), ("globex-admin", []), ("all", [waits])):
        said = client(who).get("/v1/approvals").json()
        assert ([one["approval_id"] for one in said["approvals"]], said["more"]) == (expected, False)
    assert client("acme").get("/v1/approvals").status_code == 403


def test_an_admin_sees_what_waits_and_who_asked_only_how_it_stands(client: Client, waits: str) -> None:
    seen = client("acme-admin").get(f"/v1/approvals/{waits}").json()
    assert seen["waits"]["request"]["text"] == "What is a lien?"
    asked = client("acme").get(f"/v1/approvals/{waits}").json()
    assert (asked["approval"]["state"], "waits" in asked) == ("requested", False)


def test_one_of_another_looks_like_none(client: Client, waits: str) -> None:
    for who, method, path in (
        ("globex", "GET", ""),
        ("globex-admin", "GET", ""),
        ("globex-admin", "POST", "/grant"),
        ("globex-admin", "POST", "/deny"),
        ("globex", "POST", "/resume"),
    ):
        answers = [
            client(who).request(method, f"/v1/approvals/{name}{path}", json=WHY if method == "POST" else None)
            for name in (waits, "apr_unheard_of")
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].text == answers[1].text
    assert client("acme").get(f"/v1/approvals/{waits}").json()["approval"]["state"] == "requested"


def test_what_was_granted_goes_on_once_and_the_log_says_who(client: Client, router: Router, waits: str) -> None:
    early = client("acme").post(f"/v1/approvals/{waits}/resume")
    assert (early.status_code, early.json()["error"]["code"]) == (409, "review")
    assert client("acme-admin").post(f"/v1/approvals/{waits}/grant", json=WHY).json()["state"] == "granted"
    answer = client("acme").post(f"/v1/approvals/{waits}/resume").json()
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"]
    assert answer["router"]["status"] == "answered"
    again = client("acme").post(f"/v1/approvals/{waits}/resume")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "review")
    assert router.log is not None
    granted: list[Approval] = [step for step in router.log.approvals() if step.state == "granted"]
    assert [(step.who or "").partition(" (key ")[0] for step in granted] == ["acme's lawyer"]
    assert [step.why for step in granted] == [WHY["why"]]


def test_what_was_denied_ends_as_a_refusal(client: Client, waits: str) -> None:
    assert client("acme-admin").post(f"/v1/approvals/{waits}/deny", json=WHY).json()["state"] == "denied"
    late = client("acme-admin").post(f"/v1/approvals/{waits}/grant", json=WHY)
    assert (late.status_code, late.json()["error"]["code"]) == (409, "review")
    answer = client("acme").post(f"/v1/approvals/{waits}/resume").json()
    assert answer["choices"][0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize("given", [{}, {"why": ""}, {"why": "  "}, {"why": 1}, {"why": "x", "who": "me"}])
def test_nobody_decides_without_saying_why(client: Client, waits: str, given: dict[str, object]) -> None:
    assert client("acme-admin").post(f"/v1/approvals/{waits}/grant", json=given).status_code == 400
    assert client("acme").get(f"/v1/approvals/{waits}").json()["approval"]["state"] == "requested"
