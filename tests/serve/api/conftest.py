"""A gateway whose lanes are on a fault server, without a learned part, and callers of two organisations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

WORK, ALL = frozenset({"route", "execute", "outcomes"}), frozenset({"route", "execute", "outcomes", "admin"})
WANTED = {
    "acme": WantedKey(name="acme's product", scopes=WORK, org="Acme"),
    "acme-admin": WantedKey(name="acme's lawyer", scopes=frozenset({"admin"}), org="Acme"),
    "globex": WantedKey(name="globex's product", scopes=WORK, org="globex"),
    "globex-admin": WantedKey(name="globex's boss", scopes=frozenset({"admin"}), org="globex"),
    "rater": WantedKey(name="thumbs", scopes=frozenset({"outcomes"}), org="globex"),
    "all": WantedKey(name="operator", scopes=ALL),
}
"""Keys, by the name that tests call them."""


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """Gives good answers."""
    with FaultServer() as server:
        yield server


@pytest.fixture
def router(server: FaultServer, tmp_path: Path) -> Iterator[Router]:
    """Decides by rules alone; a person looks at what acme asks."""
    path = tmp_path / "router.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    with Router(faulty_config(server, load_config(path)), log=EventLog(tmp_path / "log.sqlite")) as router:
        yield router


@pytest.fixture
def gateway(router: Router) -> Iterator[Gateway]:
    """An open one."""
    with Executor(router) as executor:
        yield Gateway(Settings(), executor)


@pytest.fixture
def tokens(router: Router) -> dict[str, str]:
    """A key of each kind, in the router's log."""
    assert router.log is not None
    table = AccessTable(router.log)
    return {name: create_key(table, one, who="test", why="to call").token for name, one in WANTED.items()}


@pytest.fixture
def client(gateway: Gateway, tokens: dict[str, str]) -> Iterator[Callable[..., TestClient]]:
    """Clients by name of a key."""
    with TestClient(create_app(gateway=gateway), raise_server_exceptions=False) as opened:

        def as_caller(name: str) -> TestClient:
            opened.headers["authorization"] = f"Bearer {tokens[name]}"
            return opened

        yield as_caller
