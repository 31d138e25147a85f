"""What an export holds: counted row by row, before anything is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router_ml.config import RouterConfig
from router_ml.errors import MissingExtraError, OfflineDataError
from router_ml.offline.importing.files import rows_of
from router_ml.offline.importing.findings import Finding, learnable, missing
from router_ml.offline.importing.fitting import check_columns, columns_of, has, nowhere
from router_ml.offline.importing.mapping import Mapping
from router_ml.offline.importing.rows import Row, RowReader
from router_ml.offline.importing.tally import LaneTally, Ratings
from router_ml.offline.importing.troubles import Trouble
from router_ml.state.sessions import is_private

if TYPE_CHECKING:
    from router_ml.router import Router

_EXAMPLES = 3
_READ_AT_ONCE = 32
NOT_A_ROW = "expected one value per column of the first line, or one JSON object a line"
ANOTHER_ROW = "expected an id of its own: a row before says something else under the same one"


@dataclass(frozen=True)
class Problem:
    """One kind of trouble: how many rows have it, and the first lines that do. ``fatal``: these rows are left out."""

    column: str
    expected: str
    fatal: bool
    rows: int
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Survey:
    """What a file holds. ``rows``: all; ``left_out``: cannot be used; ``duplicates``: said twice alike, and used once;
    ``usable`` the others. ``unknown_lanes``: names in the lane column that no lane of router.yaml has, with their
    counts. ``first`` and ``last`` in UTC. ``rated``, ``drawn``, ``labelled``, ``late`` (rated after the attribution
    window), ``expired`` (older than the log keeps anything), ``ahead`` (of a time still to come), ``persons``: of
    usable rows. ``quality``: rated rows in fifths of 0..1. ``private`` of ``read``: rows whose text is private, of
    those that the router has read."""

    rows: int
    left_out: int
    duplicates: int
    usable: int
    problems: tuple[Problem, ...]
    unknown_lanes: dict[str, int]
    first: datetime | None
    last: datetime | None
    rated: int
    drawn: int
    labelled: int
    late: int
    expired: int
    ahead: int
    persons: int
    quality: tuple[int, ...]
    private: int
    read: int
    lanes: dict[str, LaneTally]
    claims: tuple[str, ...]
    missing: tuple[Finding, ...] = field(default=())
    learnable: tuple[Finding, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        times = {name: at and at.isoformat() for name, at in (("first", self.first), ("last", self.last))}
        return {**asdict(self), **times, "lanes": {name: one.to_dict() for name, one in self.lanes.items()}}

    def frame(self) -> Any:
        """One row per lane, as a ``pandas.DataFrame``.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise MissingExtraError("pandas", "offline") from None
        return pandas.DataFrame([{"lane": name, **one.to_dict()} for name, one in self.lanes.items()])


