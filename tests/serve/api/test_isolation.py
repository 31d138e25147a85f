"""No endpoint, of those that there are and those to come, is open by mistake or shows one organisation another's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from router_ml import Router
from router_ml.serve.access.caller import SCOPES
from router_ml.serve.access.keys import WantedKey, create_key, id_of
from router_ml.serve.app import create_app
from router_ml.serve.gateway import Gateway
from router_ml.storage.service.access import AccessTable
from tests.serve.api.conftest import WORK
from tests.serve.clients import client_of

PUBLIC = {"/openapi.json", "/healthz", "/readyz", "/console/login", "/console/static/{digest}/{name}"}
"""They say nothing of any request."""
PLACES = ("decision_id", "approval_id", "key_id", "name", "digest", "model", "word", "rest")
"""What is in a path: a new one has to be filled in by ``World.filled``."""
CANARY = "canary"
THEIRS = "acme"  # of whose requests a person looks at some


def endpoints(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path of all there are."""

    def walked(routes: Any) -> Iterator[Any]:
        for route in routes:
            inner = getattr(route, "original_router", None)
            yield from [route] if inner is None else walked(inner.routes)

    return sorted((method, route.path) for route in walked(app.routes) for method in route.methods - {"HEAD"})


@dataclass(frozen=True)
class World:
    """``key``: with all scopes, of one organisation; the other's decision, approval and key, and what its log says."""

    app: FastAPI
    router: Router
    key: str
    theirs: str
    decision_id: str
    approval_id: str

    def filled(self, path: str, **others: str) -> str:
        """A path that names what the other organisation has."""
        values = {"decision_id": self.decision_id, "approval_id": self.approval_id, "key_id": id_of(self.theirs)}
        values |= {"name": self.decision_id, "digest": "0", "model": "auto", "word": "grant", "rest": "nowhere"}
        values |= others
        return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: values[found[1]], path)

    def kept(self) -> dict[str, list[Any]]:
        """All that is the other's, but what the database numbers."""
        assert self.router.log is not None
        of = {"decisions", "outcomes", "executions", "approvals", "waiting", "output_checks"}
        found: dict[str, list[Any]] = {}
        with self.router.log.session.engine.connect() as connection:
            for table in sorted(of):
                query = f"SELECT * FROM {table} WHERE decision_id = ? ORDER BY 1"  # noqa: S608
                found[table] = list(connection.exec_driver_sql(query, (self.decision_id,)))
            query = "SELECT * FROM api_keys WHERE key_id = ?"
            found["keys"] = list(connection.exec_driver_sql(query, (id_of(self.theirs),)))
        return found


@pytest.fixture
def world(gateway: Gateway, router: Router) -> World:
    """A key of globex, and what acme has."""
    assert router.log is not None
    table = AccessTable(router.log)
    mine = WantedKey(name="globex", scopes=SCOPES, org="Globex")
    theirs = WantedKey(name=f"{CANARY} key", scopes=WORK, org="Acme")
    keys = [create_key(table, one, who="test", why="x").token for one in (mine, theirs)]
    said = {"metadata": {"org": THEIRS}, "request_id": f"{CANARY}-request"}
    decided = router.predict_route({"text": "What is a lien?", **said})
    router.log_outcome(decided.decision_id, quality=0.25, source=f"{CANARY} source")
    waits = gateway.executor.complete("What is a lien?", **said)
    assert waits.review_id is not None
    return World(create_app(gateway=gateway), router, *keys, decided.decision_id, waits.review_id)


def bodies(world: World) -> list[Any]:
    """What may be sent anywhere: nothing, what each endpoint wants, and the other's ids in every field."""
    other, metadata = world.decision_id, {"metadata": {"org": THEIRS}}
    return [
        {},
        {"why": "x"},
        {"text": "hello", "previous": {"decision_id": other}},
        {"text": "hello", **metadata},
        {"requests": [{"text": "hello", **metadata}]},
        {"model": "auto", "messages": [{"role": "user", "content": "hello"}], **metadata},
        {"model": "auto", "input": "hello", "previous_response_id": other, **metadata},
        {"decision_id": other, "quality": 1.0},
        {"outcomes": [{"decision_id": other, "quality": 1.0}]},
        {"decision_id": other, "status": "answered", "final_lane": "fast"},
        {"executions": [{"decision_id": other, "status": "answered"}]},
        {"name": "mine", "scopes": ["route"], "org": THEIRS, "why": "x"},
    ]


def test_no_endpoint_is_open_to_whoever_has_no_key(world: World) -> None:
    """One that was forgotten would be open to the world."""
    with client_of(world.app) as client:
        for method, path in endpoints(world.app):
            answer = client.request(method, world.filled(path), json={} if method == "POST" else None)
            to_login = answer.status_code == 303 and answer.headers["location"].startswith("/console/login")
            refused = answer.status_code in (401, 405) or to_login  # 405: there is nothing to be done for anybody
            assert refused != (path in PUBLIC), (
                f"{method} {path} answers {answer.status_code} without a key: ask for a caller, or add it to PUBLIC."
            )


def test_what_stands_in_paths_is_known_here() -> None:
    """The tests below have to fill in what would be another's."""
    found = {place for _, path in endpoints(create_app()) for place in re.findall(r"\{(\w+)", path)}
    assert found == set(PLACES)


