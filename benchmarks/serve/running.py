"""``router-ml serve`` in processes of its own, on a fault server, for tests and benchmarks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from router_ml.config import RouterConfig
from router_ml.faults import FaultServer, faulty_config
from router_ml.faults.configured import KEY_ENV

PATIENCE_S = 90.0


def written(config: RouterConfig, path: Path) -> Path:
    """A configuration as a ``router.yaml``."""
    said = config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    path.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
    return path


def on_faults(server: FaultServer, base: RouterConfig, folder: Path, **changes: Any) -> Path:
    """A ``router.yaml`` in a folder whose lanes are all on a fault server; ``changes`` replace sections."""
    return written(faulty_config(server, base.model_copy(update=changes)), folder / "router.yaml")


class Serving:
    """A gateway that runs; ``lines`` is what it has said so far, each a JSON object or a text.

    Args:
        arguments: of ``router-ml serve``. environ: further variables.
    """

    def __init__(self, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "router_ml.cli", "serve", "--port", "0", *arguments]
        surroundings = {**os.environ, KEY_ENV: "no-secret", "PYTHONUNBUFFERED": "1", **(environ or {})}
        self.lines: list[Any] = []
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=surroundings)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.url = str(self.said("url", alive=True)["url"])
            self.wait_until_ready()
        except BaseException:
            self.process.kill()
            raise

    def _read(self) -> None:
        for line in self.process.stderr or ():
            try:
                self.lines.append(json.loads(line))
            except ValueError:
                self.lines.append(line.rstrip("\n"))

    def said(self, field: str, *, alive: bool = False, seconds: float = PATIENCE_S, after: int = 0) -> Any:
        """The first line behind the ``after`` first ones that has a field; ``alive``: the process has to live."""
        until = time.monotonic() + seconds
        while True:
            dead = self.process.poll() is not None
            for line in self.lines[after:]:
                if isinstance(line, dict) and field in line:
                    return line
            if time.monotonic() > until or (alive and dead):
                raise RuntimeError(f"The gateway never said {field!r}; its last words: {self.lines[-8:]}")
            time.sleep(0.02)

    def wait_until_ready(self, *, seconds: float = PATIENCE_S) -> None:
        """Until it takes requests."""
        until = time.monotonic() + seconds
        while self.get("/readyz")[0] != 200:
            if time.monotonic() > until or self.process.poll() is not None:
                raise RuntimeError(f"The gateway is not ready; its last words: {self.lines[-8:]}")
            time.sleep(0.05)

    def get(self, path: str, body: Any = None, *, key: str | None = None, timeout: float = 30) -> tuple[int, Any]:
        """Status and body, JSON or text; status 0 where nothing answers."""
        headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(
                urllib.request.Request(f"{self.url}{path}", data, headers), timeout=timeout
            ) as answer:
                return answer.status, _decoded(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _decoded(error.read())
        except OSError:
            return 0, None

    def workers(self) -> list[int]:
        """Ids of the processes that serve; that of the supervisor is ``process.pid``."""
        folder = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = [int(pid) for pid in folder.read_text().split()]
        return [pid for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def stop(self, *, number: int = signal.SIGTERM, seconds: float = 60.0) -> int:
        """End it; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            for pid in self.workers():
                os.kill(pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
            raise
        self._reader.join(5)
        return status


@contextmanager
def serving(*arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[Serving]:
    """A gateway until the end of the block."""
    running = Serving(*arguments, environ=environ)
    try:
        yield running
    finally:
        running.stop()


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")
