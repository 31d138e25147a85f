"""What becomes of decisions is taken from whoever may say it, and from nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from router_ml import Router
from router_ml.serve.api.outcomes import MOST, MOST_TIMES

Client = Callable[..., TestClient]
AT = "2026-03-01T12:00:00Z"


def decided(router: Router, org: str = "globex") -> str:
    return router.predict_route("What is a lien?", metadata={"org": org}).decision_id


def test_an_outcome_is_kept_and_repeating_it_changes_nothing(client: Client, router: Router) -> None:
    said = {"decision_id": decided(router), "quality": 1.0, "at": AT}
    for _ in range(2):
        answer = client("globex").post("/v1/outcomes", json=said)
        assert answer.status_code == 200, answer.text
        assert answer.json()["acknowledged"] == "database"
    assert router.log is not None
    assert [outcome.quality for outcome in router.log.outcomes()] == [1.0]


def test_of_several_each_has_an_answer_of_its_own(client: Client, router: Router) -> None:
    good, others = decided(router), decided(router, "acme")
    given = [
        {"decision_id": good, "quality": 0.5},
        {"decision_id": good, "quality": 2.0},
        "no outcome",
        {"decision_id": others, "quality": 0.0},
        {"decision_id": "dec_unheard_of", "quality": 0.0},
    ]
    answer = client("globex").post("/v1/outcomes", json={"outcomes": given})
    said = answer.json()
    assert (answer.status_code, said["failed"]) == (207, 4)
    assert [one.get("status", 200) for one in said["outcomes"]] == [200, 400, 400, 404, 404]
    assert said["outcomes"][3] == said["outcomes"][4]  # another's decision looks like none
    assert router.log is not None
    assert len(list(router.log.outcomes())) == 1


def test_a_list_is_bounded(client: Client, router: Router) -> None:
    one = {"decision_id": decided(router), "quality": 0.5}
    for given in ([], [one] * (MOST + 1), {"a": 1}):
        assert client("globex").post("/v1/outcomes", json={"outcomes": given}).status_code == 400


def test_an_outcome_of_what_is_not_known_yet_is_worth_repeating(client: Client) -> None:
    for who in ("globex", "all"):
        answer = client(who).post("/v1/outcomes", json={"decision_id": "dec_unheard_of", "quality": 1.0})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_decision")
        assert answer.headers["retry-after"]


def test_names_that_collide_with_code_are_only_unknown_fields(client: Client, router: Router) -> None:
    for name in ("self", "fields", "__class__"):
        said = {"decision_id": decided(router), name: 1}
        assert client("all").post("/v1/outcomes", json=said).status_code == 400


def test_an_execution_is_kept_once_and_only_of_an_own_decision(client: Client, router: Router) -> None:
    hop = {"lane": "own", "provider": "vllm", "region": "eu", "boundary": "private", "cost_usd": 0.001}
    said = {"decision_id": decided(router), "status": "answered", "final_lane": "own", "hops": [hop]}
    ids = {client("globex").post("/v1/executions", json=said).json()["execution_id"] for _ in range(2)}
    assert len(ids) == 1
    assert router.log is not None
    assert [run.execution_id for run in router.log.executions(said["decision_id"])] == list(ids)
    other = client("acme").post("/v1/executions", json=said)
    assert (other.status_code, other.json()["error"]["code"]) == (404, "unknown_decision")
    named = {**said, "execution_id": "mine", "latency_ms": 1.0}
    assert client("globex").post("/v1/executions", json=named).status_code == 200
    taken = client("globex").post("/v1/executions", json={**named, "latency_ms": 2.0})
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "already_logged")


def test_an_organisation_is_known_although_something_was_found_beside_it(client: Client, router: Router) -> None:
    """Otherwise nobody of that organisation could ever say how good the answer was."""
    metadata = {"user": "ann.smith@example-corp.com", "org": "globex"}
    name = router.predict_route("What is a lien?", metadata=metadata).decision_id
    assert client("globex").post("/v1/outcomes", json={"decision_id": name, "quality": 1.0}).status_code == 200
    assert client("acme").post("/v1/outcomes", json={"decision_id": name, "quality": 1.0}).status_code == 404


BEYOND = ("9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+23:00")


def test_what_no_log_can_hold_is_refused_before_it_is_acknowledged(client: Client, router: Router) -> None:
    """One such record would stop the log of everybody, or be an error of the server."""
    name = decided(router)
    for at in BEYOND:
        for path in ("/v1/outcomes", "/v1/executions"):
            answer = client("globex").post(path, json={"decision_id": name, "at": at})
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request_error")
        wanted = {"name": "x", "scopes": ["route"], "why": "x", "expires_at": at}
        assert client("all").post("/v1/keys", json=wanted).status_code == 400
        wanted = {"places": ["fast"], "why": "x", "until": at}
        assert client("all").post("/v1/switches", json=wanted).status_code == 400


HALF = b'{"decision_id": "%s", "%s": "\\ud800"}'


def sent(client: TestClient, path: str, body: bytes) -> tuple[int, str]:
    answer = client.post(path, content=body)
    return answer.status_code, answer.text


def test_half_a_character_is_refused_wherever_it_comes_in(client: Client, router: Router) -> None:
    name = decided(router).encode()
    assert sent(client("globex"), "/v1/outcomes", HALF % (name, b"source"))[0] == 400
    for path in ("/v1/executions", "/v1/route", "/v1/chat/completions", "/v1/keys"):
        status, said = sent(client("all"), path, HALF % (name, b"final_lane"))
        assert (status, "A text in the body holds half" in said) == (400, True)


def test_one_bad_outcome_of_several_is_refused_alone(client: Client, router: Router) -> None:
    """Else whoever repeats the call records the good ones again."""
    name = decided(router).encode()
    items = b", ".join((b'{"decision_id": "%s"}' % name, HALF % (name, b"source"), b'{"decision_id": "%s"}' % name))
    answer = client("globex").post("/v1/outcomes", content=b'{"outcomes": [%s]}' % items)
    assert (answer.status_code, answer.json()["failed"]) == (207, 1)
    assert [one.get("status", 200) for one in answer.json()["outcomes"]] == [200, 400, 200]


def test_what_breaks_in_one_of_several_is_its_answer(
    client: Client, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = decided(router)
    keep = router.log_outcome

    def breaks(decision_id: str, **fields: Any) -> Any:
        if fields.get("source") == "bad":
            raise ZeroDivisionError("text of a request")
        return keep(decision_id, **fields)

    monkeypatch.setattr(router, "log_outcome", breaks)
    given = [{"decision_id": name, "source": source} for source in ("good", "bad", "user")]
    answer = client("globex").post("/v1/outcomes", json={"outcomes": given})
    assert [one.get("status", 200) for one in answer.json()["outcomes"]] == [200, 500, 200]
    assert "text of a request" not in answer.text


def test_who_only_reports_cannot_spend_or_give_back_a_budget(client: Client, router: Router) -> None:
    said = {"decision_id": decided(router)}
    for usd in (0.0, 1e-6, 1e6):
        answer = client("rater").post("/v1/outcomes", json={**said, "cost_usd": usd})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "missing_scope")
        assert client("rater").post("/v1/executions", json={**said, "cost_usd": usd}).status_code == 403
    assert client("rater").post("/v1/outcomes", json={**said, "quality": 1.0}).status_code == 200


def test_a_cost_is_one_that_the_decision_could_have_come_to(client: Client, router: Router) -> None:
    made = router.predict_route("What is a lien?", metadata={"org": "globex"})
    most = MOST_TIMES * max(estimate.cost_usd for estimate in made.estimates.values())
    hop = {"lane": "own", "provider": "vllm", "region": "eu", "boundary": "private"}
    assert router.log is not None
    for _ in range(2):  # as this process remembers it, then as the log has it
        for path, more in (("outcomes", {"cost_usd": 1.01 * most}), ("executions", {"cost_usd": 1.01 * most}),
                           ("executions", {"hops": [{**hop, "cost_usd": 0.6 * most}] * 2})):  # fmt: skip
            answer = client("globex").post(f"/v1/{path}", json={"decision_id": made.decision_id, **more})
            assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error"), answer.text
        said = {"decision_id": made.decision_id, "cost_usd": 0.99 * most}
        assert client("globex").post("/v1/outcomes", json=said).status_code == 200
        router._recorder._known.clear()
