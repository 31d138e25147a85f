"""Arguments of a call before it is made: JSON, of the shape that the contract asks for, and what they are known by."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any, NoReturn, Protocol
from urllib.parse import unquote

from pydantic import JsonValue

from router_ml.config.execution import Tool
from router_ml.contract.base import JsonObject
from router_ml.errors import ConfigError, MissingExtraError, Problem
from router_ml.execution.validation.keywords import STEPS, TooMuchWorkError, budgeted

LONGEST = 100_000  # characters of the arguments of one call
_MOST_ERRORS = 8
_SHOWN = 200  # characters of what a schema expects
_SECONDS = 0.1  # that the patterns of a schema may search the values of one call
_STEPS = 300_000  # of one result, which may be long
_NAME = re.compile(r"[A-Za-z_][\w-]{0,39}")


class BadArguments(Exception):  # noqa: N818 - an answer to the lane
    """Arguments that a tool cannot take; the message holds none of their values."""


class HasTools(Protocol):
    """Whatever configures tools: ``router.yaml``, or a suite of evaluations."""

    @property
    def tools(self) -> Mapping[str, Tool]:
        """By name."""
        ...


class Checker:
    """The schemas of all configured tools.

    Raises:
        ConfigError: a schema is not valid JSON Schema, or points outside itself.
        MissingExtraError: jsonschema is not installed.
    """

    def __init__(self, config: HasTools) -> None:
        self._arguments: dict[str, Any] = {}
        self._results: dict[str, Any] = {}
        problems: list[Problem] = []
        for name, tool in config.tools.items():
            schema = {"type": "object", **tool.parameters}
            for key, kept, said in (("parameters", self._arguments, schema), ("result", self._results, tool.result)):
                try:
                    kept[name] = _validator(said, objects=key == "parameters")
                except ValueError as error:
                    fix = "Write JSON Schema (2020-12)."
                    problems.append(Problem("router.yaml", None, f"tools.{name}.{key}", f"{error}.", fix))
        if problems:
            raise ConfigError(problems)

    def arguments(self, name: str, text: str) -> JsonObject:
        """The arguments that a lane wrote.

        Raises:
            BadArguments: they are not what the contract says.
        """
        found = _parsed(text)
        if errors := _errors(self._arguments[name], found):
            raise BadArguments("; ".join(errors))
        return found

    def result_error(self, name: str, result: JsonValue) -> str | None:
        """How a result breaks its contract; None where it does not."""
        return "; ".join(_errors(self._results[name], result, steps=_STEPS)) or None


def arguments_sha256(arguments: Mapping[str, JsonValue]) -> str:
    """What arguments are known by: the same for the same values, in whatever order and form they were written.

    >>> arguments_sha256({"order": "8812", "cents": 500}) == arguments_sha256({"cents": 500.0, "order": "8812"})
    True
    """
    return hashlib.sha256(canonical(arguments).encode()).hexdigest()


def canonical(arguments: str | Mapping[str, JsonValue]) -> str:
    """Arguments in one spelling: names in order, no spaces, numbers without a fraction as integers. A text that is not
    JSON, or that readers take in several ways, stays as it is.

    >>> canonical('{"b": 5e2, "a": "x"}')
    '{"a":"x","b":500}'
    >>> canonical('{"a": 1, "a": 2}')
    '{"a": 1, "a": 2}'
    """
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    try:
        value = read(text) if text.strip() else {}
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    except (ValueError, RecursionError):
        return text


def read(text: str) -> JsonValue:
    """JSON that all readers understand in one way. ``500.0`` is the integer 500, as in JSON Schema, so that it is the
    same call however a lane writes it.

    Raises:
        BadJsonError: a name is given twice, or a number is none. ValueError, RecursionError: it is not JSON.
    """
    found: JsonValue = json.loads(
        text, parse_constant=_no_constant, parse_float=_number, object_pairs_hook=_without_repeats
    )
    return found


def call_key(decision_id: str, name: str, arguments: Mapping[str, JsonValue]) -> str:
    """What makes a write idempotent: the same tool with the same arguments under the same decision."""
    return f"{decision_id}:{name}:{arguments_sha256(arguments)}"


def _parsed(text: str) -> JsonObject:
    if len(text) > LONGEST:
        raise BadArguments(f"the arguments have more than {LONGEST} characters")
    if not text.strip():
        return {}
    try:
        value = read(text)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()  # 1e999 is infinity, \\ud800 no character
    except (ValueError, RecursionError) as error:
        said = str(error) if isinstance(error, BadJsonError) else "the arguments are not JSON"
        raise BadArguments(said) from None
    if not isinstance(value, dict):
        raise BadArguments("the arguments are not a JSON object")
    return value


class BadJsonError(ValueError):
    """JSON that readers understand in several ways."""


def _no_constant(_: str) -> NoReturn:
    raise BadJsonError("the arguments hold a number that JSON does not have")


def _number(text: str) -> int | float:
    value = float(text)
    if not value:
        return 0
    return round(Decimal(text)) if value.is_integer() else value  # through decimals, since no float is 1e23


def _without_repeats(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BadJsonError("an argument is given twice")
    return found


def _validator(schema: JsonObject, *, objects: bool) -> Any:
    try:
        import jsonschema
        from referencing import Registry
    except ImportError:
        raise MissingExtraError("jsonschema", "execute") from None
    from router_ml.execution.validation.examine import unusable_pattern
    from router_ml.execution.validation.schema import bounded

    kind = jsonschema.Draft202012Validator
    if objects and schema.get("type") != "object":
        raise ValueError("arguments are an object")
    for reference in _references(schema):
        if pointed_at(schema, reference) is None:
            raise ValueError(f"$ref {reference[:_SHOWN]!r} does not point into the schema, and nothing is fetched")
    try:
        kind.check_schema(schema, format_checker=kind.FORMAT_CHECKER)  # which reads each pattern, too
    except jsonschema.SchemaError as error:
        raise ValueError(f"not valid JSON Schema at {error.json_path}: {error.message[:_SHOWN]}") from None
    if (place := unusable_pattern(schema)) is not None:
        raise ValueError(
            f"a pattern at {place} cannot be used (too long, no regular expression, or with unevaluatedProperties)"
        )
    return bounded(kind)(schema, registry=Registry())  # a stranger's pattern must not hold up everybody


def pointed_at(document: JsonObject, reference: str) -> JsonValue:
    """What a ``$ref`` such as ``#/$defs/money`` points at; None where that is not in the document."""
    found: JsonValue = document
    for part in reference.split("/")[1:]:
        key = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, dict) and key in found:
            found = found[key]
        else:
            return None
    return found if reference.partition("/")[0] == "#" else None


