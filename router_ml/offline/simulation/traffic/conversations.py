"""Requests that come in sessions: how many turns, when, and what each goes on from."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from router_ml.offline.simulation.scenarios.scenario import Sessions
from router_ml.offline.simulation.traffic.choosing import Chooser

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_MINUTES = 60.0


@dataclass(frozen=True)
class Turns:
    """n turns, by session and turn: hour (n,), kind, session, turn; before: the number of the previous turn where it
    has been handed out, else -1; held: tokens of the conversation before it."""

    hour: Floats
    kind: Ints
    session: Ints
    turn: Ints
    before: Ints
    held: Ints

    def __len__(self) -> int:
        return len(self.hour)

    def take(self, rows: NDArray[np.bool_] | slice) -> Turns:
        """The chosen turns."""
        return Turns(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    def and_then(self, later: Turns) -> Turns:
        """These, and those of sessions that began later."""
        pairs = ((item.name, getattr(self, item.name), getattr(later, item.name)) for item in fields(self))
        return Turns(**{name: np.concatenate([mine, theirs]) for name, mine, theirs in pairs})

    def numbered(self, number: Ints) -> Turns:
        """With what each goes on from, where the previous turn has a ``number`` (n,); -1 for those that have none."""
        follows = np.zeros(len(self), bool)
        follows[1:] = self.session[1:] == self.session[:-1]
        last = np.concatenate([[-1], number[:-1]])
        before = np.where(follows & (last >= 0), last, self.before)
        return Turns(self.hour, self.kind, self.session, self.turn, before, self.held)


def no_turns() -> Turns:
    """None."""
    empty = np.zeros(0, np.int64)
    return Turns(np.zeros(0), empty, empty, empty, empty, empty)


class Conversations:
    """Makes sessions in the order in which they begin. Their lengths follow one another on a line of as many places as
    requests come in sessions, so that the number of requests is exact and only the last session is cut."""

    def __init__(self, sessions: Sessions, chooser: Chooser, *, hours: float) -> None:
        self._sessions, self._chooser, self._hours = sessions, chooser, hours
        self._begun = 0
        self._ahead = 0  # places of the stretches to come that the last session takes

    def begin(self, edges: Floats, places: Ints, left: int, random: np.random.Generator) -> Turns:
        """The sessions that begin in stretches of time with all of their turns.

        Args:
            edges: (s + 1,) of the stretches, hours. places: (s,) requests in sessions for each. left: places from the
                first of these on to the end of the run.
        """
        total = int(places.sum())
        lengths = self._lengths(total - self._ahead, left - self._ahead, random)
        first = self._ahead + np.cumsum(lengths) - lengths
        self._ahead += int(lengths.sum()) - total
        if not len(lengths):
            return no_turns()
        stretch = np.searchsorted(np.cumsum(places), first, side="right")
        began = np.sort(edges[stretch] + random.random(len(first)) * np.diff(edges)[stretch])
        turn = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        hour = self._hours_of(began, lengths, turn, random)
        own = np.repeat(np.arange(len(lengths)), lengths)
        kind = self._chooser.of_sessions(hour, turn == 0, own, random)
        said = self._chooser.tokens[kind]
        running = np.cumsum(said) - said
        held = running - running[turn == 0][own]
        session = own + self._begun
        self._begun += len(lengths)
        return Turns(hour, kind, session, turn, np.full(len(turn), -1), held)

    def _lengths(self, places: int, left: int, random: np.random.Generator) -> Ints:
        """Turns of the sessions that begin within ``places``; the last may take more of those that are ``left``."""
        drawn, taken = [np.zeros(0, np.int64)], 0
        while taken < places:
            more = random.geometric(1 / self._sessions.turns, int((places - taken) / self._sessions.turns * 1.1) + 8)
            drawn.append(more)
            taken += int(more.sum())
        lengths = np.concatenate(drawn)
        lengths = lengths[: np.searchsorted(np.cumsum(lengths), places) + 1] if places > 0 else lengths[:0]
        if len(lengths):
            lengths[-1] -= max(int(lengths.sum()) - left, 0)
        return np.asarray(lengths, np.int64)

    def _hours_of(self, began: Floats, lengths: Ints, turn: Ints, random: np.random.Generator) -> Floats:
        """When the turns come; a session that would outlast the run is pressed into what is left of it."""
        gaps = random.standard_exponential(len(turn)) * (self._sessions.gap_minutes / _MINUTES)
        gaps[turn == 0] = 0.0
        running = np.cumsum(gaps)
        since = running - np.repeat(running[turn == 0], lengths)
        room, lasts = self._hours - began, since[np.cumsum(lengths) - 1]
        press = np.where(lasts >= room, room / np.maximum(lasts, 1e-300), 1.0)
        hour = np.repeat(began, lengths) + since * np.repeat(press, lengths)
        return np.asarray(np.minimum(hour, np.nextafter(self._hours, 0)))
