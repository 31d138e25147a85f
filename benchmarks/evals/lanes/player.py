"""The player: asked a case, it answers as a good lane does, or as one with planted failures."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from benchmarks.evals.lanes.calling import right_calls
from benchmarks.evals.lanes.finding import Book
from benchmarks.evals.lanes.played import Asking, Played
from benchmarks.evals.lanes.wording import worded
from router_ml.faults import Fault
from router_ml.faults.answers import Said
from router_ml.faults.asked import Asked

_IN_PASSING = 0.01
"""Share of the first calls of cases that fail and go well when made again."""


class Bends(Protocol):
    """A planted failure."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def bent(self, asking: Asking, played: Played, *, seed: int) -> Played:
        """What is played instead; the same where the case is not among those that it spoils."""
        ...


class Player:
    """One lane. ``seed``: of its words, of the order of its calls and of what fails in passing; ``planted``: what is
    wrong with it, nothing for the good lane."""

    def __init__(self, book: Book, *, seed: int = 0, planted: Sequence[Bends] = ()) -> None:
        self._book, self._seed, self._planted = book, seed, tuple(planted)
        self._asked: Counter[tuple[str, str, int]] = Counter()

    def played(self, asking: Asking) -> Played:
        """What it does with a case: at most one failure spoils it, the first that does."""
        played = good(asking, seed=self._seed)
        return next((bent for _, bent in self._bent(asking, played)), played)

    def failure_in(self, asking: Asking) -> str | None:
        """Which planted failure spoils a case."""
        return next((name for name, _ in self._bent(asking, good(asking, seed=self._seed))), None)

    def _bent(self, asking: Asking, played: Played) -> Iterator[tuple[str, Played]]:
        for one in self._planted:
            bent = one.bent(asking, played, seed=self._seed)
            if bent != played:
                yield one.name, bent

    def play(self, asked: Asked) -> tuple[Fault, Said | None]:
        """As a model on a fault server."""
        asking = self._book.find(asked)
        if asking is None:
            return Fault("good"), Said("Good day.")
        played = self.played(asking)
        place = (*asking.key, len(asked.results))
        tried = self._asked[place]
        self._asked[place] += 1
        if not asked.results and tried < len(played.first):
            return played.first[tried], None
        return played.fault, _said(played, len(asked.results))


def good(asking: Asking, *, seed: int) -> Played:
    """What a good lane does with a case."""
    rng = random.Random(f"{seed} {asking.suite.name} {asking.case.id}")
    first = (_in_passing(rng),) if rng.random() < _IN_PASSING else ()
    batches = right_calls(asking.case, asking.suite.file.tools, rng)
    return Played(batches, worded(asking, rng), first=first)


def _in_passing(rng: random.Random) -> Fault:
    return rng.choice((Fault("rate_limit", retry_after=0.0), Fault("server_error"), Fault("server_error", status=503)))


def _said(played: Played, results: int) -> Said:
    """The answer after so many results."""
    before = 0
    for batch in played.batches:
        if results <= before:
            made = tuple((call.tool, _raw(call.raw, call.arguments)) for call in batch)
            return Said(calls=made, stop="tools")
        before += len(batch)
    return Said(played.text, tokens_out=played.tokens_out or 0)


def _raw(raw: str | None, arguments: dict[str, object]) -> str:
    return json.dumps(arguments, ensure_ascii=False) if raw is None else raw
