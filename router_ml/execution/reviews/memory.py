"""What waits for a person in the memory of a process: packed, and bounded."""

from __future__ import annotations

import math
import threading
import time
import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime

from router_ml.contract import Approval
from router_ml.errors import LogError
from router_ml.execution.reviews.kept import Suspended
from router_ml.storage.service.held import Held, State

MOST_BYTES = 64_000_000  # of what waits in memory, packed: some 20,000 requests
REMEMBERED = 10_000  # approvals that are over, so that their state can still be asked for
LOOK_AGAIN_S = 5.0


class Words:
    """Requests that wait for a person and are kept in this process alone. They may be many and wait for a day, so each
    is packed, some 3 kB instead of 25, and only so many ``MOST_BYTES`` of them are kept."""

    def __init__(self) -> None:
        self._packed: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._packed)

    def see_room(self) -> None:
        """See to it that one more may wait.

        Raises:
            LogError: too much does.
        """
        see_room(sum(map(len, list(self._packed.values()))))

    def put(self, suspended: Suspended) -> None:
        """Keep one."""
        self._packed[suspended.approval_id] = zlib.compress(suspended.to_json().encode())

    def get(self, approval_id: str) -> Suspended | None:
        """One that is kept, None where it is not."""
        packed = self._packed.get(approval_id)
        return None if packed is None else Suspended.from_json(zlib.decompress(packed))

    def pop(self, approval_id: str) -> Suspended | None:
        """``get``, and let go of it."""
        found = self.get(approval_id)
        self.drop(approval_id)
        return found

    def drop(self, *approval_ids: str) -> None:
        """Let go of some, where they are there."""
        for name in approval_ids:
            self._packed.pop(name, None)

    def names(self) -> set[str]:
        """All that are kept."""
        return set(self._packed)


def see_room(taken: int) -> None:
    """See to it that what waits in memory stays bounded.

    Raises:
        LogError: so many bytes are too many.
    """
    if taken >= MOST_BYTES:
        raise LogError(
            f"{taken / 1e6:.0f} MB of requests wait for a person in the memory of this process, which is the most it "
            "keeps. Decide some of them, or let the log keep them: execution.review.keep_private."
        )


@dataclass
class InMemory:
    """A ``Keeps`` in this process alone: without a log, or while it cannot be opened.

    ``rows``: packed, as ``words`` are: requests that the log may not keep, whose rows are in the log.
    """

    rows: dict[str, Held] = field(default_factory=dict)
    said: dict[str, list[Approval]] = field(default_factory=dict)
    words: Words = field(default_factory=Words)
    lock: threading.Lock = field(default_factory=threading.Lock)
    looked: float = -math.inf

    def due(self) -> bool:
        """Whether it is time to look again which words are still needed."""
        with self.lock:
            now = time.monotonic()
            due = now - self.looked >= LOOK_AGAIN_S
            self.looked = now if due else self.looked
        return due

    def hold(self, step: Approval, kept: bytes, *, until: datetime) -> None:
        """See ``Keeps.hold``.

        Raises:
            LogError: too much waits.
        """
        with self.lock:
            see_room(sum(len(row.kept) for row in self.rows.values()))
            packed = zlib.compress(kept)
            self.said[step.approval_id] = [step]
            self.rows[step.approval_id] = Held(step.approval_id, step.decision_id, "requested", until, packed)
            if len(self.said) > REMEMBERED + len(self.rows):
                del self.said[next(name for name in self.said if name not in self.rows)]

    def settle(self, step: Approval, kept: bytes | None, *, until: datetime) -> bool:
        """See ``Keeps.settle``."""
        with self.lock:
            row = self.rows.get(step.approval_id)
            if row is None or row.state != "requested" or (row.until <= step.at) != (step.state == "expired"):
                return False
            left = row.kept if kept is None else zlib.compress(kept)
            self.rows[step.approval_id] = replace(row, state=step.state, until=until, kept=left)
            self.said[step.approval_id].append(step)
            return True

    def take(self, approval_id: str, now: datetime, *, state: State) -> bytes | None:
        """See ``Keeps.take``."""
        with self.lock:
            row = self.rows.get(approval_id)
            if row is None or row.state != state or state == "requested" or row.until <= now:
                return None
            return zlib.decompress(self.rows.pop(approval_id).kept)

    def drop(self, held: Held, now: datetime, step: Approval | None) -> bool:
        """See ``Keeps.drop``."""
        with self.lock:
            row = self.rows.get(held.approval_id)
            if row is None or row.state != held.state or row.until > now:
                return False
            del self.rows[held.approval_id]
            self.said[held.approval_id] += [] if step is None else [step]
            return True

    def held(self, approval_id: str | None = None) -> list[Held]:
        """See ``Keeps.held``."""
        with self.lock:
            rows = [row for name, row in self.rows.items() if approval_id in (None, name)]
        found = [replace(row, kept=zlib.decompress(row.kept)) for row in rows]
        return sorted(found, key=lambda row: (row.until, row.approval_id))

    def open_ids(self) -> set[str]:
        """See ``Keeps.open_ids``."""
        with self.lock:
            return {name for name, row in self.rows.items() if row.is_open}

    def steps(self, approval_id: str) -> list[Approval]:
        """See ``Keeps.steps``."""
        with self.lock:
            return list(self.said.get(approval_id, ()))
