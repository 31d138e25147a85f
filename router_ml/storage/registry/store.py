"""Where the registry is, and how to be a polite guest of MLflow there."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from router_ml.errors import MissingExtraError, RegistryError

# For the length of a call, and only where the caller has not decided otherwise. MLflow reports its use to its makers
# unless told not to when it is imported, and tries an unreachable server for minutes.
MANNERS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}


def tracking_uri(root: Path | None = None) -> str:
    """The store in use: ``$MLFLOW_TRACKING_URI``, else ``mlflow/mlflow.db`` in ``root`` or the working directory."""
    folder = (root or Path.cwd()).resolve()
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(folder / 'mlflow' / 'mlflow.db').as_posix()}"


def artifact_root(uri: str) -> str | None:
    """Where a new experiment keeps its artifacts (``file:///...``): beside an SQLite store; None lets a server say."""
    path = sqlite_path(uri)
    return None if path is None else (path.resolve().parent / "artifacts").as_uri()


def sqlite_path(uri: str) -> Path | None:
    """The file of an SQLite store; None for other stores."""
    found = re.fullmatch(r"sqlite(?:\+\w+)?:///([^?]+)(?:\?.*)?", uri)
    return Path(found[1]) if found else None


def check_sqlite(uri: str, *, create: bool) -> None:
    """Look at an SQLite store before MLflow does, which would create a missing one and try a broken one for 100 s.

    Raises:
        RegistryError: there is no such file, and none may be created.
        OSError: the file cannot be opened, is no database, or may not be written to although it must.
    """
    path = sqlite_path(uri)
    if path is None:
        return
    if unquote(str(path)) != str(path):
        raise RegistryError(f"MLflow cannot open {path}: it decodes the %. Keep the registry in a folder without one.")
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise PermissionError(f"{path} may not be written to.")
    if path.is_file():
        try:
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
                connection.execute("PRAGMA schema_version")
        except sqlite3.Error as error:
            raise OSError(f"{error}.") from None
    elif not create:
        raise RegistryError(
            f"There is no model registry at {path}. Register a bundle first, or name the store that holds it in "
            "MLFLOW_TRACKING_URI."
        )


def redacted(text: str) -> str:
    """A text without the user and password of the URLs in it."""
    return re.sub(r"(?<=://)[^/\s]*@", "***@", text)


@contextmanager
def manners() -> Iterator[None]:
    """Set ``MANNERS`` in the environment where the caller has not, and take them back afterwards."""
    added = {name: value for name, value in MANNERS.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def silence(logger: str) -> Iterator[None]:
    """Drop what is less than an error from a logger's own handlers; errors of ours arrive as exceptions."""
    handlers = list(logging.getLogger(logger).handlers)

    def loud(record: logging.LogRecord) -> bool:  # a new one each time, so that threads do not remove each other's
        return record.levelno >= logging.ERROR

    for handler in handlers:
        handler.addFilter(loud)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(loud)


@contextmanager
def opened(uri: str | None, *, create: bool = False) -> Iterator[tuple[Any, str]]:
    """A client of the store and the store's URI; what goes wrong with it becomes a RegistryError."""
    uri = uri or tracking_uri()
    with manners():
        try:
            from mlflow import MlflowClient  # not "import mlflow": a folder of that name would do for it
            from mlflow.exceptions import MlflowException
            from sqlalchemy.exc import SQLAlchemyError
        except ImportError:
            raise MissingExtraError("mlflow", "registry") from None
        try:
            check_sqlite(uri, create=create)
            with silence("mlflow"):
                yield MlflowClient(uri, uri), uri
        except ModuleNotFoundError as error:
            if error.name in ("alembic", "pandas"):
                raise MissingExtraError(error.name, "registry") from None
            raise RegistryError(f"{redacted(uri)} needs the package {error.name}. Install it.") from None
        except (MlflowException, SQLAlchemyError, OSError) as error:
            cause = redacted(str(getattr(error, "orig", None) or error))[:500]  # not the SQL, which holds values
            raise RegistryError(
                f"The model registry at {redacted(uri)} failed: {cause} "
                "(Check that it runs and may be written to; MLFLOW_TRACKING_URI names another.)"
            ) from None
