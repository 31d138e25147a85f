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
from router_ml.integrations.shapes import choice_of, mapping, objects, wishes, words
from router_ml.integrations.shapes import tools as read_tools

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
    messages: Iterable[Mapping[str, Any]] | None,
    *,
    model: str = "router",
    tools: Sequence[JsonObject] | None = None,
    tool_choice: Any = None,
    response_format: Mapping[str, Any] | None = None,
    decoding: Mapping[str, Any] | None = None,
    router: Mapping[str, Any] | None = None,
) -> Asked:
    """Read a call.

    A tool that ``router.yaml`` knows is ours: it is allowed, and the decision says whether it is offered. Any other is
    the caller's, who is handed its calls.

    Args:
        model: ``router``, the name of a lane, of a traffic class, or the model of one or more lanes; it only narrows.
            A class that is named is the one whose floor, budget and limits hold.
        tools: in the OpenAI shape. tool_choice: ``auto``, ``none``, ``required``, ``any``, or a tool or its name; what
            it leaves out is not offered, of ours neither.
        decoding: fields of ``Decoding`` that the caller asks for, and ``parallel_tool_calls``: False for at most one
            call of the caller's tools at a time.
        router: fields of ``RouteRequest`` beside the messages.

    Raises:
        InvalidRequestError: a message, a tool or a field cannot be read, or no lane has this model.
    """
    own = mapping(router, "router")
    if unknown := len(own.keys() - set(_OWN)):  # their names are a caller's words
        raise InvalidRequestError(f"Found {unknown} fields in router that are unknown. Known: {', '.join(_OWN)}.")
    if not isinstance(model, str):
        raise InvalidRequestError(f"The model is of type {type(model).__name__}, expected a text.")
    if model in config.traffic_classes and model not in (*ANY, *config.lanes):
        own["traffic_class"], model = _same_class(own.get("traffic_class"), model), ANY[0]
    sent = [{key: each[key] for key in _KEPT if each.get(key) is not None} for each in objects(messages, "messages")]
    choice = choice_of(tool_choice)
    chosen = _chosen(read_tools(tools), choice)
    must_call = choice not in ("auto", "none")
    ours = [name_of(tool) for tool in chosen if name_of(tool) in config.tools]
    theirs = tuple(tool for tool in chosen if name_of(tool) not in config.tools)
    needs = {*(["tools"] if theirs or must_call else []), *(["vision"] if _has_image(sent) else [])}
    allowed = words(own.get("allowed_tools"), "allowed_tools") if choice in ("auto", "required") else ()
    own["allowed_tools"] = tuple(dict.fromkeys((*allowed, *ours)))
    if must_call and not theirs and not own["allowed_tools"]:
        raise InvalidRequestError("The tool_choice asks for a call, and the request has no tools.")
    said = wishes(mapping(decoding, "decoding"))
    parallel = said.pop("parallel_tool_calls", None)
    try:
        wished = Decoding(**said)
        given = Constraints.model_validate(own.pop("constraints", None) or {})
        if own.get("output_contract") is None:
            own["output_contract"] = contract_of(response_format)
    except ValidationError as error:
        raise InvalidRequestError(describe(error, "request")) from None
    request = RouteRequest.parse({**own, "messages": sent, "constraints": _narrowed(config, given, model, needs)})
    return Asked(request, ClientSide(theirs, must_call, wished, parallel=parallel is not False))


def contract_of(response_format: Mapping[str, Any] | None) -> OutputContract | None:
    """The output contract that a ``response_format`` asks for; None for text.

    Raises:
        InvalidRequestError: a format that is neither text, json_object nor json_schema.
    """
    response_format = mapping(response_format, "response_format")
    kind = response_format.get("type", "text")
    if kind == "text":
        return None
    if kind == "json_object":
        return OutputContract(name="json", type="json", schema={"type": "object"})
    given = response_format.get("json_schema")
    if kind != "json_schema" or not isinstance(given, Mapping) or not isinstance(given.get("schema"), Mapping):
        raise InvalidRequestError(
            "The response_format cannot be read. Give text, json_object, or json_schema with a schema."
        )
    return OutputContract(name=str(given.get("name", "inline")), type="json", schema=dict(given["schema"]))


def _same_class(given: Any, model: str) -> str:
    """The class that a model's name asks for, where nothing else asks for another one."""
    if given not in (None, model):
        raise InvalidRequestError(f"The model names the traffic class {model}, router.traffic_class another one.")
    return model


def _chosen(tools: list[JsonObject], choice: str) -> list[JsonObject]:
    """The tools that a tool_choice leaves."""
    if choice in ("auto", "required"):
        return tools
    if choice == "none":
        return []
    named = [tool for tool in tools if f"={name_of(tool)}" == choice]
    if not named:
        raise InvalidRequestError("The tool_choice names a tool that is not among the tools of the request.")
    return named


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
        classes = ", ".join(config.traffic_classes)
        raise InvalidRequestError(
            f"No lane has the model of the request. Give one of: {known}; or a traffic class: {classes}."
        )
    return served


def _has_image(messages: Sequence[Mapping[str, Any]]) -> bool:
    parts = [part for each in messages if isinstance(each.get("content"), list) for part in each["content"]]
    return any(isinstance(part, Mapping) and part.get("type") in ("image_url", "image") for part in parts)