def test_no_endpoint_shows_or_changes_what_is_anothers(world: World) -> None:
    before = world.kept()
    assert len(before["decisions"]) == len(before["outcomes"]) == len(before["keys"]) == 1
    with client_of(world.app, world.key) as client:
        log_in(client, world.key)
        for method, path in endpoints(world.app):
            if path.startswith("/console/log"):
                continue
            for url in {world.filled(path), world.filled(path, word="deny"), world.filled(path, name=CANARY[:1])}:
                for sent in bodies(world) if method == "POST" else [None]:
                    nothing_of_theirs(world, send(client, method, url, sent), said=json.dumps(sent) + url)
            for query in ({"org": THEIRS}, {"q": f"org:{THEIRS}"}, {"q": world.decision_id[:10]}, {"limit": "100"}):
                if method == "GET":
                    answer = client.get(world.filled(path), params=query)
                    nothing_of_theirs(world, answer, said=json.dumps(query) + world.filled(path))
    assert world.kept() == before


def test_what_is_anothers_is_answered_as_what_there_is_not(world: World) -> None:
    """Even a record without a word of theirs would tell that it is there."""
    made_up = {"decision_id": f"dec_{'0' * 24}", "approval_id": f"apr_{'0' * 24}", "key_id": "0" * 16}
    with client_of(world.app, world.key) as client:
        log_in(client, world.key)
        for method, path in endpoints(world.app):
            for body in [{"why": "x"}, {}] if method == "POST" else [None]:
                if any(f"{{{place}" in path for place in made_up):
                    real = answered(send(client, method, world.filled(path), body))
                    assert real == answered(send(client, method, world.filled(path, **made_up), body)), path
                    assert real[0] in (303, 400, 404), path
        for path in ("/v1/outcomes", "/v1/executions"):
            real, none = (client.post(path, json={"decision_id": name}) for name in (world.decision_id, "dec_none"))
            assert answered(real) == answered(none)


def answered(answer: Any) -> tuple[int, str]:
    """Without what differs from answer to answer."""
    text = re.sub(r"dec_\w+|apr_\w+|\b[0-9a-f]{16}\b", "ID", answer.text)
    return answer.status_code, re.sub(r'value="[0-9a-f]{32,}"', "", text)


def test_nobody_takes_the_id_of_anothers_execution(world: World) -> None:
    """Ids that people choose are words as ``run-1``; another's must be neither taken nor known."""
    mine = world.router.predict_route({"text": "What is a lien?", "metadata": {"org": "globex"}}).decision_id
    kept = []
    for key, name in ((world.key, mine), (world.theirs, world.decision_id)):
        with client_of(world.app, key) as client:
            said = {"decision_id": name, "execution_id": "run-1", "final_lane": "own"}
            answer = client.post("/v1/executions", json=said)
            assert answer.status_code == 200, answer.text
            kept.append(answer.json()["execution_id"])
            again = client.post("/v1/executions", json={**said, "execution_id": kept[-1], "resumes": "run-0"})
            assert again.status_code == 409, "what stands under it is another one"
            longest = client.post("/v1/executions", json={**said, "execution_id": "x" * 128})
            assert longest.status_code == 200
            assert longest.json()["execution_id"].startswith("exe_")
            gone_on = {**said, "execution_id": "run-2", "resumes": "run-1"}
            assert client.post("/v1/executions", json=gone_on).status_code == 200
    assert kept == [f"run-1@{mine}", f"run-1@{world.decision_id}"]
    assert world.router.log is not None
    runs = {run.execution_id: run for run in world.router.log.executions(mine)}
    assert runs[f"run-2@{mine}"].resumes == f"run-1@{mine}"


def test_whoever_may_sees_what_the_other_does_not(world: World) -> None:
    """Otherwise the test above could not fail."""
    table = AccessTable(world.router.log)  # type: ignore[arg-type]
    operator = create_key(table, WantedKey(name="operator", scopes=SCOPES), who="test", why="x").token
    with client_of(world.app, operator) as client:
        log_in(client, operator)
        for path in ("/v1/keys", "/v1/decisions", f"/v1/decisions/{world.decision_id}?view=story", "/console/access"):
            answer = client.get(path)
            assert answer.status_code == 200
            with pytest.raises(AssertionError):
                nothing_of_theirs(world, answer, said="")


def log_in(client: TestClient, key: str) -> None:
    page = client.get("/console/login").text
    form = {"csrf": re.findall(r'name="csrf" value="([0-9a-f]+)"', page)[0], "key": key}
    assert client.post("/console/login", data=form).status_code == 303
    page = client.get("/console/try").text
    client.headers["x-csrf-token"] = re.findall(r'name="csrf" value="([0-9a-f]+)"', page)[0]


def send(client: TestClient, method: str, url: str, sent: Any) -> Any:
    """As a form where a page is meant."""
    if sent is None or not url.startswith("/console"):
        return client.request(method, url, json=sent)
    flat = {name: value if isinstance(value, str) else json.dumps(value) for name, value in sent.items()}
    return client.post(url, data=flat)


def nothing_of_theirs(world: World, answer: Any, *, said: str) -> None:
    """An id that the caller has said itself it may be told, and nothing else that is theirs."""
    assert answer.status_code < 500 or answer.status_code == 503
    text = answer.text + str(answer.headers)
    assert CANARY not in text, f"{answer.request.method} {answer.request.url} tells what another said."
    for theirs in (world.decision_id, world.approval_id, id_of(world.theirs)):
        assert theirs in said or theirs not in text, f"{answer.request.method} {answer.request.url} tells of another."
