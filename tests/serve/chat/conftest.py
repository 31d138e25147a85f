"""A gateway on a real server: its lanes are on a fault server, or do what a test says."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

pytest.importorskip("fastapi", reason="fastapi (extra: serve) serves")

import uvicorn

from router_ml import Executor, Router
from router_ml.faults import FaultServer, faulty_config
from router_ml.serve.app import create_app
from router_ml.serve.gateway import Gateway
from router_ml.serve.settings import Settings
from router_ml.storage.bundle import Bundle

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
_PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def _running() -> Iterator[tuple[Gateway, str]]:
    """A gateway that runs in a thread, and its address."""
    gateway = Gateway(Settings(), cast("Executor", None))
    how = uvicorn.Config(create_app(gateway=gateway), host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(how)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + _PATIENCE_S
    while not server.started:
        assert thread.is_alive(), "the gateway ended"
        assert time.monotonic() < until, "the gateway did not start"
        time.sleep(0.005)
    yield gateway, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(_PATIENCE_S)


@pytest.fixture
def serve(_running: tuple[Gateway, str]) -> Callable[..., str]:
    """Serves an executor from now on; its address. ``limits``: what counts the money of keys."""
    gateway, url = _running

    def served(executor: Executor, *, limits: Any = None) -> str:
        gateway.executor = executor
        gateway.limits = limits  # type: ignore[attr-defined]
        return url

    return served


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
