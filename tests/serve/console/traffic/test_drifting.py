"""Drift is looked for beside the requests: one look at a time, kept for a while, and a failure is said."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from router_ml.errors import OfflineDataError
from router_ml.serve.console.traffic.drifting import KEPT_S, TOO_LITTLE, Drift, Drifting, for_page
from router_ml.storage.eventlog import EventLog
from router_ml.storage.views import overview

REPORT = {"checks": [{"name": "cost", "drifted": True}, {"name": "latency", "drifted": False}], "not_tested": {}}


def _saying(words: str, *, code: int, error: str = "") -> list[str]:
    """A process that says something, and what it was asked."""
    said = "import os, sys; open(os.environ['ROUTER_ML_LOG'], 'a').write(' '.join(sys.argv[1:]) + '\\n'); "
    return [sys.executable, "-c", said + f"print({words!r}); print({error!r}, file=sys.stderr); sys.exit({code})"]


async def _settled(drifting: Drifting, url: str, org: str | None = None) -> Drift:
    for _ in range(1000):
        known = drifting.of(url, org)
        if not known.running:
            return known
        await asyncio.sleep(0.02)
    raise AssertionError("It never came to an end.")


def test_a_report_is_made_once_and_kept(tmp_path: Path) -> None:
    asked, now = tmp_path / "asked", [0.0]

    async def look() -> None:
        drifting = Drifting(command=_saying(json.dumps(REPORT), code=3), clock=lambda: now[0])
        assert drifting.of(str(asked), None).running
        found = await _settled(drifting, str(asked))
        assert [check["name"] for check in found.drifted] == ["cost"]
        now[0] += KEPT_S - 1
        assert drifting.of(str(asked), None) == found
        now[0] += 2
        again = drifting.of(str(asked), None)
        assert again.running
        assert again.report == REPORT, "the last report is shown until the next is there"
        await _settled(drifting, str(asked))
        await _settled(drifting, str(asked), "acme")

    asyncio.run(look())
    assert asked.read_text().splitlines() == ["", "", "--org acme"]


def test_a_look_that_fails_says_why(tmp_path: Path) -> None:
    async def look() -> None:
        for command, said in (
            (_saying("", code=2, error="Install router-ml[offline]."), "router-ml[offline]"),
            (_saying("no json", code=0), "JSONDecodeError"),
            ([str(tmp_path / "nothing")], ""),
        ):
            found = await _settled(Drifting(command=command), str(tmp_path / "asked"))
            assert found.report is None
            assert said in found.why
            assert found.why

    asyncio.run(look())


def test_while_another_is_looked_at_it_waits_for_its_turn(tmp_path: Path) -> None:
    async def look() -> None:
        drifting = Drifting(command=_saying(json.dumps(REPORT), code=0))
        assert drifting.of(str(tmp_path / "asked"), None).running
        turned = drifting.of(str(tmp_path / "asked"), "acme")
        assert (turned.waits, turned.running, turned.report) == (True, False, None)
        await _settled(drifting, str(tmp_path / "asked"))
        assert drifting.of(str(tmp_path / "asked"), "acme").running
        assert (await _settled(drifting, str(tmp_path / "asked"), "acme")).report == REPORT

    asyncio.run(look())


def test_a_log_with_too_little_is_told_without_words_of_the_command_line(tmp_path: Path) -> None:
    from router_ml.offline.drifting.windows import parse_window, read_windows

    window = parse_window("7d", end=datetime.now(UTC))
    with EventLog(tmp_path / "log.db") as log, pytest.raises(OfflineDataError) as said:
        read_windows(log, [window])
    assert for_page(f"router-ml: {said.value}") == TOO_LITTLE


def test_what_is_under_way_ends_with_the_worker(tmp_path: Path) -> None:
    """A look that takes long is ended with the loop that waits for it."""
    pid = tmp_path / "pid"
    words = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"

    async def look() -> None:
        Drifting(command=[sys.executable, "-c", words]).of("log", None)
        for _ in range(500):
            if pid.exists() and pid.read_text():
                return
            await asyncio.sleep(0.02)

    asyncio.run(look())
    assert not Path(f"/proc/{pid.read_text()}/cmdline").exists()


def test_a_log_in_memory_is_nobody_elses(tmp_path: Path) -> None:
    with EventLog("sqlite://") as memory, EventLog(tmp_path / "log.db") as file:
        assert overview.address_of(memory) is None
        address = overview.address_of(file)
        assert address is not None
        with EventLog(address) as again:
            assert again.identity() == file.identity()
