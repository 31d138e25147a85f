"""A decision and its story are for whoever may know them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from router_ml import Router
from router_ml.errors import LogError
from router_ml.storage.spooling.recorder import Recorder
from router_ml.storage.views.owners import Owned

Client = Callable[..., TestClient]
LANES = ("fast", "own", "openai", "vllm")


@pytest.fixture
def decision_id(router: Router) -> str:
    decision = router.predict_route("What is a lien?", metadata={"org": "globex"})
    router.log_outcome(decision.decision_id, quality=1.0)
    return decision.decision_id


def test_the_record_is_the_one_that_was_answered(client: Client, router: Router, decision_id: str) -> None:
    answer = client("globex").get(f"/v1/decisions/{decision_id}")
    found = router.find(decision_id)
    assert found is not None
    assert answer.text == found.to_json()


def test_the_story_holds_what_came_of_it(client: Client, decision_id: str) -> None:
    said = client("globex-admin").get(f"/v1/decisions/{decision_id}", params={"view": "story"}).json()
    assert said["decision"]["decision_id"] == decision_id
    assert [outcome["quality"] for outcome in said["outcomes"]] == [1.0]


def test_a_user_reads_of_no_lane_price_or_rule(client: Client, decision_id: str) -> None:
    asked = {"view": "explain", "audience": "user"}
    said = client("globex").get(f"/v1/decisions/{decision_id}", params=asked).json()
    assert set(said) == {"decision_id", "audience", "explanation"}
    assert not [word for word in LANES if word in said["explanation"].split()]
    for view in ("record", "story"):
        answer = client("globex-admin").get(f"/v1/decisions/{decision_id}", params={"view": view, "audience": "user"})
        assert answer.status_code == 400


def test_whoever_only_routes_reads_no_story_and_no_list(client: Client, decision_id: str) -> None:
    """They hold what others said and did: texts of tools, ratings, whole conversations."""
    for path in ("/v1/decisions", f"/v1/decisions/{decision_id}?view=story"):
        answer = client("globex").get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "missing_scope")
        assert client("globex-admin").get(path).status_code == 200


def test_what_an_auditor_reads_takes_the_scope_admin(client: Client, decision_id: str) -> None:
    asked = {"view": "explain", "audience": "auditor"}
    assert client("globex").get(f"/v1/decisions/{decision_id}", params=asked).status_code == 403
    assert client("globex-admin").get(f"/v1/decisions/{decision_id}", params=asked).status_code == 200


@pytest.mark.parametrize("who", ["acme", "acme-admin"])
@pytest.mark.parametrize("view", ["record", "explain", "story"])
def test_a_decision_of_another_looks_like_none(client: Client, decision_id: str, who: str, view: str) -> None:
    theirs = client(who).get(f"/v1/decisions/{decision_id}", params={"view": view})
    if (who, view) == ("acme", "story"):
        assert theirs.status_code == 403
        return
    none = client(who).get("/v1/decisions/dec_unheard_of", params={"view": view})
    assert theirs.status_code == 404
    assert (theirs.text, theirs.headers) == (none.text, none.headers)


def test_a_decision_without_an_organisation_is_for_those_who_see_all(client: Client, router: Router) -> None:
    name = router.predict_route("What is a lien?").decision_id
    assert client("globex").get(f"/v1/decisions/{name}").status_code == 404
    assert client("all").get(f"/v1/decisions/{name}").status_code == 200


def test_what_is_still_in_the_spool_is_known_to_the_process_that_decided(
    tmp_path: Path, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the database is away, what was answered a moment ago can be looked at all the same."""
    monkeypatch.setenv("ROUTER_ML_SPOOL", str(tmp_path / "spool"))
    with Router.load(tmp_path / "router.yaml", log="postgresql+psycopg://127.0.0.1:9/none") as spooled:
        made = spooled.predict_route("What is a lien?", metadata={"org": "globex"})
        assert spooled.find(made.decision_id) == made
        assert spooled.owners([made.decision_id, "dec_unheard_of"]) == {made.decision_id: Owned("globex")}


def test_a_log_that_cannot_be_read_is_not_an_unknown_decision(
    client: Client, decision_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise LogError("connection to db.internal:5432 failed")

    monkeypatch.setattr(Recorder, "owners", away)
    answer = client("globex").get(f"/v1/decisions/{decision_id}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_logged")
    assert "db.internal" not in answer.text


def test_a_list_holds_what_is_the_callers_page_by_page(client: Client, router: Router) -> None:
    made = [
        router.predict_route("What is a lien?", metadata={"org": org}).decision_id
        for org in ("globex", "acme", "globex", "globex")
    ]
    ours = [made[3], made[2], made[0]]
    first = client("globex-admin").get("/v1/decisions", params={"limit": 2}).json()
    assert [row["decision_id"] for row in first["decisions"]] == ours[:2]
    rest = client("globex-admin").get("/v1/decisions", params={"limit": 2, "cursor": first["next"]}).json()
    assert ([row["decision_id"] for row in rest["decisions"]], rest["next"]) == (ours[2:], None)
    for who, org, count in (("globex-admin", "acme", 3), ("acme-admin", "", 1), ("all", "", 4), ("all", "ACME", 1)):
        found = client(who).get("/v1/decisions", params={"org": org, "since": "1h"}).json()
        assert len(found["decisions"]) == count, (who, org)


@pytest.mark.parametrize("asked", ["limit=0", "limit=1e3", "limit=999", "cursor=%27%20OR%201=1", "tier=%00", "x=y"])
def test_a_list_that_cannot_be_meant_is_refused(client: Client, asked: str) -> None:
    assert client("all").get(f"/v1/decisions?{asked}").status_code == 400


def test_a_decision_is_unknown_although_something_came_of_it_before_it_arrived(client: Client) -> None:
    """What came first says nothing of where the decision is."""
    assert client("all").post("/v1/executions", json={"decision_id": "dec_later"}).status_code == 200
    answer = client("all").get("/v1/decisions/dec_later")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_decision")


def test_an_organisation_sees_and_reports_on_what_was_decided_late(client: Client) -> None:
    """Nothing of it was scanned, and the key says whose it is all the same."""
    headers = {"x-router-ml-deadline-ms": "0"}
    made = client("globex").post("/v1/route", json={"text": "What is a lien?"}, headers=headers).json()
    assert made["guard_state"] == "unknown"
    outcome = {"decision_id": made["decision_id"], "quality": 1.0}
    assert client("globex").post("/v1/outcomes", json=outcome).status_code == 200
    assert client("globex").get(f"/v1/decisions/{made['decision_id']}").status_code == 200
    assert client("acme").get(f"/v1/decisions/{made['decision_id']}").status_code == 404
