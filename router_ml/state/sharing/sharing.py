"""A thread beside the requests that tells the other processes what this one did, and hears what they did.

No request waits for it. While the database is away everything goes on with what is known: money as of the last look,
and what others said of a place until it ends by itself.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from router_ml.errors import LogError
from router_ml.state.budgets import Budgets
from router_ml.state.health import Health
from router_ml.state.listening import Listener
from router_ml.state.sharing.bounded import TooLongError, within
from router_ml.state.sharing.counts import Counter, Counts
from router_ml.state.sharing.hearsay import Breakers, Hearsay, Telling
from router_ml.state.sharing.processes import Process
from router_ml.state.sharing.spending import SPEND, as_counters, as_spending, before, short

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.service.board import Beat, Board

logger = logging.getLogger(__name__)

SECONDS = 1.0
_CLEAN_EVERY = 300
_PATIENCE_S = 3.0
_LATE = 5
"""After so many periods without an answer what others do is not known."""

Serves = Callable[[], Mapping[str, Mapping[str, str | None]]]
"""By arm the bundle that decides and its version."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Shared:
    """What of a process is shared: ``health``, ``budgets`` and ``listener`` of its memory, ``counts`` of its keys, what
    it ``serves``, and the ``breakers`` of its lanes, if it has any."""

    health: Health
    budgets: Budgets
    listener: Listener
    counts: Counts = field(default_factory=Counts)
    serves: Serves = dict
    breakers: Breakers | None = None


