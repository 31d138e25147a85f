"""What a command line names, opened: a request, a decision in a log, the ``router.yaml`` that is meant."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router_ml.config import RouterConfig, load_config
from router_ml.contract import RouteDecision, RouteRequest
from router_ml.errors import InvalidRequestError, LogError

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.promises import Promises
    from router_ml.understanding.attribution import Attribution

_WORDS_SHOWN = 8
Archive = Annotated[str | None, typer.Option(help="Folder or URL that decisions were compacted to.")]
Log = Annotated[str | None, typer.Option(help="Path or URL of the event log; default $ROUTER_ML_LOG.")]
Taxonomy = Mapping[str, tuple[str, ...]]


def on_log(log: str | None) -> str:
    """What a command that is shown has to end with to mean the same log; no address, which may hold a password.

    >>> on_log("my logs/own.sqlite"), on_log("postgresql+psycopg://ada:secret@db/router"), on_log(None)
    (" --log 'my logs/own.sqlite'", ' --log ...', '')
    """
    if log is None:
        return ""
    return " --log ..." if "://" in log else f" --log {shlex.quote(log)}"


def build_request(
    text: str | None = None,
    *,
    file: Path | None = None,
    metadata: Mapping[str, str | None] | None = None,
    constraints: Mapping[str, object] | None = None,
    **fields: object,
) -> RouteRequest:
    """A request from a text (``-``: standard input) or a JSON file, with options laid over it.

    Args:
        file: a JSON object of the request's fields.
        metadata, constraints, fields: None and empty values leave what the file says.

    Raises:
        InvalidRequestError: both or neither of text and file, the file is not JSON, or it is not a request.
        OSError: the file cannot be read.
    """
    if (text is None) == (file is None):
        raise InvalidRequestError("Give a text, - for standard input, or --request FILE.json; one of them.")
    record: dict[str, object] = _read(file) if file is not None else {"text": _decoded(text or "")}
    for key, given in (("metadata", metadata), ("constraints", constraints)):
        there = record.setdefault(key, {})
        if isinstance(there, dict):  # anything else is refused below, with the name of the field
            record[key] = {**there, **_given(given or {})}
    return RouteRequest.parse({**record, **_given(fields)})


def _given(options: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in options.items() if value is not None and value != []}


def _decoded(text: str) -> str:
    """Bytes that are not UTF-8 become replacement characters, which the guardrails count."""
    raw = sys.stdin.buffer.read() if text == "-" else os.fsencode(text)
    return raw.decode("utf-8", "replace")


def _read(file: Path) -> dict[str, object]:
    try:
        record = json.loads(file.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise InvalidRequestError(f"{file} is not JSON. Give one object with the fields of a request.") from None
    if not isinstance(record, dict):
        raise InvalidRequestError(f"{file} holds a {type(record).__name__}, expected an object of a request's fields.")
    return record


def logged_decision(decision_id: str, *, log: str | None = None) -> RouteDecision:
    """A decision from an event log, by default ``$ROUTER_ML_LOG``.

    Raises:
        LogError: no log is named, it does not exist or cannot be read, or it does not hold the decision.
    """
    with event_log(log) as events:
        decision = events.decision(decision_id)
    if decision is None:
        raise LogError("The event log holds no decision with this id. Check the id, and that it went to this log.")
    return decision


def log_url(log: str | None = None) -> str:
    """Path or URL of the event log; by default ``$ROUTER_ML_LOG``.

    Raises:
        LogError: no log is named.
    """
    from router_ml.storage.loading import LOG_VARIABLE

    url = log or os.environ.get(LOG_VARIABLE)
    if not url:
        raise LogError(f"No event log is named. Give --log URL, or set ${LOG_VARIABLE}.")
    return url


def event_log(log: str | None = None) -> EventLog:
    """An event log that exists, opened; by default ``$ROUTER_ML_LOG``.

    Raises:
        LogError: no log is named, it does not exist or cannot be read.
    """
    url = log_url(log)
    path = url.removeprefix("sqlite:///")
    if "://" not in path and not Path(path).is_file():  # opening would make an empty one
        raise LogError(f"There is no event log at {path}. Give the path or URL of the one that was written.")
    from router_ml.storage.eventlog import EventLog

    return EventLog(url)


def spool_of(log: str | None = None, folder: str | None = None) -> Path:
    """Where a spool keeps what is for one log; by default those of ``$ROUTER_ML_LOG`` and ``$ROUTER_ML_SPOOL``.

    Raises:
        LogError: no log or spool is named, or the log is in memory.
    """
    from router_ml.storage.loading import SPOOL_VARIABLE
    from router_ml.storage.opening import place_of

    root, place = folder or os.environ.get(SPOOL_VARIABLE), place_of(log_url(log))
    if not root:
        raise LogError(f"No spool is named. Give --spool FOLDER, or set ${SPOOL_VARIABLE}.")
    if place is None:
        raise LogError("A log in memory has no spool. Give the path or URL of the one that was written.")
    return Path(root) / place


def moment(said: str | None, option: str) -> datetime | None:
    """A day or time of the command line; without a zone it counts as UTC.

    Raises:
        InvalidRequestError: it cannot be read.
    """
    if said is None:
        return None
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise InvalidRequestError(f"{option} cannot be read. Give a day or time, as 2026-03-01T12:00Z.") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def attributions(text: str, *, model: str | None = None) -> tuple[str, list[Attribution]]:
    """A text (``-``: standard input), and which of its words made its labels.

    Raises:
        InvalidRequestError: the model has no classifier.
    """
    from router_ml.router import Router

    said = _decoded(text)
    return said, Router.load(model).attribute(said, top=_WORDS_SHOWN)


def locate(path: Path | None = None, *, model: str | None = None) -> tuple[Path, Taxonomy | None]:
    """The ``router.yaml`` that is meant, and the labels it may name (None: those it lists itself).

    Args:
        path: the file; by default the one of ``model``.
        model: as ``Router.load`` takes it; with a path, only its labels count. With neither, ``$ROUTER_ML_MODEL``,
            else the bundle that ships.

    Raises:
        BundleError, RegistryError: the bundle cannot be trusted or fetched.
    """
    if path is not None and model is None:
        return path, None
    folder = _bundle(model)
    if isinstance(folder, str):
        return path or Path(folder), None
    from router_ml.storage.bundle import taxonomy, verify
    from router_ml.understanding.classifier import Classifier

    verify(folder)
    return path or folder / "router.yaml", taxonomy(Classifier.load(folder))


def certified(path: Path | None = None, *, model: str | None = None) -> Promises:
    """What the model that ``locate`` looks at has certified; nothing, where only a file is named.

    Raises:
        BundleError, RegistryError: as ``locate``.
    """
    from router_ml.storage.promises import Promises, load_promises

    folder = None if path is not None and model is None else _bundle(model)
    return load_promises(folder) if isinstance(folder, Path) else Promises()


def _bundle(model: str | None) -> Path | str:
    """The folder of the bundle that is meant, or the name of a ``router.yaml``."""
    from router_ml.storage.loading import MODEL_VARIABLE, one_version, shipped_bundle

    source = model or os.environ.get(MODEL_VARIABLE) or str(shipped_bundle())
    if source.endswith((".yaml", ".yml")):
        return source
    if source.startswith("models:/"):
        from router_ml.storage.registry import fetch

        return fetch(one_version(source))[0]
    return Path(source)


def open_config(path: Path | None = None, *, model: str | None = None) -> tuple[Path, RouterConfig]:
    """The file that ``locate`` finds, read and checked.

    Raises:
        ConfigError: it is wrong. BundleError, RegistryError: as ``locate``.
    """
    file, labels = locate(path, model=model)
    return file, load_config(file, labels)
