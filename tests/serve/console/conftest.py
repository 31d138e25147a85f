"""A console over the bundle that ships and a log of its own, and browsers of people with and without a key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="fastapi (extra: serve) serves")

from fastapi.testclient import TestClient

from router_ml import Executor, Router
from router_ml.serve.access.keys import WantedKey, create_key
from router_ml.serve.app import create_app
from router_ml.serve.console.traffic import live
from router_ml.serve.console.traffic.drifting import Drifting
from router_ml.serve.gateway import Gateway
from router_ml.serve.settings import Settings
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog
from router_ml.storage.service.access import AccessTable

KEYS = {
    "operator": WantedKey(name="operator", scopes=frozenset({"route", "execute", "outcomes", "admin"})),
    "acme": WantedKey(name="acme's product", scopes=frozenset({"route"}), org="acme"),
    "reporter": WantedKey(name="reporter", scopes=frozenset({"outcomes"}), org="acme"),
}


@pytest.fixture(autouse=True)
def _no_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks for drift, which is a process of its own, but where a test is about that."""
    monkeypatch.setattr(live, "Drifting", partial(Drifting, command=["true"]))


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    """The log of the gateway; the router closes it."""
    return EventLog(tmp_path / "log.sqlite")


@pytest.fixture
def gateway(bundle: Bundle, log: EventLog) -> Iterator[Gateway]:
    """Routes with the bundle that ships."""
    with Router(bundle.config, bundle=bundle, log=log) as router, Executor(router) as executor:
        yield Gateway(Settings(), executor)


class Visitor:
    """A browser: it keeps cookies, and sends forms with the token of the page that it was shown."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def get(self, path: str, **query: str) -> str:
        """A page, which is there."""
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.text

    def status(self, path: str) -> int:
        """How a page is answered."""
        return self.client.get(path, follow_redirects=False).status_code

    def post(self, path: str, fields: dict[str, str | list[str]], *, page: str = "", status: int = 200) -> str:
        """What a form is answered; ``page``: where it stands, by default where it goes."""
        token = re.search(r'name="csrf" value="(\w+)"', self.client.get(page or path).text)
        answer = self.client.post(path, data={**fields, "csrf": token[1] if token else ""})
        assert answer.status_code == status, answer.text
        return answer.text

    def log_in(self, key: str) -> None:
        """Have a session, whatever pages it may see."""
        token = re.search(r'name="csrf" value="(\w+)"', self.client.get("/console/login").text)
        form = {"key": key, "csrf": token[1] if token else ""}
        assert self.client.post("/console/login", data=form, follow_redirects=False).status_code == 303


@pytest.fixture
def visitor(gateway: Gateway) -> Iterator[Visitor]:
    """Anybody on this machine, while there is no key."""
    app = create_app(gateway=gateway)
    with TestClient(app, base_url="http://127.0.0.1:8080", client=("127.0.0.1", 50_000)) as client:
        yield Visitor(client)


@pytest.fixture
def as_key(gateway: Gateway, log: EventLog) -> Iterator[Callable[[str], Visitor]]:
    """Visitors who have logged in with a key of ``KEYS``."""
    tokens = {name: create_key(AccessTable(log), one, who="test", why="to look").token for name, one in KEYS.items()}
    with TestClient(create_app(gateway=gateway), base_url="http://127.0.0.1:8080", client=("127.0.0.1", 50_000)) as one:

        def logged_in(name: str) -> Visitor:
            one.cookies.clear()
            visitor = Visitor(one)
            visitor.log_in(tokens[name])
            return visitor

        yield logged_in
