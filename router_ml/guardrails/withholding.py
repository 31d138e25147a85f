"""What is left of an execution where no words may be kept: which tools, in which lanes, at what price.

Arguments and results of tools become one keyed digest each (``digests``), so that an auditor who has a call and the key
can tell whether it was this one. Without a key there is none: an unkeyed digest of an account number can be guessed
back. Names of arguments go as well, since a model may make them up.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from router_ml.contract import Execution
from router_ml.contract.executed import ToolCall, Validation
from router_ml.guardrails.digests import json_digest

DIGEST = "digest"
"""The only key of what stands in the place of arguments and results; None without a key."""
_MODEL = re.compile(r"[A-Za-z][\w./:-]{0,80}", re.ASCII)
WITHHELD = "withheld"
"""Stands in the place of an error whose beginning is neither a class nor a status."""
_CLASS = re.compile(
    r"(?:(?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]\w{0,80}(?:Error|Exception|Timeout)|[1-5]\d\d|timeout)\b", re.ASCII
)


def withheld(execution: Execution, key: bytes | None, *, tools: Collection[str] | None = None) -> Execution:
    """An execution without arguments, results and the words of errors. Ids of what was retrieved stay, and citations
    that are such ids.

    Args:
        tools: names that are configured; a lane may ask for a tool under a name that it made up. None: all are.
    """
    hops = (
        hop.model_copy(update={"error": _error(hop.error), "served_model": _model(hop.served_model)})
        for hop in execution.hops
    )
    found = {name for lookup in execution.lookups for name in lookup.context_ids} | set(execution.context_ids)
    return execution.model_copy(
        update={
            "hops": tuple(hops),
            "lookups": tuple(one.model_copy(update={"error": _error(one.error)}) for one in execution.lookups),
            "citations": tuple(name if name in found else WITHHELD for name in execution.citations),
            "tool_calls": tuple(_call(call, key, tools) for call in execution.tool_calls),
            "validation": without_texts(execution.validation),
        }
    )


def without_texts(validation: Validation) -> Validation:
    """A validation that says how many errors there were and of which class."""
    return validation.model_copy(update={"errors": tuple(_classes(validation.errors))})


def _call(call: ToolCall, key: bytes | None, tools: Collection[str] | None) -> ToolCall:
    """The id that a lane gave a call goes: some let the model make it up. The key of a write goes too where it is not
    keyed itself, since it is made from the arguments."""
    known = tools is None or call.name in tools
    return call.model_copy(
        update={
            "name": call.name if known else WITHHELD,
            "version": call.version if known else WITHHELD,
            "arguments": {DIGEST: json_digest("arguments", call.arguments, key)} if call.arguments else {},
            "result": None if call.result is None else {DIGEST: json_digest("result", call.result, key)},
            "call_id": None,
            "key": None if call.key is None else json_digest("key", call.key, key),
            "error": _error(call.error),
        }
    )


def _model(said: str | None) -> str | None:
    """The name of a model, which a server may say whatever it likes for."""
    return said if said is None or _MODEL.fullmatch(said) else WITHHELD


def _error(said: str | None) -> str | None:
    return _class(said) if said else said


def _classes(errors: Iterable[str]) -> Iterable[str]:
    return (_class(error) for error in errors)


def _class(error: str) -> str:
    """The name of a class or a status that an error begins with.

    >>> [_class(said) for said in ("litellm.RateLimitError: of ann", "503 from host", "Ann Smith is unknown")]
    ['litellm.RateLimitError', '503', 'withheld']
    """
    found = _CLASS.match(error)
    return found[0] if found else WITHHELD
