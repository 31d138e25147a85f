"""A gateway that decides by rules alone, which starts at once, on a log of its own; and keys for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from router_ml.config import load_config
from router_ml.execution import Executor
from router_ml.router import Router
from router_ml.serve.access.caller import SCOPES
from router_ml.serve.access.keys import WantedKey, create_key
from router_ml.serve.app import create_app
from router_ml.serve.gateway import Gateway
from router_ml.serve.settings import Settings
from router_ml.storage.eventlog import EventLog
from router_ml.storage.service.access import AccessTable
from tests.cli.conftest import YAML
from tests.serve.clients import client_of

Make = Callable[..., str]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.db") as log:
        yield log


@pytest.fixture
def opened(tmp_path: Path, log: EventLog) -> Iterator[Callable[..., Gateway]]:
    """Makes gateways on the log; keyword arguments are settings."""
    path, gateways = tmp_path / "router.yaml", []
    path.write_text(YAML, encoding="utf-8")

    def make(*, log: EventLog | None = log, **settings: Any) -> Gateway:
        executor = Executor(Router(load_config(path), log=log))
        gateways.append(Gateway(Settings(**settings), executor))
        return gateways[-1]

    yield make
    for gateway in gateways:
        gateway.executor.close()


@pytest.fixture
def gateway(opened: Callable[..., Gateway]) -> Gateway:
    return opened()


@pytest.fixture
def app(gateway: Gateway) -> FastAPI:
    return create_app(gateway=gateway)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """Without a key."""
    with client_of(app) as client:
        yield client


@pytest.fixture
def make_key(log: EventLog) -> Make:
    """Makes a key, in the database alone; by default of all organisations, with all scopes."""

    def make(*scopes: str, org: str | None = None, **wanted: Any) -> str:
        fields = {"name": "test", "scopes": scopes or SCOPES, "org": org, **wanted}
        return create_key(AccessTable(log), WantedKey.parse(fields), who="ops", why="a test").token

    return make
