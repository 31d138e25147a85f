"""A chat call in the OpenAI shape, read as a request for the router."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from router_ml.config import RouterConfig
from router_ml.contract import Constraints, Decoding, RouteRequest, describe
from router_ml.contract.base import JsonObject
from router_ml.contract.request import OutputContract
from router_ml.errors import InvalidRequestError
from router_ml.execution.client_side import ClientSide, name_of

ANY = ("router", "auto")
"""Names of a model that leave the choice to the router."""

_KEPT = ("role", "content", "name", "tool_calls", "tool_call_id")
_OWN = (
    "metadata",
    "channel",
    "traffic_class",
    "constraints",
    "output_contract",
    "previous",
    "request_id",
    "allowed_tools",
)


@dataclass(frozen=True)
class Asked:
    """What to decide, and what the caller brings along."""

    request: RouteRequest
    client: ClientSide


def ask(
    config: RouterConfig,
    messages: Iterable[Mapping[str, Any]],
    *,
    model: str = "router",
    tools: Sequence[JsonObject] = (),
    tool_choice: Any = None,
    response_format: Mapping[str, Any] | None = None,
    decoding: Mapping[str, Any] | None = None,
    router: Mapping[str, Any] | None = None,
) -> Asked:
    """Read a call.

    A tool that ``router.yaml`` knows is ours: it is allowed, and the decision says whether it is offered. Any other is
    the caller's, who is handed its calls.

    Args:
        model: ``router``, the name of a lane, or the model of one or more lanes; it only narrows.
        tools: in the OpenAI shape. tool_choice: ``auto``, ``none``, ``required``, ``any``, or a tool or its name.
        decoding: fields of ``Decoding`` that the caller asks for.
        router: fields of ``RouteRequest`` beside the messages.

    Raises:
        InvalidRequestError: a message, a tool or a field cannot be read, or no lane has this model.
    """
    own = dict(router or {})
    if unknown := sorted(own.keys() - set(_OWN)):
        raise InvalidRequestError(f"The router has no fields {unknown}. Known: {', '.join(_OWN)}.")
    sent = [{key: each[key] for key in _KEPT if each.get(key) is not None} for each in messages]
    chosen, must_call = _chosen(tools, tool_choice)
    ours = [name_of(tool) for tool in chosen if name_of(tool) in config.tools]
    theirs = tuple(tool for tool in chosen if name_of(tool) not in config.tools)
    needs = {*(["tools"] if theirs else []), *(["vision"] if _has_image(sent) else [])}
    try:
        wished = Decoding(**(decoding or {}))
        given = Constraints.model_validate(own.pop("constraints", None) or {})
    except ValidationError as error:
        raise InvalidRequestError(describe(error, "request")) from None
    own["allowed_tools"] = tuple(dict.fromkeys((*own.get("allowed_tools", ()), *ours)))
    if own.get("output_contract") is None:
        own["output_contract"] = contract_of(response_format)
    request = RouteRequest.parse({**own, "messages": sent, "constraints": _narrowed(config, given, model, needs)})
    return Asked(request, ClientSide(theirs, must_call and bool(theirs), wished))


def contract_of(response_format: Mapping[str, Any] | None) -> OutputContract | None:
    """The output contract that a ``response_format`` asks for; None for text.

    Raises:
        InvalidRequestError: a format that is neither text, json_object nor json_schema.
    """
    kind = (response_format or {}).get("type", "text")
    if response_format is None or kind == "text":
        return None
    if kind == "json_object":
        return OutputContract(name="json", type="json", schema={"type": "object"})
    given = response_format.get("json_schema")
    if kind != "json_schema" or not isinstance(given, Mapping) or not isinstance(given.get("schema"), Mapping):
        raise InvalidRequestError(
            "The response_format cannot be read. Give text, json_object, or json_schema with a schema."
        )
    return OutputContract(name=str(given.get("name", "inline")), type="json", schema=dict(given["schema"]))


def _chosen(tools: Sequence[JsonObject], choice: Any) -> tuple[list[JsonObject], bool]:
    """The tools that a tool_choice leaves, and whether one has to be called."""
    if any(not name_of(tool) for tool in tools):
        raise InvalidRequestError("A tool has no function with a name. Give tools in the OpenAI shape.")
    if isinstance(choice, Mapping):
        choice = (choice.get("function") or {}).get("name")
    if choice in (None, "auto", True):
        return list(tools), False
    if choice in ("none", False):
        return [], False
    if choice in ("required", "any"):
        return list(tools), True
    named = [tool for tool in tools if name_of(tool) == choice]
    if not named:
        raise InvalidRequestError("The tool_choice names a tool that is not among the tools of the request.")
    return named, True


def _narrowed(config: RouterConfig, given: Constraints, model: str, needs: set[str]) -> Constraints:
    """The constraints with what the model's name and the shape of the request ask of a lane."""
    lanes = set(config.lanes if model in ANY else _lanes_of(config, model))
    able = {name for name in lanes if needs <= set(config.lanes[name].capabilities)}
    if able == set(config.lanes):
        return given
    if given.allow_lanes is not None:
        able &= set(given.allow_lanes)
    return given.model_copy(update={"allow_lanes": tuple(sorted(able))})


def _lanes_of(config: RouterConfig, model: str) -> list[str]:
    if model in config.lanes:
        return [model]
    served = [name for name, lane in config.lanes.items() if model in (lane.model, lane.model.partition("/")[2])]
    if not served:
        known = ", ".join((ANY[0], *config.lanes))
        raise InvalidRequestError(f"No lane has the model of the request. Give one of: {known}.")
    return served


def _has_image(messages: Sequence[Mapping[str, Any]]) -> bool:
    parts = [part for each in messages if isinstance(each.get("content"), list) for part in each["content"]]
    return any(isinstance(part, Mapping) and part.get("type") in ("image_url", "image") for part in parts)
