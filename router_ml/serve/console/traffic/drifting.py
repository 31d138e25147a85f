"""Whether something has changed since, for the live page: ``router-ml drift`` in a process of its own, with low
priority, so that no request waits for it. What it found is shown until it is older than half an hour and somebody
looks again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from router_ml.serve.background import low_priority
from router_ml.serve.console.traffic.watching import utc_now

logger = logging.getLogger(__name__)

FOUND = (0, 3)  # exit codes: nothing has changed, something has
KEPT_S = 1800.0
LONGEST_S = 600.0
MOST = 50  # organisations
TOO_LITTLE = "There are too few decisions in the last 7 days, or in the 21 before, to compare them."
WINDOWS = ("--reference", "21d", "--recent", "7d")
COMMAND = (sys.executable, "-m", "router_ml.cli", "drift", "--json", *WINDOWS)


@dataclass(frozen=True)
class Drift:
    """What is known of drift. ``report``: as ``DriftReport.to_dict``; ``why``: why there is none; ``waits``: it is
    looked at once what is being looked at is done."""

    running: bool = False
    waits: bool = False
    at: datetime | None = None
    report: Mapping[str, Any] | None = None
    why: str = ""

    @property
    def checks(self) -> Sequence[Mapping[str, Any]]:
        """What was compared, what has drifted first."""
        return () if self.report is None else tuple(self.report["checks"])

    @property
    def drifted(self) -> Sequence[Mapping[str, Any]]:
        """What has changed, and is worth an alarm."""
        return tuple(check for check in self.checks if check["drifted"])


class Drifting:
    """The reports of one worker, one made at a time. ``clock``: seconds; ``command``: makes one."""

    def __init__(self, *, command: Sequence[str] = COMMAND, clock: Callable[[], float] = time.monotonic) -> None:
        self._command, self._clock = tuple(command), clock
        self._known: OrderedDict[str | None, tuple[float, Drift]] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    def of(self, url: str, org: str | None) -> Drift:
        """What is known of an organisation or of all; has it looked at where that is too long ago.

        Args:
            url: of the event log.
        """
        at, known = self._known.get(org, (-KEPT_S, Drift()))
        if self._clock() - at < KEPT_S:
            return known
        if self._task is not None and not self._task.done():
            return known if known.running else replace(known, waits=True)
        known = replace(known, running=True)
        self._keep(org, known)
        self._task = asyncio.get_running_loop().create_task(self._look(url, org))
        return known

    async def _look(self, url: str, org: str | None) -> None:
        self._keep(org, await self._made(url, org))

    async def _made(self, url: str, org: str | None) -> Drift:
        asked = (*low_priority(), *self._command, *(() if org is None else ("--org", org)))
        environment = {**os.environ, "ROUTER_ML_LOG": url, "NO_COLOR": "1", "COLUMNS": "500"}
        process = None
        try:
            process = await asyncio.create_subprocess_exec(
                *asked,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            async with asyncio.timeout(LONGEST_S):
                out, error = await process.communicate()
            if process.returncode in FOUND:
                return Drift(at=utc_now(), report=json.loads(out))
            return Drift(at=utc_now(), why=for_page(error.decode("utf-8", "replace")))
        except (OSError, ValueError, TimeoutError) as failure:
            logger.warning("Drift could not be looked for: %s", type(failure).__name__)
            return Drift(at=utc_now(), why=f"It could not be looked for: {type(failure).__name__}.")
        finally:
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()

    def _keep(self, org: str | None, drift: Drift) -> None:
        self._known[org] = self._clock(), drift
        self._known.move_to_end(org)
        while len(self._known) > MOST:
            self._known.popitem(last=False)


def for_page(error: str) -> str:
    """What the command line said, for whoever cannot choose its windows.

    >>> for_page("router-ml: No decision was logged from then to now UTC. Choose another window.") == TOO_LITTLE
    True
    >>> for_page("router-ml: Install router-ml[offline].")
    'Install router-ml[offline].'
    """
    said = error.strip().removeprefix("router-ml:").strip()
    return TOO_LITTLE if "Choose" in said and "window" in said else said[:500] or "It ended without a word."
