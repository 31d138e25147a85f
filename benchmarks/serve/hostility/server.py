"""The gateway that is attacked: ``python -m benchmarks.serve.hostility.server FOLDER``, with the log of the folder.

It listens on a free port, which it writes into the folder once it knows it.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import uvicorn

from router_ml import Executor, Router
from router_ml.config import load_config
from router_ml.faults import FaultServer, faulty_config
from router_ml.serve.access.protocol import BoundedProtocol
from router_ml.serve.app import create_app
from router_ml.serve.gateway import Gateway
from router_ml.serve.observing.logs import config_of_logs
from router_ml.serve.settings import Settings
from router_ml.storage.eventlog import EventLog


def main(folder: Path) -> None:
    """Serve until it is told to end."""
    config = load_config(Path(__file__).with_name("router.yaml"))
    with (
        FaultServer() as lanes,
        Router(faulty_config(lanes, config), log=EventLog(folder / "log.sqlite")) as router,
        Executor(router) as executor,
        socket.socket() as listening,
    ):
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        (folder / "port").write_text(str(listening.getsockname()[1]), encoding="ascii")
        settings = Settings(reports=folder / "reports")
        config = uvicorn.Config(
            create_app(gateway=Gateway(settings, executor)),
            http=BoundedProtocol,
            ws="none",
            log_config=config_of_logs(settings),
            access_log=False,
            server_header=False,
        )
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
