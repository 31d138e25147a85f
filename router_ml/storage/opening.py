"""An event log and, where one is wanted, the spool before it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import sqlalchemy as sql

from router_ml.errors import LogError
from router_ml.storage.database.engine import open_engine
from router_ml.storage.eventlog import ATTRIBUTION_DAYS, EventLog
from router_ml.storage.spooling.drain import Drain
from router_ml.storage.spooling.spool import Spool

logger = logging.getLogger(__name__)

START_S = 5.0  # what a killed process left is delivered first, so that the money it spent is known


def open_log(
    url: str, *, spool: str | Path | None = None, attribution_days: float = ATTRIBUTION_DAYS
) -> tuple[EventLog | None, Drain | None]:
    """The log and the way there. With a spool, a database that is away now is opened later: then there is no log yet.

    Args:
        spool: a folder on a local disk. attribution_days: as ``EventLog`` takes them.

    Raises:
        LogError: the log cannot be opened, or its URL not be read, or the spool not be written.
    """
    reopen: Callable[[], EventLog] = partial(_open, url, attribution_days)
    place = place_of(url)
    if not spool or place is None:
        return reopen(), None
    log, folder = None, Path(spool) / place
    try:
        log = reopen()
    except LogError as error:
        logger.error("Records wait in %s until the event log can be opened: %s", folder, error)
    drain = Drain(Spool(folder), log, reopen=reopen)
    drain.flush(START_S, patient=False)
    return log, drain


def _open(url: str, attribution_days: float) -> EventLog:
    log = EventLog(url, attribution_days=attribution_days)
    log.subject_of("")  # asks the database for its secret now, not within a decision
    return log


def place_of(url: str) -> str | None:
    """The folder in a spool for what goes to one database, so that nothing is delivered to another; the same whoever
    connects. None for a log in memory, which no other process could deliver to.

    Raises:
        LogError: the URL cannot be read, or its driver is missing.
    """
    try:
        parsed = sql.make_url(url) if "://" in url else sql.URL.create("sqlite", database=url)
        parsed.get_dialect().import_dbapi()
    except (sql.exc.ArgumentError, ImportError):
        open_engine(url)  # says what is wrong with it
        raise
    kind, database = parsed.get_backend_name(), parsed.database
    if kind == "sqlite":
        if database in (None, "", ":memory:"):
            return None
        database = str(Path(str(database)).resolve())
    named = f"{kind}|{parsed.host or parsed.query.get('host')}|{parsed.port}|{database}"
    return f"{kind}-{hashlib.sha256(named.encode()).hexdigest()[:12]}"
