"""People who look first: what they are asked, what they said, and what may then go on.

    ask -> (granted | denied | expired) -> take

Each step is an ``Approval`` in the event log, and exactly one of the three counts. What a person has to see and the
request needs to go on waits beside the log (``storage.service.waiting``) until it is taken, at most once: two processes
never carry out the same call. After a denial, or when nobody said anything in time, only what the log may hold anyway
is left. Of a private request, or one whose text the log may not keep, it is never more than that, unless
``execution.review.keep_private`` says so; the words stay in the memory of the process that asked, and only there can it
be granted, since nobody may grant what they cannot see.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from weakref import WeakKeyDictionary

from router_ml.contract import Approval
from router_ml.errors import ReviewError
from router_ml.execution.reviews.kept import Suspended, unpacked
from router_ml.execution.reviews.memory import InMemory
from router_ml.execution.reviews.steps import decided, expired, is_hidden, requested, told
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.storage.service.held import Held, Keeps

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

__all__ = ["Reviews", "Suspended", "new_approval_id"]

_MEMORIES: WeakKeyDictionary[Router | Rollout, InMemory] = WeakKeyDictionary()


def new_approval_id() -> str:
    """An id for something that has to wait."""
    return f"apr_{secrets.token_hex(12)}"


class Reviews:
    """The approvals of a router; safe to share between threads. All of one router share what waits in memory.

    Args:
        router: whose requests wait. log: without a router, to look, to decide and to take.
    """

    def __init__(self, router: Router | Rollout | None = None, *, log: EventLog | None = None) -> None:
        self._router, self._only = router, log
        self._memory = InMemory() if router is None else _MEMORIES.setdefault(router, InMemory())

    @property
    def _log(self) -> EventLog | None:
        return self._only if self._router is None else self._router.log

    def ask(
        self,
        suspended: Suspended,
        *,
        subject: Literal["tool", "request"],
        reason: str,
        queue: str | None = None,
        now: datetime | None = None,
    ) -> Approval:
        """Put something before a person.

        Args:
            subject: what is asked: whether a tool may be called, or whether the request may go on.
            queue: who is to look; by default the queue of the decision.

        Raises:
            LogError: it could not be kept, or too much waits already. Nothing waits then.
        """
        if self._router is None:
            raise ReviewError("Only a router can ask, since its rules say for how long. Give it: Reviews(router).")
        now, rules = now or datetime.now(UTC), self._router.config.execution.review
        private = is_hidden(self._router, suspended)
        step = requested(suspended, subject=subject, reason=reason, queue=queue, now=now, rules=rules, private=private)
        until = step.expires_at or now
        hide = private and not rules.keep_private
        if self._log is None:
            self._memory.hold(step, _bytes(suspended), until=until)
            self._router.log_approval(step)
        else:
            self._forget(often=False)
            if hide:
                self._memory.words.see_room()
            _in(self._log).hold(step, _bytes(suspended.bare() if hide else suspended), until=until)
            if hide:  # after its row, or whoever looks which words are still needed would find none for these
                self._memory.words.put(suspended)
        return step

    def decide(self, approval_id: str, granted: bool, *, who: str, why: str, now: datetime | None = None) -> Approval:
        """Grant or deny, once.

        Raises:
            InvalidRequestError: who or why is missing. ReviewError: it is not known, was decided or has expired; or it
                is to be granted where it cannot be seen. LogError: it could not be kept. Nothing has changed then.
        """
        now = now or datetime.now(UTC)
        last = self.state(approval_id, now)
        until = now + self._term(approval_id)
        step = decided(last, granted=granted, who=who, why=why, now=now, until=until)
        if last.state != "requested":
            raise ReviewError(told(last))
        if granted and not self.suspended(approval_id).whole:
            if (now_said := self.state(approval_id, now)).state != "requested":
                raise ReviewError(told(now_said))  # somebody was faster, and what they denied has no words any more
            raise ReviewError(
                f"Approval {approval_id} is about a private request, whose words are kept by the process that asked. "
                "Grant it there, or set execution.review.keep_private; it can be denied from anywhere."
            )
        rows = self._keeps(approval_id).held(approval_id)
        if not rows or not self._settle(step, None if granted else self._bare(rows[0]), until):
            raise ReviewError(told(self.state(approval_id, now)))
        return step

    def state(self, approval_id: str, now: datetime | None = None) -> Approval:
        """The last step; one that is overdue counts as expired, whether or not anybody has written that down.

        Raises:
            ReviewError: no such approval is known.
        """
        now = now or datetime.now(UTC)
        keeps = self._keeps(approval_id)
        steps = keeps.steps(approval_id)
        if not steps:
            raise ReviewError(f"No approval {approval_id} is known. Check the id, and that the log is the right one.")
        row = next(iter(keeps.held(approval_id)), None)
        return expired(steps[-1], row) if row is not None and row.is_open and row.until <= now else steps[-1]

    def pending(self, now: datetime | None = None) -> list[Approval]:
        """What waits for a person, the first to expire first."""
        now = now or datetime.now(UTC)
        self._forget()
        return [step for row, step in self._rows() if row.state == "requested" and row.until > now]

    def ready(self, now: datetime | None = None) -> list[Approval]:
        """What somebody has decided, or nobody in time, and nobody has taken yet: for whoever carries requests out."""
        now = now or datetime.now(UTC)
        self._forget()
        return [step for row, step in self._rows() if (row.state == "requested") != (row.until > now)]

    def expire(self, now: datetime | None = None) -> list[Approval]:
        """Write down what has expired, and delete what nobody took in time; the new steps.

        What is then to happen with a request is its ``on_expiry``. Run it every few minutes.
        """
        now, done = now or datetime.now(UTC), []
        for keeps in self._both():
            for row in keeps.held():
                if row.until <= now and (step := self._end(keeps, row, now)) is not None:
                    done.append(step)
        self._forget()
        return done

    def suspended(self, approval_id: str) -> Suspended:
        """What waits, to look at; ``whole`` is False where its words are not here.

        Raises:
            ReviewError: nothing waits under this id any more.
        """
        row = next(iter(self._keeps(approval_id).held(approval_id)), None)
        if row is None:
            self._memory.words.drop(approval_id)
            raise ReviewError(f"Nothing waits as {approval_id}: it was never asked for, was taken or is over.")
        return self._read(row)

    def take(self, approval_id: str, *, last: Approval | None = None, now: datetime | None = None) -> Suspended:
        """What was decided, or has expired, so that it goes on or ends; only the first who asks gets it.

        Args:
            last: the step that the caller goes by; by default the last one. Where another one counts by now, nothing is
                taken.

        Raises:
            ReviewError: nobody has decided yet, somebody took it before, or its words are in another process.
        """
        now = now or datetime.now(UTC)
        keeps, last = self._keeps(approval_id), last or self.state(approval_id, now)
        row = next(iter(keeps.held(approval_id)), None)
        if row is not None and row.state == "requested" and row.until <= now:
            self._end(keeps, row, now)
        if row is not None and row.state == "granted" and not self._read(row).whole:
            raise ReviewError(f"Approval {approval_id} was granted in the process that asked, and goes on only there.")
        kept = keeps.take(approval_id, now, state=last.state)
        if kept is None:
            raise ReviewError(told(self.state(approval_id, now), taken=not keeps.held(approval_id)))
        words = self._memory.words.pop(approval_id)
        return words if words is not None and last.state == "granted" else unpacked(approval_id, kept)

    def _end(self, keeps: Keeps, row: Held, now: datetime) -> Approval | None:
        """End what is overdue; the new step, where there is one and nobody else wrote it."""
        if not row.is_open:
            keeps.drop(row, now, None)
            return None
        last = keeps.steps(row.approval_id)
        if not last:  # its decision was erased or compacted: nobody can be told any more, and nothing may stay
            keeps.drop(row, now, None)
            return None
        step = expired(last[-1], row).model_copy(update={"at": now})
        if row.state == "granted":
            return step if keeps.drop(row, now, step) else None
        until = now + self._term(row.approval_id)
        return step if self._settle(step, self._bare(row), until) else None

    def _settle(self, step: Approval, kept: bytes | None, until: datetime) -> bool:
        keeps = self._keeps(step.approval_id)
        done = keeps.settle(step, kept, until=until)
        if done and kept is not None:
            self._memory.words.drop(step.approval_id)
        if done and keeps is self._memory and self._router is not None:
            self._router.log_approval(step)
        return done

    def _bare(self, row: Held) -> bytes:
        """What may stay of it once it is over; nothing of what another release wrote."""
        try:
            return _bytes(self._read(row).bare())
        except ReviewError:
            return b"{}"

    def _read(self, row: Held) -> Suspended:
        words = self._memory.words.get(row.approval_id)
        if words is not None and row.state in ("requested", "granted"):
            return words
        return unpacked(row.approval_id, row.kept)

    def _term(self, approval_id: str) -> timedelta:
        """How long somebody has to decide, and then to take what was decided."""
        asked = self._keeps(approval_id).steps(approval_id)[0]
        return (asked.expires_at or asked.at) - asked.at

    def _keeps(self, approval_id: str) -> Keeps:
        log = self._log
        return self._memory if approval_id in self._memory.said or log is None else _in(log)

    def _both(self) -> Sequence[Keeps]:
        return (self._memory,) if self._log is None else (_in(self._log), self._memory)

    def _rows(self) -> Iterator[tuple[Held, Approval]]:
        """What is kept, each with its last step."""
        for keeps in self._both():
            for row in keeps.held():
                yield from ((row, step) for step in keeps.steps(row.approval_id)[-1:])

    def _forget(self, *, often: bool = True) -> None:
        """Words whose rows are gone: another process decided, or a person was erased. The ids of all have to be read,
        so whoever asks much does it not ``often``, but every few seconds; never what is kept of them, which would be
        copied as a whole each time."""
        if self._log is None or not self._memory.words or not (often or self._memory.due()):
            return
        there = self._memory.words.names()
        self._memory.words.drop(*there - _in(self._log).open_ids())


def _bytes(suspended: Suspended) -> bytes:
    return suspended.to_json().encode()


def _in(log: EventLog) -> Keeps:
    from router_ml.storage.service.waiting import Waiting

    return Waiting(log)
