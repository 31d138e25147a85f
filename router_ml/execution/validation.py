"""Whether an answer keeps its output contract."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from pydantic import JsonValue

from router_ml.contract import FailureKind, OutputContract
from router_ml.execution.reply import Reply


@dataclass(frozen=True)
class Checked:
    """An answer looked at: ``kind`` and ``errors`` are empty where it is valid; ``value`` is the parsed JSON or the
    label. Errors never hold text of the answer."""

    kind: FailureKind | None = None
    errors: tuple[str, ...] = ()
    value: JsonValue = None
    citations: tuple[str, ...] = ()


def check(contract: OutputContract, reply: Reply, *, context_ids: Collection[str] = ()) -> Checked:
    """Whether a reply is an answer, and one of the shape that was asked for.

    Args:
        context_ids: of the passages that the lane was given; a citation of anything else is invented.
    """
    if reply.refusal is not None or reply.stop == "refusal":
        return Checked("refusal", ("refusal",))
    if reply.stop == "filter":
        return Checked("content_filter", ("content filter",))
    if reply.stop == "length":
        return Checked("truncated", ("the answer was cut off",))
    if not reply.text.strip():
        return Checked("empty", ("the answer is empty",))
    if contract.type == "json":
        return _json(contract, reply)
    return Checked(value=reply.text)


def _json(contract: OutputContract, reply: Reply) -> Checked:
    import jsonschema

    try:
        value = json.loads(reply.text)
    except ValueError:
        return Checked("schema", ("the answer is not JSON",))
    errors = jsonschema.Draft202012Validator(contract.schema or {}).iter_errors(value)
    said = tuple(f"{error.json_path}: breaks {error.validator}" for error in errors)
    return Checked("schema", said) if said else Checked(value=value)
