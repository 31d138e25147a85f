"""A gateway whose lanes are on a fault server, without a learned part, and callers of two organisations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="fastapi (extra: serve) serves")

from fastapi import Request
from fastapi.testclient import TestClient

from router_ml import Executor, Router
from router_ml.config import load_config
from router_ml.faults import FaultServer, faulty_config
from router_ml.serve.access.caller import AccessError, Caller
from router_ml.serve.app import create_app
from router_ml.serve.asked import Allowed, Served
from router_ml.serve.gateway import Gateway
from router_ml.serve.settings import Settings
from router_ml.storage.eventlog import EventLog
from tests.execution.reviewing import CONFIG

CALLERS = {
    "acme": Caller("k1", "acme's product", frozenset({"route", "execute", "outcomes"}), "Acme"),
    "acme-admin": Caller("k2", "acme's lawyer", frozenset({"admin"}), "Acme"),
    "globex": Caller("k3", "globex's product", frozenset({"route", "execute", "outcomes"}), "globex"),
    "globex-admin": Caller("k4", "globex's boss", frozenset({"admin"}), "globex"),
    "all": Caller("k5", "operator", frozenset({"route", "execute", "outcomes", "admin"}), None),
}


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


@pytest.fixture(autouse=True)
def callers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gives the name of a caller as key is that one."""

    async def allowed(self: Allowed, request: Request, gateway: Served) -> Caller:
        caller = CALLERS[request.headers["authorization"].removeprefix("Bearer ")]
        if not caller.may(self.scope):
            raise AccessError(403, "missing_scope", f"The key lacks the scope {self.scope}.")
        return caller

    monkeypatch.setattr(Allowed, "__call__", allowed)


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Callable[..., TestClient]]:
    """Clients by name of a caller."""
    with TestClient(create_app(gateway=gateway), raise_server_exceptions=False) as opened:

        def as_caller(name: str) -> TestClient:
            opened.headers["authorization"] = f"Bearer {name}"
            return opened

        yield as_caller
