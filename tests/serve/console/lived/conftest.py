"""A gateway that has been used by two organisations, and browsers of their operators."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="fastapi (extra: serve) serves")

from fastapi.testclient import TestClient

from router_ml import Executor, Router
from router_ml.config import load_config
from router_ml.faults import FaultServer, faulty_config
from router_ml.serve.access.keys import WantedKey, create_key
from router_ml.serve.app import create_app
from router_ml.serve.gateway import Gateway
from router_ml.serve.settings import Settings
from router_ml.storage.eventlog import EventLog
from router_ml.storage.service.access import AccessTable
from tests.execution.reviewing import CONFIG

HOSTILE = "<script>alert(1)</script>{{ 7 * 7 }}"
ADMIN = frozenset({"admin"})
KEYS = {
    "all": WantedKey(name="operator", scopes=frozenset({"route", "execute", "outcomes", "admin"})),
    "acme": WantedKey(name="acme's lawyer", scopes=ADMIN, org="Acme"),
    "globex": WantedKey(name="globex's boss", scopes=ADMIN, org="globex"),
    "product": WantedKey(name="a product", scopes=frozenset({"route"})),
}


@dataclass
class Lived:
    """``answered``: a decision of globex; ``waits``: one of acme that a person has to look at, and its ``approval``."""

    gateway: Gateway
    log: EventLog
    reports: Path
    answered: str
    waits: str
    approval: str


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[Lived]:
    """Some requests of three organisations, one with a hostile name, and a rating."""
    path, reports = tmp_path / "router.yaml", tmp_path / "reports"
    path.write_text(CONFIG, encoding="utf-8")
    reports.mkdir()
    log = EventLog(tmp_path / "log.sqlite")
    with (
        FaultServer() as server,
        Router(faulty_config(server, load_config(path)), log=log) as router,
        Executor(router) as executor,
    ):
        asked = ("globex", "acme", HOSTILE)
        done = [executor.complete({"text": "Which law?", "metadata": {"org": org}}) for org in asked]
        router.log_outcome(done[0].decision.decision_id, quality=0.25, source=HOSTILE)
        router.flush()
        (step,) = executor.reviews.pending()
        ids = (done[0].decision.decision_id, done[1].decision.decision_id, step.approval_id)
        yield Lived(Gateway(Settings(reports=reports), executor), log, reports, *ids)


class Browser:
    """It keeps cookies, and sends forms with the token of the page that it was shown."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def page(self, path: str, status: int = 200, **query: str) -> str:
        """A page."""
        answer = self.client.get(path, params=query, follow_redirects=False)
        assert answer.status_code == status, answer.text
        return answer.text

    def send(self, path: str, fields: dict[str, str], *, page: str, status: int = 303) -> str:
        """A form that stands on a page."""
        hidden = re.findall(r'name="(csrf|once)" value="(\w+)"', self.client.get(page).text)
        sent = {**dict(hidden), **fields}
        answer = self.client.post(path, data=sent, follow_redirects=False)
        assert answer.status_code == status, answer.text
        return answer.headers.get("location", answer.text)


@pytest.fixture
def as_key(lived: Lived) -> Iterator[Callable[[str], Browser]]:
    """Browsers that have logged in with a key of ``KEYS``."""
    table = AccessTable(lived.log)
    tokens = {name: create_key(table, one, who="test", why="to look").token for name, one in KEYS.items()}
    app = create_app(gateway=lived.gateway)
    with TestClient(app, base_url="http://127.0.0.1:8080", client=("127.0.0.1", 50_000)) as client:

        def logged_in(name: str) -> Browser:
            client.cookies.clear()
            browser = Browser(client)
            browser.send("/console/login", {"key": tokens[name]}, page="/console/login")
            return browser

        yield logged_in
