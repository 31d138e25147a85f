"""A fault server, and an executor whose lanes are all on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from router_ml import Executor, Router
from router_ml.faults import Fault, FaultServer, faulty_config
from router_ml.storage.bundle import Bundle

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")


@pytest.fixture(scope="module")
def _server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture(autouse=True)
def server(_server: FaultServer) -> FaultServer:
    """Gives good answers until it is told otherwise."""
    _server.reset()
    return _server


@pytest.fixture
def executor(server: FaultServer, bundle: Bundle) -> Iterator[Executor]:
    """On the configuration that ships, but that it ends with an error where nothing is left; it logs nowhere. One for
    each test, since what breaks in one opens breakers."""
    ending = bundle.config.fallback.model_copy(update={"finally_": "error"})
    config = faulty_config(server, bundle.config.model_copy(update={"fallback": ending}))
    with Executor(Router(config, bundle=bundle)) as executor:
        yield executor


@pytest.fixture
def break_all(server: FaultServer) -> Callable[..., None]:
    """Let every lane meet one fault from now on."""
    return lambda kind, **fields: server.script("*", [Fault(kind, **fields)])
