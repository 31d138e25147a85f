"""Windows of a log: from when to when, read and laid side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from router_ml.errors import EncoderMismatchError, InvalidRequestError, OfflineDataError
from router_ml.storage.database.records import LoggedData

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

_SPAN = re.compile(r"(\d{1,5})([dh])")
BY_LANE = ("propensities", "eligible", "estimated_quality", "estimated_cost_usd")
PER_WINDOW = 50_000  # decisions; more only cost memory
RUN = 1000  # decisions that followed each other and are kept or left out together


@dataclass(frozen=True)
class Window:
    """From ``start`` on, before ``end``."""

    start: datetime
    end: datetime


def parse_window(said: str, *, end: datetime) -> Window:
    """``2026-05-01..2026-06-01``, or a span as ``7d`` or ``12h`` up to ``end``; without a zone UTC.

    >>> parse_window("7d", end=datetime(2026, 6, 8, tzinfo=UTC)).start.isoformat()
    '2026-06-01T00:00:00+00:00'

    Raises:
        InvalidRequestError: neither, or it ends before it begins.
    """
    span = _SPAN.fullmatch(said)
    if span is not None:
        hours = int(span[1]) * (24 if span[2] == "d" else 1)
        window = Window(end - timedelta(hours=hours), end)
    else:
        first, dots, last = said.partition("..")
        try:
            window = Window(_moment(first), _moment(last) if last else end)
        except ValueError:
            dots = ""
        if not dots:
            raise InvalidRequestError(
                f"The window {said!r} cannot be read. Give 2026-05-01..2026-06-01, or a span as 7d or 12h."
            )
    if window.start >= window.end:
        raise InvalidRequestError(f"The window {said!r} holds no time. Give one that ends after it begins.")
    return window


def _moment(said: str) -> datetime:
    at = datetime.fromisoformat(said)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def read_windows(
    log: EventLog, windows: Sequence[Window], *, org: str | None = None, clusters: bool = False
) -> list[LoggedData]:
    """The decisions of each window, at most ``PER_WINDOW`` of each; embeddings of one encoder alone.

    A window that holds more is thinned by runs of ``RUN`` decisions, so that those that follow each other still do.
    Where the log holds embeddings of several encoders, none is read: they cannot be compared.

    Args:
        clusters: days or hours will be compared with each other: all windows are thinned alike, by single decisions.

    Raises:
        OfflineDataError: a window is empty.
    """
    since = min(window.start for window in windows)
    try:
        found = _read(log, windows, since, org=org, encoder=None, clusters=clusters)
    except EncoderMismatchError:
        found = _read(log, windows, since, org=org, encoder="none", clusters=clusters)
    for window, data in zip(windows, found, strict=True):
        if not len(data):
            raise OfflineDataError(
                f"No decision was logged from {window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC. Choose "
                "another window."
            )
    return found


def _read(
    log: EventLog,
    windows: Sequence[Window],
    since: datetime,
    *,
    org: str | None,
    encoder: str | None,
    clusters: bool,
) -> list[LoggedData]:
    thinning = [Thinning(1 if clusters else RUN) for _ in windows]
    nothing: LoggedData | None = None
    until = max(_stamp(window.end) for window in windows)
    for batch in log.batches(since, org=org, encoder=encoder):
        nothing = batch.select(np.zeros(len(batch), bool))
        for window, kept in zip(windows, thinning, strict=True):
            inside = (batch.created_at >= _stamp(window.start)) & (batch.created_at < _stamp(window.end))
            kept.add(batch.select(inside))
        if batch.created_at[-1] >= until:
            break
    if nothing is None:
        raise OfflineDataError("The log holds no decision in either window. Choose other windows.")
    for kept in thinning if clusters else ():
        kept.thin(max(each.step for each in thinning))
    return [stacked(*kept.parts) if kept.parts else nothing for kept in thinning]


@dataclass
class Thinning:
    """Every so many-th run of a window that may turn out to be too large, all of it alike."""

    run: int
    parts: list[LoggedData] = field(default_factory=list)
    step: int = 1
    seen: int = 0
    kept: list[NDArray[np.intp]] = field(default_factory=list)  # which run each row of each part is of

    def add(self, batch: LoggedData) -> None:
        """The next decisions of the window."""
        runs = (self.seen + np.arange(len(batch))) // self.run
        self.seen += len(batch)
        self._keep(batch, runs)
        while sum(map(len, self.parts)) > PER_WINDOW:
            self.thin(2 * self.step)

    def thin(self, step: int) -> None:
        """Keep only every so many-th run, a multiple of what it was."""
        parts, kept = self.parts, self.kept
        self.step, self.parts, self.kept = step, [], []
        for part, runs in zip(parts, kept, strict=True):
            self._keep(part, runs)

    def _keep(self, part: LoggedData, runs: NDArray[np.intp]) -> None:
        chosen = runs % self.step == 0
        if chosen.any():
            self.parts.append(part.select(chosen))
            self.kept.append(runs[chosen])


def _stamp(at: datetime) -> np.datetime64:
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")


def stacked(*parts: LoggedData) -> LoggedData:
    """Several parts of a log as one, in their order, over the lanes of all of them; embeddings of other encoders, or of
    another width, count as not kept."""
    lanes = tuple(dict.fromkeys(lane for part in parts for lane in part.lanes))
    encoder = next((part.encoder for part in parts if part.encoder is not None), None)
    same = [_over(part, lanes) for part in parts]
    values: dict[str, Any] = {"lanes": lanes, "encoder": encoder}
    for item in fields(LoggedData):
        if item.name in ("embeddings", "features"):
            whose = [part.encoder == encoder or item.name == "features" for part in parts]
            values[item.name] = _rows([getattr(part, item.name) for part in parts], whose)
        elif item.name not in values:
            values[item.name] = np.concatenate([part[item.name] for part in same])
    return LoggedData(**values)


def _over(part: LoggedData, lanes: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """The arrays of a part, with a column for each of ``lanes``."""
    values = {item.name: getattr(part, item.name) for item in fields(part)}
    column = np.array([lanes.index(lane) for lane in part.lanes] + [-1])
    for name in BY_LANE:
        absent = np.nan if name.startswith("estimated") else 0
        whole = np.full((len(part), len(lanes)), absent, values[name].dtype)
        whole[:, column[:-1]] = values[name]
        values[name] = whole
    values["action"], values["executed"] = column[part.action], column[part.executed]
    return values


def _rows(matrices: Iterable[NDArray[np.float32]], same: Sequence[bool]) -> NDArray[np.float32]:
    """Matrices as one, as wide as the last that counts; NaN where one is of another width."""
    found = list(matrices)
    width = next((m.shape[1] for m, counts in zip(found[::-1], same[::-1], strict=True) if counts and m.shape[1]), 0)
    fit = [
        m if counts and m.shape[1] == width else np.full((len(m), width), np.nan, np.float32)
        for m, counts in zip(found, same, strict=True)
    ]
    return np.concatenate(fit)
