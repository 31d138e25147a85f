"""A gateway in a process of its own, two organisations, and what one of them must never learn of the other."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from router_ml.serve.access.keys import WantedKey, create_key
from router_ml.storage.eventlog import EventLog
from router_ml.storage.service.access import AccessTable

PATIENCE_S = 60.0
ALL = frozenset({"route", "execute", "outcomes", "admin"})


@dataclass
class Estate:
    """``ours``: the key of the organisation that attacks; ``theirs``: of the other one. ``decisions``, ``approvals``:
    ids of theirs, and ``own`` one of ours. ``canaries``: what nobody but they may read."""

    url: str
    process: subprocess.Popen[bytes]
    log_file: Path
    ours: str
    theirs: str
    ours_decision: str = ""
    decisions: list[str] = field(default_factory=list)
    approvals: list[str] = field(default_factory=list)
    canaries: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Of the server."""
        return int(self.url.rpartition(":")[2])

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def memory_mb(self) -> float:
        """Resident memory of the process."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def answers(self) -> bool:
        """Whether an ordinary request is still decided."""
        try:
            said = httpx.post(f"{self.url}/v1/route", json={"text": "What is a lien?"}, headers=bearer(self.ours))
        except httpx.HTTPError:
            return False
        return said.status_code == 200

    def written(self) -> str:
        """All that the process has said on its standard streams."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")


def bearer(key: str) -> dict[str, str]:
    """The header of a key."""
    return {"authorization": f"Bearer {key}"}


@contextmanager
def opened(folder: Path) -> Iterator[Estate]:
    """A running estate whose files are in a folder."""
    with EventLog(folder / "log.sqlite") as log:
        ours, theirs = (_key(log, org) for org in ("globex", "acme"))
    reports = folder / "reports"
    reports.mkdir()
    said = folder / "said.txt"
    with said.open("wb") as out:
        command = [sys.executable, "-m", "benchmarks.serve.hostility.server", str(folder)]
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, "PYTHONUNBUFFERED": "1"})
        try:
            estate = Estate(_address(folder, process), process, said, ours, theirs)
            _plant(estate)
            yield estate
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _key(log: EventLog, org: str) -> str:
    wanted = WantedKey(name=f"{org}'s key", scopes=ALL, org=org)
    return create_key(AccessTable(log), wanted, who="benchmark", why="to be attacked").token


def _address(folder: Path, process: subprocess.Popen[bytes]) -> str:
    """Where it listens, once it does."""
    until = time.monotonic() + PATIENCE_S
    place = folder / "port"
    while time.monotonic() < until:
        if process.poll() is not None:
            said = (folder / "said.txt").read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"The gateway ended before it listened:\n{said}")
        if place.exists() and (found := place.read_text(encoding="ascii")):
            url = f"http://127.0.0.1:{found}"
            try:
                httpx.get(f"{url}/openapi.json", timeout=5)
                return url
            except httpx.HTTPError:
                pass
        time.sleep(0.05)
    raise RuntimeError(f"The gateway did not listen within {PATIENCE_S:.0f} s.")


def _plant(estate: Estate) -> None:
    """Let the other organisation work, with canaries in all that it sends."""
    estate.canaries = [f"canary{secrets.token_hex(8)}" for _ in range(8)]
    text, user, label, source, argument, why, name, tag = estate.canaries
    mail, iban = f"ann.{secrets.token_hex(6)}@acme-private.example", "DE89370400440532013000"
    estate.canaries += [mail, iban, estate.theirs]
    with httpx.Client(base_url=estate.url, headers=bearer(estate.theirs), timeout=30) as they:
        for number in range(5):
            asked = f"Write to {mail}, IBAN {iban}: {text} {number}"
            made = they.post("/v1/route", json={"text": asked, "metadata": {"user": user, "tag": tag}})
            estate.decisions.append(_said(made)["decision_id"])
            of_it = {"decision_id": estate.decisions[-1]}
            _said(
                they.post("/v1/outcomes", json={**of_it, "quality": 1.0, "source": source, "labels": {"intent": label}})
            )
            call = {"name": name, "version": "1", "arguments": {"a": argument}, "result": argument}
            _said(they.post("/v1/executions", json={**of_it, "status": "answered", "tool_calls": [call]}))
        for number in range(3):
            asked = {"model": "auto", "messages": [{"role": "user", "content": f"What of {text} {number}?"}]}
            waits = _said(they.post("/v1/chat/completions", json=asked))
            estate.decisions.append(waits["router"]["decision_id"])
            estate.approvals.append(waits["router"]["review_id"])
        _said(they.post(f"/v1/approvals/{estate.approvals[-1]}/grant", json={"why": why}))
    made = httpx.post(f"{estate.url}/v1/route", json={"text": "What is a lien?"}, headers=bearer(estate.ours))
    estate.ours_decision = _said(made)["decision_id"]


def _said(answer: httpx.Response) -> Any:
    if answer.status_code >= 300:
        raise RuntimeError(
            f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:300]}"
        )
    return answer.json()
