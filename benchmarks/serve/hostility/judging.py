"""Whether an attack achieved anything."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.serve.hostility.attacks import Attack
from benchmarks.serve.hostility.estate import Estate
from benchmarks.serve.hostility.wire import Reply
from router_ml.contract.executed import FailureKind

LANES = frozenset(FailureKind.__args__)  # type: ignore[attr-defined]
"""Codes of errors that say what lanes did; they may be of the 500s."""
FILES = (b"root:x:0:0", b"SQLite format 3", b"keep_private", b"Traceback (most recent", b"sqlalchemy", b'.py"')
"""What is in a file of the machine, or in an error of its libraries."""


@dataclass
class Verdict:
    """``found``: what went wrong, by kind of failure, each with the first examples."""

    sent: int = 0
    statuses: Counter[int | None] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    found: dict[str, list[str]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)

    def fail(self, what: str, example: str) -> None:
        """Count a failure."""
        self.failures[what] += 1
        some = self.found.setdefault(what, [])
        if len(some) < 5:
            some.append(example)

    def see(self, attack: Attack, reply: Reply, estate: Estate) -> None:
        """Judge what came of an attack."""
        self.sent += 1
        self.kinds[attack.kind] += 1
        self.statuses[reply.status] += 1
        example = f"{attack.kind}: {attack.pieces[0][0][:160]!r} -> {reply.data[:200]!r}"
        waits = attack.expected.patience_s is not None and not attack.gone
        if reply.refused or (waits and (reply.hung or not reply.data)):
            self.fail("no answer in time", example)
        for status in reply.statuses:
            if status >= 500 and status != 503 and _code(reply.data) not in LANES:
                self.fail("server error", example)
        if not attack.expected.allowed and any(status < 300 for status in reply.statuses):
            self.fail("what is forbidden succeeded", example)
        asked = b"".join(data for data, _ in attack.pieces)
        self._leaks(asked, reply.data, example, estate)
        refused = bool(reply.statuses) and all(status >= 400 for status in reply.statuses)
        if refused and attack.mark.encode() in reply.data:
            self.fail("an error repeats what was sent", example)

    def _leaks(self, asked: bytes, answer: bytes, example: str, estate: Estate) -> None:
        ids = [name for name in (*estate.decisions, *estate.approvals) if name.encode() not in asked]
        if any(word.encode() in answer for word in (*estate.canaries, *ids)):
            self.fail("something of theirs was shown", example)
        if any(word in answer for word in FILES):
            self.fail("something of the machine was shown", example)

    def read_log(self, written: str, marks: list[str], estate: Estate) -> None:
        """Judge what the server wrote about itself."""
        for word in (*estate.canaries, estate.ours, *marks):
            if (at := written.find(word)) >= 0:
                self.fail("a log holds what was sent", written[max(0, at - 200) : at + 60])
        for unforeseen in written.split("Traceback (most recent call last):")[1:]:
            lines = unforeseen.splitlines()
            end = next((at for at, line in enumerate(lines) if line and not line[0].isspace()), len(lines) - 1)
            self.fail("an error that nobody foresaw", "\n".join([*lines[max(0, end - 6) : end], lines[end][:300]]))


def _code(answer: bytes) -> str:
    body = answer.partition(b"\r\n\r\n")[2]
    try:
        return str(json.loads(body)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""
