"""Logs of a gateway: a line of JSON, or of text, for each event on standard error; and no content in any.

What this package logs never holds a text of a request. Other libraries make no such promise, so of theirs only the
place and the kind are kept, and of exceptions their type and where they were raised.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from router_ml.errors import RouterError
from router_ml.serve.settings import Settings

OURS = ("router_ml", "uvicorn")
_QUIET = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "httpx", "httpcore", "openai", "urllib3", "mlflow", "alembic")
"""Loggers of libraries that tell at a low level what they send."""
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}
_FRAMES = 8


class Lines(logging.Formatter):
    """One line for each record; ``extra`` fields of this package's records become fields of the line."""

    def __init__(self, style: str = "json") -> None:
        super().__init__()
        self._json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields = self._fields(record)
        if self._json:
            return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), default=str)
        at, level, message = fields.pop("at"), fields.pop("level"), fields.pop("message")
        fields.pop("logger")
        return " ".join([at[11:23], f"{level:7}", message, *(f"{k}={v}" for k, v in fields.items())])

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            "worker": os.environ.get("ROUTER_ML_WORKER"),
            "pid": record.process,
        }
        if record.name.partition(".")[0] == OURS[0]:
            fields.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = told(record.exc_info[1])
        return {key: value for key, value in fields.items() if value is not None}


def told(error: BaseException) -> dict[str, Any]:
    """What may be said of an exception: its type, where it was raised, and the message only if it is one of ours."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    said: dict[str, Any] = {
        "type": type(error).__name__,
        "raised": [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in frames],
    }
    if isinstance(error, RouterError):
        said["message"] = str(error)
    return said


def _message(record: logging.LogRecord) -> str:
    if record.name.partition(".")[0] not in OURS:
        return f"A message of a library, from {Path(record.pathname).name}:{record.lineno}."
    lines = record.getMessage().strip().splitlines() or [""]
    message = lines[-1] if lines[0].startswith("Traceback") else " ".join(lines)  # its end says what was raised
    return " ".join(message.split())


def config_of_logs(settings: Settings) -> dict[str, Any]:
    """For ``logging.config.dictConfig``."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": "router_ml.serve.observing.logs.Lines", "style": settings.log_format}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines", "stream": "ext://sys.stderr"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {
            "router_ml": {"level": settings.log_level.upper()},
            "uvicorn": {"level": "WARNING"},
            **{name: {"level": "WARNING"} for name in _QUIET},
        },
    }


def quieten() -> None:
    """Take the handlers away that libraries gave their loggers when they were imported, and their low levels; and have
    warnings be messages of a library, since those of pydantic quote what LiteLLM made of an answer."""
    logging.captureWarnings(True)
    for name in _QUIET:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(max(logger.level, logging.WARNING))
