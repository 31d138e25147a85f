"""Holding a lane to the shape of an answer: structured output where it can, pydantic models in and out.

What a lane is held to is never trusted: ``validation.checking`` looks at every answer.
"""

from __future__ import annotations

import json
import re
from typing import TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from router_ml.config import Lane
from router_ml.contract import Decoding, OutputContract
from router_ml.contract.base import JsonObject
from router_ml.errors import InvalidRequestError
from router_ml.execution.validation.labels import labels_of
from router_ml.execution.validation.strict import says_less, strict_schema

M = TypeVar("M", bound=BaseModel)


def held_to_shape(lane: Lane, contract: OutputContract) -> bool:
    """Whether a lane can be held to the shape of a contract, so that it needs no ``instructions`` about it. What a
    strict mode does not know, as that a number is at least 18, it would have to guess."""
    schema = _response_schema(contract)
    if schema is None or "json_schema" not in lane.capabilities:
        return False
    return strict_schema(schema) is None or not says_less(schema)


def decoding_for(lane: Lane, decoding: Decoding, contract: OutputContract) -> Decoding:
    """A decoding with the strictest response format of which a lane is capable, and none that is left of another lane.

    ``json_schema`` where the lane has that capability, with ``strict`` where the schema allows it unchanged in meaning;
    else ``json_object`` for objects. A label is an object with one field from an enumeration, which every vendor's
    strict mode takes; vLLM compiles it into the same automaton as a guided choice.
    """
    schema = _response_schema(contract)
    wanted = lane.decoding.response_format
    if schema is not None and "json_schema" in lane.capabilities:
        strict = strict_schema(schema)
        named: JsonObject = {"name": _name(contract.name), "schema": strict if strict is not None else schema}
        wanted = {"type": "json_schema", "json_schema": {**named, "strict": strict is not None}}
    elif contract.type == "json" and (contract.schema or {}).get("type", "object") == "object":
        wanted = {"type": "json_object"}
    return decoding.model_copy(update={"response_format": wanted, "grammar": None if wanted else decoding.grammar})


def _response_schema(contract: OutputContract) -> JsonObject | None:
    if contract.type == "json":
        return contract.schema
    labels = labels_of(contract) if contract.type == "label" else ()
    if not labels:
        return None
    return {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": list(labels)}},
        "required": ["label"],
        "additionalProperties": False,
    }


def _name(name: str) -> str:
    """A name that vendors take."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64] or "answer"


def contract_of(model: type[BaseModel], *, citations_required: bool = False) -> OutputContract:
    """The output contract of a pydantic model: JSON that follows its schema.

    Raises:
        InvalidRequestError: the model has no JSON Schema, as with a field of any Python type.

    >>> class Total(BaseModel):
    ...     amount: float
    >>> contract_of(Total).schema["required"]
    ['amount']
    """
    try:
        schema = model.model_json_schema()
    except Exception as error:  # noqa: BLE001 - whatever pydantic says of a type that JSON cannot hold
        message = f"{model.__name__} has no JSON Schema ({type(error).__name__}). Use types that JSON can hold."
        raise InvalidRequestError(message) from None
    return OutputContract(name=_name(model.__name__), type="json", schema=schema, citations_required=citations_required)


def parsed(model: type[M], value: JsonValue) -> M:
    """A value of an answer as an instance of a model.

    Raises:
        InvalidRequestError: it does not fit; names the fields, without what was in them.
    """
    try:
        return model.model_validate_json(json.dumps(value))
    except ValidationError as error:
        raise InvalidRequestError(f"The answer is no {model.__name__}. {'; '.join(_lines(model, error))}.") from None
    except Exception as error:  # noqa: BLE001 - a validator of the model raised it, and its words may repeat the value
        raise InvalidRequestError(f"The answer is no {model.__name__}. {_broke(error)}.") from None


def errors_of_model(model: type[BaseModel], value: JsonValue) -> tuple[str, ...]:
    """What a value breaks of a model: path and kind of each error; empty where it fits."""
    try:
        model.model_validate_json(json.dumps(value))
    except ValidationError as error:
        return tuple(_lines(model, error))
    except Exception as error:  # noqa: BLE001 - as above
        return (_broke(error),)
    return ()


def _broke(error: Exception) -> str:
    return f"$: breaks a validator of the model, which raised {type(error).__name__}"


def _lines(model: type[BaseModel], error: ValidationError) -> list[str]:
    """A validator's own message may repeat what it looked at, so only its type is told."""
    names = _names(model.model_json_schema())
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [f"${''.join(_part(part, names) for part in one['loc'])}: breaks {one['type']}" for one in found[:10]]


def _part(part: int | str, names: frozenset[str]) -> str:
    return f"[{part}]" if isinstance(part, int) else f".{part}" if part in names else ".?"


def _names(schema: JsonValue) -> frozenset[str]:
    found: set[str] = set()
    stack = [schema]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            named = item.get("properties")
            found.update(named if isinstance(named, dict) else ())
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return frozenset(found)
