"""Requests that wait for their turn, and the threads that decide them: one line for short texts, one for long ones.

What a decision costs is by far the reading of its texts, so a line counts characters, not requests.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import Context, copy_context
from dataclasses import dataclass, field

from router_ml.contract import RouteDecision, RouteRequest
from router_ml.deciding.deadline import Claim
from router_ml.deciding.late import Answer

Answers = Callable[[Sequence["Waiting"]], Sequence[Answer | Exception]]

OVERHEAD = 150
"""Characters that take as long to read as all else of a decision takes."""
_FIRST_GUESS_S = 0.00004  # per character
_FADE = 0.9  # what is known of the time of a character is worth that much after the next batch


@dataclass(eq=False)
class Waiting:
    """A request that waits. ``size``: characters that are read for it, with what else it costs."""

    request: RouteRequest
    began: int
    size: int
    context: Context = field(default_factory=copy_context)
    claim: Claim = field(default_factory=Claim)
    answer: Future[RouteDecision] = field(default_factory=Future)


class Line:
    """Whoever waits, decided in the order in which they came, a few together.

    Args:
        answers: decides some. told: hands an answer over. threads: that decide at the same time.
        together: requests, and characters of them, that are decided together at most; one is never too long.

    Counted since the start: ``decided`` in so many ``batches``, ``dropped`` since nobody waited any more.
    """

    def __init__(
        self,
        name: str,
        answers: Answers,
        told: Callable[[Waiting, Answer | Exception], None],
        *,
        threads: int,
        together: tuple[int, int],
    ) -> None:
        self._name, self._answers, self._told, self._threads = name, answers, told, threads
        self._together, self._characters = together
        self._waiting: deque[Waiting] = deque()
        self._more = threading.Condition()
        self._closed = False
        self._deciding = 0
        self._started: list[threading.Thread] = []
        self.characters = 0  # of all who wait or are being decided
        self.seconds = _FIRST_GUESS_S  # per character
        self.decided = self.batches = self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether a request that comes now has to wait for others."""
        return len(self._waiting) + self._deciding >= self._threads

    def expected_seconds(self, size: int) -> float:
        """Until a request of so many characters is decided, if a character takes as long as it did lately."""
        return self.seconds * (size + self.characters / self._threads)

    def put(self, one: Waiting) -> bool:
        """Have it wait, unless the line has ended; the threads start with the first one, in the process that serves."""
        with self._more:
            if self._closed:
                return False
            while len(self._started) < self._threads:
                thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._started.append(thread)
                thread.start()
            self._waiting.append(one)
            self.characters += one.size
            self._more.notify()
        return True

    def end(self) -> None:
        """Have the threads end once nobody waits."""
        with self._more:
            self._closed = True
            self._more.notify_all()

    def join(self, until: float) -> list[Waiting]:
        """Wait for that until a time of the monotonic clock; who still waited by then, and will not be decided."""
        for thread in self._started:
            thread.join(max(0.0, until - time.monotonic()))
        with self._more:
            left = list(self._waiting)
            self._waiting.clear()
        return left

    def _work(self) -> None:
        while batch := self._next():
            began, size = time.perf_counter(), sum(one.size for one in batch)
            answers = self._answers(batch)
            took = (time.perf_counter() - began) / size
            with self._more:
                self._deciding -= len(batch)
                self.characters -= size
                self.seconds = _FADE * self.seconds + (1 - _FADE) * took
                self.batches += 1
                self.decided += sum(isinstance(answer, RouteDecision) for answer in answers)
            for one, answer in zip(batch, answers, strict=True):
                self._told(one, answer)

    def _next(self) -> list[Waiting]:
        """What is decided together next; nothing once all is decided and nothing more comes."""
        with self._more:
            batch: list[Waiting] = []
            while not batch:
                while not self._waiting and not self._closed:
                    self._more.wait()
                if not self._waiting:
                    return []
                self._take(batch)
            self._deciding += len(batch)
            return batch

    def _take(self, batch: list[Waiting]) -> None:
        size = 0
        while self._waiting and len(batch) < self._together:
            one = self._waiting[0]
            if batch and not one.claim.given_up and size + one.size > self._characters:
                return
            self._waiting.popleft()
            if one.claim.given_up:
                self.dropped += 1
                self.characters -= one.size
            else:
                batch.append(one)
                size += one.size
