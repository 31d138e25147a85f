"""What is left of an execution where no words may be kept: which tools, in which lanes, at what price.

Arguments and results of tools become one keyed digest each (``digests``), so that an auditor who has a call and the key
can tell whether it was this one. Without a key there is none: an unkeyed digest of an account number can be guessed
back. Names of arguments go as well, since a model may make them up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from router_ml.contract import Execution
from router_ml.contract.executed import ToolCall, Validation
from router_ml.guardrails.digests import json_digest

DIGEST = "digest"
"""The only key of what stands in the place of arguments and results; None without a key."""
WITHHELD = "withheld"
"""Stands in the place of an error whose beginning is neither a class nor a status."""
_CLASS = re.compile(
    r"(?:(?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]\w{0,80}(?:Error|Exception|Timeout)|[1-5]\d\d|timeout)\b", re.ASCII
)


def withheld(execution: Execution, key: bytes | None) -> Execution:
    """An execution without arguments, results and the words of errors. Ids of what was retrieved and cited stay."""
    hops = (hop.model_copy(update={"error": _class(hop.error)}) if hop.error else hop for hop in execution.hops)
    return execution.model_copy(
        update={
            "hops": tuple(hops),
            "tool_calls": tuple(_call(call, key) for call in execution.tool_calls),
            "validation": without_texts(execution.validation),
        }
    )


def without_texts(validation: Validation) -> Validation:
    """A validation that says how many errors there were and of which class."""
    return validation.model_copy(update={"errors": tuple(_classes(validation.errors))})


def _call(call: ToolCall, key: bytes | None) -> ToolCall:
    arguments = {DIGEST: json_digest("arguments", call.arguments, key)} if call.arguments else {}
    result = None if call.result is None else {DIGEST: json_digest("result", call.result, key)}
    return call.model_copy(update={"arguments": arguments, "result": result})


def _classes(errors: Iterable[str]) -> Iterable[str]:
    return (_class(error) for error in errors)


def _class(error: str) -> str:
    """The name of a class or a status that an error begins with.

    >>> [_class(said) for said in ("litellm.RateLimitError: of ann", "503 from host", "Ann Smith is unknown")]
    ['litellm.RateLimitError', '503', 'withheld']
    """
    found = _CLASS.match(error)
    return found[0] if found else WITHHELD