class Surveyor:
    """Reads a file by a mapping and counts; ``private`` and ``read`` are added to by whoever reads the texts."""

    def __init__(self, mapping: Mapping, config: RouterConfig, *, now: datetime) -> None:
        self._mapping, self._config, self._now = mapping, config, now
        self._reader = RowReader(mapping, config)
        self._unfound, self._cells = columns_of(mapping), dict[str, Any]()  # columns no row had yet; those of a row
        self.rows = self.left_out = self.duplicates = self.usable = self.private = self.read = 0
        self._rated = self._drawn = self._labelled = self._late = self._expired = self._ahead = 0
        self._problems: dict[tuple[str, str, bool], tuple[int, list[int]]] = {}
        self._seen: dict[bytes, bytes] = {}  # digest of the key: of what its row says
        self._persons: set[bytes] = set()
        self._times: list[datetime] = []
        self._quality = [0] * 5
        self._lanes = {name: LaneTally() for name in config.lanes}
        self._ratings = Ratings()

    def batches(self, path: str | Path, size: int) -> Iterator[list[Row]]:
        """The usable rows of a file, each once, ``size`` at a time.

        Raises:
            OfflineDataError: it cannot be read, holds no row at all, or is a table without a column of the mapping.
        """
        batch: list[Row] = []
        for line, cells in rows_of(path, kind=self._mapping.format, read=self._mapping.read):
            self.rows += 1
            if cells is not None and self._unfound:
                if not self._cells and self._mapping.format in ("csv", "parquet"):
                    check_columns(path, self._mapping, cells)
                self._cells = self._cells or cells
                self._unfound = {key: name for key, name in self._unfound.items() if not has(cells, name)}
            row, troubles = (
                (None, (Trouble(line, "(row)", NOT_A_ROW, fatal=True),))
                if cells is None
                else (self._reader.read(line, cells))
            )
            self._note(troubles)
            if row is None:
                self.left_out += 1
            elif self._is_new(row):
                self._count(row)
                batch.append(row)
                if len(batch) == size:
                    yield batch
                    batch = []
        if not self.rows:
            raise OfflineDataError(f"{path} holds no row. Check that it is the file that was exported, and its format.")
        if batch:
            yield batch

    def _note(self, troubles: tuple[Trouble, ...]) -> None:
        for one in troubles:
            count, lines = self._problems.setdefault((one.column, one.expected, one.fatal), (0, []))
            if len(lines) < _EXAMPLES:
                lines.append(one.line)
            self._problems[one.column, one.expected, one.fatal] = count + 1, lines

    def _is_new(self, row: Row) -> bool:
        key, says = _digest(row.key), _digest(repr(replace(row, line=0)))
        before = self._seen.setdefault(key, says)
        if before is says:
            return True
        if before == says:
            self.duplicates += 1
        else:
            self.left_out += 1
            self._note((Trouble(row.line, self._mapping.request_id or "(row)", ANOTHER_ROW, fatal=True),))
        return False

    def _count(self, row: Row) -> None:
        self.usable += 1
        self._times = [min([*self._times, row.at]), max([*self._times, row.at])]
        window = timedelta(days=self._config.logging.attribution_days)
        days = self._config.logging.of("low").days
        self._late += row.quality is not None and row.rated_at > row.at + window
        self._expired += days is not None and row.at + timedelta(days=days) < self._now
        self._ahead += row.at > self._now
        self._labelled += row.labels is not None
        self._drawn += row.drawn
        if row.user is not None:
            self._persons.add(_digest(row.user))
        if row.quality is not None:
            self._rated += 1
            self._quality[min(int(row.quality * 5), 4)] += 1
        for name, lane in self._lanes.items():
            lane.add(row, name)
        if row.drawn:
            self._ratings.add(row)

    def result(self) -> Survey:
        """What was counted so far, and what follows from it."""
        problems = [Problem(*key, count, tuple(lines)) for key, (count, lines) in self._problems.items()]
        if self._cells:
            lacking = self._unfound.items()
            problems += [Problem(name, nowhere(name, key, self._cells), False, self.rows, ()) for key, name in lacking]
        found = Survey(
            rows=self.rows,
            left_out=self.left_out,
            duplicates=self.duplicates,
            usable=self.usable,
            problems=tuple(sorted(problems, key=lambda one: (not one.fatal, -one.rows))),
            unknown_lanes=dict(sorted(self._reader.unknown_lanes.items(), key=lambda one: -one[1])[:20]),
            first=self._times[0] if self._times else None,
            last=self._times[1] if self._times else None,
            rated=self._rated,
            drawn=self._drawn,
            labelled=self._labelled,
            late=self._late,
            expired=self._expired,
            ahead=self._ahead,
            persons=len(self._persons),
            quality=tuple(self._quality),
            private=self.private,
            read=self.read,
            lanes=self._lanes,
            claims=self._mapping.claims,
        )
        object.__setattr__(found, "missing", missing(found, self._mapping, self._ratings, self._config))
        object.__setattr__(found, "learnable", learnable(found, self._mapping))
        return found


def survey(
    path: str | Path,
    mapping: Mapping,
    *,
    config: RouterConfig,
    now: datetime,
    router: Router | None = None,
    read: int = 0,
) -> Survey:
    """Read a whole file and write nothing.

    Args:
        router, read: have this router read so many texts of the first rows, to see how many are private.

    Raises:
        OfflineDataError: the file cannot be read, or holds no row at all.
    """
    surveyor = Surveyor(mapping, config, now=now)
    for batch in surveyor.batches(path, _READ_AT_ONCE):
        some = batch[: max(read - surveyor.read, 0)] if router is not None else []
        if router is not None and some:
            stamps = [(0, row.at, f"dry_{row.line}") for row in some]
            made = router.made_beside([row.request for row in some], stamps=stamps)
            surveyor.private += sum(is_private(one.decision) for one in made)
            surveyor.read += len(made)
    return surveyor.result()


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()
