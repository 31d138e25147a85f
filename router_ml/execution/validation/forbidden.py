"""Fields that must not be in an answer, by name, however deep they stand and even where JSON stands inside a text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from pydantic import JsonValue

from router_ml.execution.validation.reading import NotJsonError, read_json


def forbidden_in(names: Sequence[str], *, text: str, value: JsonValue) -> Iterator[str]:
    """An error for each forbidden field of an answer.

    Args:
        text: the answer. value: what it was parsed to; its strings may hold JSON of their own.
    """
    if not names:
        return
    found = set(_keys(value)) | set(_keys(_inside(text)))
    for name in names:
        written = _written(name)
        if name.casefold() in found or written.search(text) or any(written.search(one) for one in _strings(value)):
            yield f"has the field {name!r}, which must not be in it"


@lru_cache(maxsize=512)
def _written(name: str) -> re.Pattern[str]:
    """A field as it is written in JSON, also inside a string of JSON."""
    return re.compile(rf"""["']{re.escape(name)}\\{{0,8}}["']\s{{0,20}}:""", re.IGNORECASE)


def _inside(text: str) -> JsonValue:
    """The JSON in a text, whose keys may be escaped; None where there is none that can be told apart."""
    if "{" not in text:
        return None
    try:
        return read_json(text)
    except NotJsonError:
        return None


def _keys(value: JsonValue) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield from (name.casefold() for name in item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _strings(value: JsonValue) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