def _references(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("$ref", "$dynamicRef") and isinstance(inner, str):
                yield inner
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _errors(validator: Any, value: JsonValue, *, steps: int = STEPS) -> list[str]:
    """Where and what is broken, and what was expected; nothing that was found. What takes too long is broken, too."""
    found: list[str] = []
    try:
        with budgeted(steps=steps, seconds=_SECONDS):
            for error in islice(validator.iter_errors(value), _MOST_ERRORS):
                found.append(f"{_place(error.absolute_path)}: {_broken(error)}")
    except TooMuchWorkError as error:
        found.append(str(error))
    except RecursionError:
        found.append("$: nested too deeply")
    except ArithmeticError:
        found.append("$: a number that cannot be compared")
    return [*found, "and more"] if len(found) == _MOST_ERRORS else found


def _place(path: Any) -> str:
    """The place of an error. A key that does not look like a name may itself be private."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part if _NAME.fullmatch(part) else '?'}" for part in path)
    return "$" + "".join(parts)


def _broken(error: Any) -> str:
    rule, expected = error.validator, error.validator_value
    if rule == "required":
        missing = [name for name in expected if name not in error.instance]
        return f"{', '.join(missing)} missing"
    if rule == "additionalProperties":
        known = ", ".join(error.schema.get("properties", {})) or "none"
        return f"an argument that is not known; known: {known}"
    if isinstance(expected, bool | dict) or (rule not in ("enum", "type") and isinstance(expected, list)):
        return f"breaks {rule}"
    return f"breaks {rule} {json.dumps(expected, ensure_ascii=False)[:_SHOWN]}"
