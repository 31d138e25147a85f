"""A gateway on a real server: its lanes are on a fault server, or do what a test says."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="fastapi (extra: serve) serves")

import uvicorn
from fastapi import FastAPI

from router_ml import Executor, Router
from router_ml.faults import FaultServer, faulty_config
from router_ml.serve.access.caller import NOBODY, Caller
from router_ml.serve.app import create_app
from router_ml.serve.asked import whoever_calls
from router_ml.serve.gateway import Gateway
from router_ml.serve.settings import Settings
from router_ml.storage.bundle import Bundle
from tests.execution.acting import scene

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
_PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def _running() -> Iterator[tuple[FastAPI, str]]:
    """An application that runs in a thread, and its address."""
    app = create_app(gateway=Gateway(Settings(console=False), scene().executor))
    how = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(how)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + _PATIENCE_S
    while not server.started:
        assert thread.is_alive(), "the gateway ended"
        assert time.monotonic() < until, "the gateway did not start"
        time.sleep(0.005)
    yield app, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(_PATIENCE_S)


@pytest.fixture
def serve(_running: tuple[FastAPI, str]) -> Iterator[Callable[..., str]]:
    """Serves an executor from now on; its address. ``limits``: what counts the money of keys; ``caller``: who calls."""
    app, url = _running
    opened: list[Gateway] = []

    def served(executor: Executor, *, limits: Any = None, caller: Caller = NOBODY) -> str:
        app.dependency_overrides[whoever_calls] = lambda: caller
        opened.append(Gateway(Settings(console=False), executor))
        app.state.gateway = opened[-1]
        if limits is not None:
            opened[-1].limits = limits
        return url

    yield served
    for gateway in opened:
        gateway.decider.close()


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
    """On the configuration that ships, but that it ends with an error where nothing is left; it logs nowhere."""
    ending = bundle.config.fallback.model_copy(update={"finally_": "error"})
    config = faulty_config(server, bundle.config.model_copy(update={"fallback": ending}))
    with Executor(Router(config, bundle=bundle)) as executor:
        yield executor


@pytest.fixture
def url(serve: Callable[..., str], executor: Executor) -> str:
    """Where that executor is served."""
    return serve(executor)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Waits until something holds."""

    def wait(holds: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE_S
        while not holds():
            assert time.monotonic() < end, "it never came to hold"
            time.sleep(0.005)

    return wait
