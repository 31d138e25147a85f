"""What tests of executions share: a fault server, lanes on it, and executors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from benchmarks.execution.setting import Ledger, config_on, executor_on
from router_ml.config import RouterConfig
from router_ml.execution import Executor
from router_ml.faults import FaultServer


@pytest.fixture
def fault_server() -> Iterator[FaultServer]:
    """A server that gives good answers until it is told otherwise."""
    with FaultServer() as server:
        yield server


@pytest.fixture
def lanes_config(fault_server: FaultServer) -> RouterConfig:
    """Eight lanes in four failure domains, private and vendor, in the EU and the US, all on the fault server; two
    tools, an index and four output contracts."""
    return config_on(fault_server)


@pytest.fixture
def ledger() -> Ledger:
    """What the tools of ``executor`` did."""
    return Ledger()


@pytest.fixture
def executor(lanes_config: RouterConfig, ledger: Ledger) -> Iterator[Callable[..., Executor]]:
    """Makes executors with those lanes; keyword arguments replace sections of the configuration, or are those of
    ``executor_on``."""
    with ExitStack() as stack:

        def make(*, log: Any = None, lanes: Any = None, **changes: Any) -> Executor:
            config = lanes_config.model_copy(update=changes)
            return stack.enter_context(executor_on(config, ledger=ledger, log=log, lanes=lanes))

        yield make