class Sharing:
    """Shares; ``start`` before the first request, ``close`` after the last.

    Args:
        seconds: between two looks, give or take a quarter.
        now: UTC; for tests, as ``rng`` is.
    """

    def __init__(
        self,
        shared: Shared,
        *,
        seconds: float = SECONDS,
        now: Callable[[], datetime] = _utc_now,
        rng: random.Random | None = None,
    ) -> None:
        self.shared, self._seconds, self._now = shared, seconds, now
        self._rng = rng or random.Random()
        self._this = Process.this()
        self._telling = Telling(shared.health.clock)
        doubt = None if shared.breakers is None else shared.breakers.doubt
        self._hearsay = Hearsay(shared.health.clock, self._rng, doubt=doubt)
        self._others: tuple[Process, ...] = ()
        self._published: dict[Counter, float] = {}
        self._based: frozenset[Counter] = frozenset()
        self._board: tuple[EventLog, Board] | None = None
        self._ticks, self._failing, self._known = 0, False, False
        self._late_s = _LATE * seconds
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def name(self) -> str:
        """Of this process, among those of the service."""
        return self._this.name

    @property
    def failing(self) -> bool:
        """Whether the last look could not be taken or takes long, so that what others did is not known."""
        return self._failing

    def start(self) -> None:
        """Look once, then again and again beside the requests; nothing where that is done already."""
        if self._thread is not None:
            return
        self._stop.clear()
        self.tick()
        self._thread = threading.Thread(target=self._run, name="router-ml-sharing", daemon=True)
        self._thread.start()

    def tick(self) -> None:
        """Tell and hear once. What the database is to blame for is logged the first time, and changes nothing."""
        with self._turn, self._not_too_late():
            self.shared.listener.refresh()
            board = self._opened()
            if board is None:
                return
            try:
                self._known = True
                try:
                    self._tell(board)
                finally:  # what cannot be told here is no reason not to listen
                    self._hear(board)
                self._clean(board)
            except LogError as error:
                self._fails(str(error))
            else:
                if self._failing:
                    logger.info("Other processes are heard again.")
                self._failing = False

    @contextmanager
    def _not_too_late(self) -> Iterator[None]:
        """Have it be known when this takes long: a network that swallows what is sent says nothing for minutes."""
        late = threading.Timer(self._late_s, self._fails, ["the database does not answer."])
        late.daemon = True
        late.start()
        try:
            yield
        finally:
            late.cancel()

    def _fails(self, why: str) -> None:
        if not self._failing:
            logger.error("What other processes do is not known for now: %s", why)
        self._failing = True

    def processes(self) -> tuple[Process, ...]:
        """The processes that lived at the last look, this one first."""
        return (replace(self._this, serves=self.shared.serves()), *self._others)

    def close(self) -> None:
        """Tell the last time what was counted, and live no more, until it starts again; takes seconds at most."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)
            self._thread = None
        board = self._opened() if self._known else None
        if board is None:
            return
        try:
            within(_PATIENCE_S, lambda: self._leave(board))
        except (LogError, TooLongError) as error:
            logger.error("What was counted last could not be told to other processes: %s", error)

    def _leave(self, board: Board) -> None:
        if not self._turn.acquire(timeout=_PATIENCE_S):
            raise TooLongError(f"The last look has taken more than {_PATIENCE_S:g} s.")
        try:
            board.leave(self.name, self._changed(self._counted(self._days())))
            self._known = False
        finally:
            self._turn.release()

    def _run(self) -> None:
        while not self._stop.wait(self._seconds * self._rng.uniform(0.75, 1.25)):
            try:
                self.tick()
            except Exception:  # the border of a thread: it has to be there for the next look
                logger.exception("Sharing with other processes failed; it is tried again.")

    def _opened(self) -> Board | None:
        log = self.shared.listener.log
        if log is None:
            return None
        if self._board is None or self._board[0] is not log:
            from router_ml.storage.service.board import Board

            self._board = log, Board(log.session)
        return self._board[1]

    def _days(self) -> tuple[date, date, date]:
        today = self._now().astimezone(UTC).date()
        return today - timedelta(days=1), today, today + timedelta(days=1)

    def _counted(self, days: Iterable[date]) -> dict[Counter, float]:
        return {**self.shared.counts.own(), **as_counters(self.shared.budgets.own(days))}

    def _changed(self, counted: Mapping[Counter, float]) -> dict[Counter, float]:
        return {counter: value for counter, value in counted.items() if self._published.get(counter) != value}

    def _describe(self) -> str:
        breakers, health = self.shared.breakers, self.shared.health
        down = self._telling.now(breakers.troubled() if breakers else {}, health.reported)
        self._this = replace(self._this, serves=self.shared.serves(), down=down)
        return self._this.to_json()

    def _tell(self, board: Board) -> None:
        days = self._days()
        counted = self._counted(days)
        changed, told = self._changed(counted), self._describe()
        bases = {(SPEND, short(name), on.isoformat()) for name in self.shared.budgets.classes for on in days[1:]}
        if new := bases - self._based:
            if wanted := board.wants(self.name, sorted(new)):
                board.join(
                    self.name,
                    changed,
                    before(wanted, self.shared.budgets.classes, self.shared.listener.log, today=days[1]),
                    told=told,
                )
            else:
                board.publish(self.name, changed, told=told)
            self._based = frozenset(bases)
        else:
            board.publish(self.name, changed, told=told)
        self._published = counted

    def _hear(self, board: Board) -> None:
        heard = board.others(self.name, since=self._now())
        self.shared.budgets.hear(as_spending(heard, self.shared.budgets.classes))
        self.shared.counts.hear({counter: value for counter, value in heard.items() if counter[0] != SPEND})
        self._others = tuple(_living(board.processes(), self.name))
        breakers = self.shared.breakers
        said = {one.name: (one.age_s, one.down) for one in self._others}
        self.shared.health.hear(self._hearsay.believed(said, well=breakers.last_well() if breakers else {}))

    def _clean(self, board: Board) -> None:
        now = self._now().astimezone(UTC)
        self.shared.counts.forget(kind="key_calls", before=f"{now - timedelta(minutes=5):%Y-%m-%dT%H:%M}")
        self.shared.counts.forget(kind="key_spend", before=f"{now - timedelta(days=1):%Y-%m-%d}")
        self._ticks += 1
        if self._ticks % _CLEAN_EVERY == 0:
            board.forget()


def _living(beats: Iterable[Beat], but: str) -> Iterable[Process]:
    for beat in beats:
        if beat.alive and beat.process != but:
            found = Process.told(beat.process, beat.told, age_s=beat.age_s)
            if found is not None:
                yield found
