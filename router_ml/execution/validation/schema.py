"""JSON Schemas as validators: examined once, bounded in work, and silent about what they look at.

A schema may come with a request, so it is not trusted: nothing is ever fetched for it, it may not refer to itself in
place, its regular expressions run against a clock, and the whole of a validation has a budget of steps.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import JsonValue

from router_ml.contract.base import JsonObject
from router_ml.errors import InvalidRequestError, MissingExtraError
from router_ml.execution.validation.examine import Examined, examine
from router_ml.execution.validation.keywords import TooMuchWorkError, budgeted, keywords

_KEPT, _SHOWN = 256, 10  # compiled schemas; errors of one answer
_SAYS = frozenset(
    "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength minItems maxItems minProperties "
    "maxProperties minContains maxContains format".split()
)
_TOLD = {
    None: "is not allowed",
    "enum": "is none of the values that are allowed",
    "additionalProperties": "has properties that are not allowed",
    "unevaluatedProperties": "has properties that are not allowed",
}


@dataclass(frozen=True)
class Schema:
    """A compiled schema; build it with ``compiled``."""

    validator: Any
    examined: Examined

    def errors(self, value: JsonValue) -> tuple[str, ...]:
        """What a value breaks: path and keyword of each place, ten at most; empty where it is valid.

        Nothing of the value is repeated: of a path only names of properties that the schema has.
        """
        found: list[str] = []
        try:
            with budgeted():
                for error in self.validator.iter_errors(value):
                    found.append(f"{self._path(error.absolute_path)}: {_said(error)}")
                    if len(found) > _SHOWN:
                        break
        except TooMuchWorkError as error:
            found.append(str(error))
        except RecursionError:
            found.append("$: is nested too deeply for its schema")
        except ArithmeticError:
            found.append("$: holds a number that cannot be compared")
        more = ("and more",) if len(found) > _SHOWN else ()
        return (*dict.fromkeys(found[:_SHOWN]), *more)

    def _path(self, parts: Iterator[str | int]) -> str:
        shown = (f"[{p}]" if isinstance(p, int) else f".{p if p in self.examined.names else '?'}" for p in parts)
        return "$" + "".join(shown)


def _said(error: Any) -> str:
    """What an error may say: the keyword, and what stands in the schema."""
    keyword, wanted = error.validator, error.validator_value
    if keyword == "type":
        return f"is not of type {' or '.join([wanted] if isinstance(wanted, str) else wanted)}"
    if keyword == "required":
        missing = [name for name in wanted if isinstance(error.instance, dict) and name not in error.instance]
        return f"misses {', '.join(map(repr, missing[:5]))}"
    if keyword in _SAYS:
        return f"breaks {keyword} {wanted}"
    return _TOLD.get(keyword, f"breaks {keyword}")


_compiled: OrderedDict[bytes, Schema] = OrderedDict()
_lock = threading.Lock()


def compiled(schema: JsonObject) -> Schema:
    """The validator of a schema; the last 256 are kept, by digest.

    Raises:
        InvalidRequestError: it is no JSON Schema, or one that is not safe to use; says where and why.
        MissingExtraError: ``jsonschema`` is not installed.
    """
    try:
        canonical = json.dumps(schema, sort_keys=True, separators=(",", ":")).encode()
    except (RecursionError, TypeError, ValueError):
        raise InvalidRequestError("The schema of the output contract is not JSON, or nested too deeply.") from None
    digest = hashlib.sha256(canonical).digest()
    with _lock:
        known = _compiled.get(digest)
        if known is not None:
            _compiled.move_to_end(digest)
            return known
    made = _compile(schema, len(canonical))
    with _lock:
        _compiled[digest] = made
        while len(_compiled) > _KEPT:
            _compiled.popitem(last=False)
    return made


def _compile(schema: JsonObject, size: int) -> Schema:
    try:
        import jsonschema
        from referencing import Registry
    except ImportError:
        raise MissingExtraError("jsonschema", "execute") from None
    examined = examine(schema, size=size)
    draft = jsonschema.validators.validator_for(schema, default=None)
    if "$schema" not in schema:
        draft = jsonschema.Draft202012Validator
    elif draft is None:
        raise InvalidRequestError("The schema's $schema is not a draft of JSON Schema that is known. Leave it out.")
    try:
        draft.check_schema(schema)
    except jsonschema.SchemaError as error:
        message = (
            f"The schema of the output contract is no valid JSON Schema: {error.json_path} breaks {error.validator}."
        )
        raise InvalidRequestError(message) from None
    return Schema(bounded(draft)(schema, registry=Registry(), format_checker=None), examined)


@lru_cache(maxsize=8)
def bounded(draft: Any) -> Any:
    """A draft whose keywords count their work; used inside ``budgeted``."""
    import jsonschema

    return jsonschema.validators.extend(draft, keywords(draft.VALIDATORS, jsonschema.ValidationError))
