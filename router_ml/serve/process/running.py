"""``router-ml serve``: one socket, one or several workers, until a signal ends them."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uvicorn import Config, Server

from router_ml.errors import InvalidRequestError
from router_ml.serve.access.protocol import BoundedProtocol
from router_ml.serve.observing.logs import config_of_logs
from router_ml.serve.process.workers import SLOT_VARIABLE, Workers
from router_ml.serve.settings import PREFIX, Settings

logger = logging.getLogger(__name__)

BACKLOG = 2048
START_SECONDS = 120
"""That a worker may take to load, and not answer the supervisor, before it counts as hanging."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_FAILED = 2


def run(settings: Settings) -> int:
    """Serve until a signal ends it; the exit status: 0, or 2 where it could not start.

    ``SIGTERM`` and ``SIGINT`` end it gracefully, ``SIGHUP`` replaces the workers one after another.

    Raises:
        InvalidRequestError: the address cannot be listened on.
    """
    with _listening(settings) as listening, _shared_folder(settings) as shared:
        told = settings.model_copy(update={"run_folder": shared})
        for name in [name for name in os.environ if name.startswith(PREFIX)]:  # an option may have said otherwise
            del os.environ[name]
        os.environ.update(told.to_environment())
        for name in _THREADS:  # workers share the processors; threads of theirs would only take turns
            os.environ.setdefault(name, "1")
        config = _config(told)
        host, port = listening.getsockname()[:2]
        where = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        logger.info("Listening on %s with %d workers.", where, told.workers, extra={"url": where})
        return _run_alone(config, listening) if told.workers == 1 else _run_workers(told, config, listening)


def _run_alone(config: Config, listening: socket.socket) -> int:
    os.environ[SLOT_VARIABLE] = "0"
    server = Server(config)
    with _quiet_end():
        try:
            server.run([listening])
        except SystemExit:  # the application did not start, and has said why
            return _FAILED
    return 0 if server.started else _FAILED


def _run_workers(settings: Settings, config: Config, listening: socket.socket) -> int:
    workers = Workers(config, [listening], under_way_s=settings.drain_seconds + settings.grace_seconds)
    workers.run()
    return _FAILED if workers.failed else 0


@contextmanager
def _quiet_end() -> Iterator[None]:
    """The server raises the signal that ended it once more, when it has ended well; that is no failure. ``SIGHUP``
    has no worker to replace here."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {each: signal.signal(each, lambda *_: None) for each in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((settings.host, settings.port))
        except OSError as error:
            raise InvalidRequestError(
                f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. Give another --port or --host."
            ) from None
        bound.set_inheritable(True)
        yield bound


@contextmanager
def _shared_folder(settings: Settings) -> Iterator[Path]:
    """Where workers put what one of them says for all."""
    if settings.run_folder is not None:
        settings.run_folder.mkdir(parents=True, exist_ok=True)
        yield settings.run_folder
        return
    made = Path(tempfile.mkdtemp(prefix="router-ml-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _config(settings: Settings) -> Config:
    return Config(
        "router_ml.serve.app:from_environment",
        factory=True,
        workers=settings.workers,
        loop="auto",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=config_of_logs(settings),
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        backlog=BACKLOG,
        timeout_keep_alive=int(settings.keep_alive_seconds),
        timeout_graceful_shutdown=int(settings.grace_seconds),
        timeout_worker_healthcheck=START_SECONDS,
    )
