"""Where the examples find lanes: a fault server on loopback that gives good answers, so that they run anywhere.

With lanes of your own, ``Executor(Router.load(config="router.yaml"))`` is all there is to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from router_ml import Executor, Router
from router_ml.faults import FaultServer, faulty_config
from router_ml.storage.bundle import Bundle


@contextmanager
def loopback_router() -> Iterator[Router]:
    """A router on the shipped bundle whose lanes are all on a server of this process."""
    bundle = Bundle.load("models/default")
    with FaultServer() as server:
        yield Router(faulty_config(server, bundle.config), bundle=bundle)


@contextmanager
def loopback_executor() -> Iterator[Executor]:
    """An executor on it."""
    with loopback_router() as router, Executor(router) as executor:
        yield executor
