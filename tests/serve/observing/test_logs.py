"""What is logged is a line that a program reads, and never what a request held."""

from __future__ import annotations

import json
import logging
import warnings
from typing import Any

import pytest

from router_ml.errors import InvalidRequestError
from router_ml.serve.observing.logs import Lines, quieten

SECRET = "My card is 4111 1111 1111 1111"


def line(name: str, message: str, *arguments: object, style: str = "json", **more: Any) -> str:
    made = logging.LogRecord(name, logging.ERROR, "/lib/call.py", 7, message, arguments, more.pop("exc_info", None))
    made.__dict__.update(more)
    return Lines(style).format(made)


def raised(error: Exception) -> Any:
    try:
        raise error
    except Exception as caught:  # noqa: BLE001
        return type(caught), caught, caught.__traceback__


def test_fields_of_a_record_are_fields_of_its_line() -> None:
    said = json.loads(line("router_ml.serve", "Two\nlines of %s.", "text", route="/v1/route", status=200))
    assert said["message"] == "Two lines of text."
    assert (said["route"], said["status"], said["level"]) == ("/v1/route", 200, "error")


def test_what_libraries_hang_on_their_records_stays_there() -> None:
    """LiteLLM hangs on what it was asked."""
    for name in ("LiteLLM", "httpx", "uvicorn.error"):
        assert "4111 1111" not in line(name, "It failed.", litellm_redacted=SECRET)


def test_a_line_of_text_says_the_same() -> None:
    said = line("router_ml.serve", "It serves.", style="text", route="/v1/route")
    assert "It serves." in said
    assert "route=/v1/route" in said
    assert "\n" not in said


@pytest.mark.parametrize("name", ["LiteLLM", "httpx", "openai._base_client", "asyncio", "router_mlx"])
def test_messages_of_other_libraries_are_not_passed_on(name: str) -> None:
    """They log what they send at the first difficulty."""
    said = line(name, f"Bad request: {SECRET}")
    assert "4111 1111" not in said
    assert "call.py:7" in said


@pytest.mark.parametrize("style", ["json", "text"])
def test_an_exception_is_its_type_and_place_and_its_message_only_where_it_is_ours(style: str) -> None:
    """A ValueError quotes what it could not read."""
    said = line("uvicorn.error", "Exception in ASGI application\n", exc_info=raised(ValueError(SECRET)), style=style)
    assert "4111 1111" not in said
    assert "ValueError" in said
    assert "test_logs.py" in said
    said = line("uvicorn.error", "Exception", exc_info=raised(InvalidRequestError("Give a text.")), style=style)
    assert "Give a text." in said


def test_of_a_traceback_that_came_as_text_only_its_end_is_kept() -> None:
    text = (
        "Traceback (most recent call last):\n  File ...\nrouter_ml.errors.ConfigError: router.yaml:3: lanes: wrong.\n"
    )
    said = json.loads(line("uvicorn.error", text.replace("%", "%%")))
    assert said["message"] == "router_ml.errors.ConfigError: router.yaml:3: lanes: wrong."


def test_libraries_that_log_contents_lose_their_own_handlers() -> None:
    """LiteLLM writes to standard error by itself, past any formatter."""
    logger = logging.getLogger("LiteLLM")
    logger.addHandler(logging.StreamHandler())
    logger.setLevel(logging.DEBUG)
    quieten()
    assert logger.handlers == []
    assert not logger.isEnabledFor(logging.INFO)


def test_warnings_of_libraries_say_no_more_than_their_messages(caplog: pytest.LogCaptureFixture) -> None:
    """They are written to standard error past all loggers, and quote what they are about."""
    logging.captureWarnings(False)
    with warnings.catch_warnings(record=True) as passed:
        warnings.simplefilter("always")
        quieten()
        warnings.warn(f"serialized value may not be as expected [input_value={SECRET!r}]", stacklevel=1)
        logging.captureWarnings(False)
    assert passed == []
    (record,) = caplog.records
    assert "4111 1111" not in Lines().format(record)
