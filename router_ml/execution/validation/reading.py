"""Reading the JSON of an answer: strictly, but without what lanes like to put around it.

What is taken off: a thinking block at the start, a code fence, prose before and after. Only where there is one value it
could be: two values, or one that has to be guessed at (a trailing comma, a key that stands twice), is no JSON.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from itertools import islice
from typing import NoReturn

from pydantic import JsonValue

from router_ml.execution.lanes.normal_text import TAGS

LONGEST, DEEPEST = 4_000_000, 60  # characters; levels, so that nothing that walks a value runs out of stack

_CLOSE = re.compile(rf"</(?:{'|'.join(TAGS)})>", re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]{0,3}```[^\n`]{0,40}$", re.MULTILINE)
_LOOKED_AT = 20  # brackets of prose beside a code block
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class NotJsonError(ValueError):
    """A text holds no JSON value, or more than one. ``cut``: it ends in the middle of one."""

    def __init__(self, message: str, *, cut: bool = False) -> None:
        self.cut = cut
        super().__init__(message)


def read_json(text: str, *, roots: str = "{[") -> JsonValue:
    """The one JSON value of an answer.

    Args:
        roots: brackets that a value among prose may begin with; ``{`` where it has to be an object.

    Raises:
        NotJsonError: there is none, or more than one. The message does not repeat what is in the text.

    >>> read_json('Here is the JSON: {"total": 3}. Anything else?')
    {'total': 3}
    """
    if len(text) > LONGEST:
        raise NotJsonError("the answer is too long to be read as JSON")
    text = text.strip()
    with contextlib.suppress(NotJsonError):
        return _strict(text)
    if _FENCE.match(text) and (fenced := _fenced(text, roots)) is not None:
        return _strict(fenced)
    text = _CLOSE.split(text)[-1].strip()  # some servers leave out where the thinking begins
    if (fenced := _fenced(text, roots)) is not None:
        return _strict(fenced)
    try:
        return _strict(text)
    except NotJsonError as error:
        return _among_prose(text, roots, error)


def _fenced(text: str, roots: str) -> str | None:
    """What stands in the one code block of a text; None where there is no block, or nothing in it.

    Raises:
        NotJsonError: there are more blocks, or a value stands beside it.
    """
    if text.startswith("```") and text.endswith("```") and "\n" not in text:
        return text[3:-3].strip().removeprefix("json").strip()
    fences = list(_FENCE.finditer(text))
    if len(fences) > 2:
        raise NotJsonError("the answer holds more than one code block")
    if len(fences) < 2 or not (inside := text[fences[0].end() : fences[1].start()].strip()):
        return None
    if any(_holds_value(part, roots) for part in (text[: fences[0].start()], text[fences[1].end() :])):
        raise NotJsonError("the answer holds a JSON value beside its code block")
    return inside


def _holds_value(prose: str, roots: str) -> bool:
    """Whether a value begins at one of the first brackets of some prose."""
    starts = (found.start() for found in islice(re.finditer(f"[{re.escape(roots)}]", prose), _LOOKED_AT))
    return any(_begins(prose, at) for at in starts)


def _begins(text: str, at: int) -> bool:
    try:
        json.JSONDecoder().raw_decode(text, at)
    except (ValueError, RecursionError):
        return False
    return True


def _among_prose(text: str, roots: str, why: NotJsonError) -> JsonValue:
    """The value that begins at the first bracket, if nothing else in the text could be another one."""
    starts = [at for root in roots if (at := text.find(root)) >= 0]
    if not starts:
        raise why
    start = min(starts)
    brackets = "".join(root + {"{": "}", "[": "]"}[root] for root in roots)
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise NotJsonError("the answer is not JSON", cut=_is_cut(error)) from None
    except (ValueError, RecursionError):
        raise NotJsonError("the answer is not JSON that can be read") from None
    if any(bracket in text[end:] or bracket in text[:start] for bracket in brackets):
        raise NotJsonError("the answer holds more than one JSON value, or a broken one")
    return _strict(text[start:end])


def _strict(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(
            text, object_pairs_hook=_no_twice, parse_constant=_no_constant, parse_float=_finite
        )
    except NotJsonError:
        raise
    except json.JSONDecodeError as error:
        raise NotJsonError("the answer is not JSON", cut=_is_cut(error)) from None
    except (ValueError, RecursionError):
        raise NotJsonError("the answer is not JSON that can be read") from None
    if depth(value) > DEEPEST:
        raise NotJsonError(f"the answer is nested more than {DEEPEST} levels deep")
    if "\\u" in text and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise NotJsonError("the answer holds half a surrogate pair, which is no character")
    return value


def depth(value: JsonValue) -> int:
    """How deep lists and objects are nested; 0 for a string or a number."""
    level, layer = 0, [value]
    while True:
        inner = [item for one in layer if isinstance(one, dict) for item in one.values()]
        inner += [item for one in layer if isinstance(one, list) for item in one]
        if not any(isinstance(one, dict | list) for one in layer):
            return level
        level, layer = level + 1, inner


def _no_twice(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotJsonError("the answer has an object with the same key twice")
    return found


def _no_constant(_: str) -> NoReturn:
    raise NotJsonError("the answer holds NaN or Infinity, which is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise NotJsonError("the answer holds a number that is too large")
    return number


def _is_cut(error: json.JSONDecodeError) -> bool:
    """Whether the text ends where the value had to go on, as when a lane stopped in the middle."""
    return error.msg.startswith("Unterminated string") or error.pos >= len(error.doc.rstrip())
