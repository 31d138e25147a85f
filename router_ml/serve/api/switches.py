"""``/v1/switches``: what is switched off for everybody, switching it off, and on again. For administrators of all
organisations."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from router_ml.contract import describe
from router_ml.contract.base import At
from router_ml.errors import InvalidRequestError
from router_ml.serve.access.caller import AccessError, Caller
from router_ml.serve.access.entering import must_be_of_all
from router_ml.serve.access.words import checked_why
from router_ml.serve.asked import Body, MayAdmin, Served

Asked = TypeVar("Asked", bound=BaseModel)
router = APIRouter(prefix="/v1/switches", tags=["switches"])


class TurnOff(BaseModel):
    """Lanes, providers or failure domains to turn off, why, and until when; without a time until they are turned on."""

    model_config = ConfigDict(extra="forbid")

    places: tuple[str, ...] = Field(min_length=1, max_length=100)
    why: str = Field(min_length=1, max_length=2000)
    until: At | None = None


class TurnOn(BaseModel):
    """Why a switch ends."""

    model_config = ConfigDict(extra="forbid")

    why: str = Field(min_length=1, max_length=2000)


async def of_all(caller: MayAdmin) -> Caller:
    """An administrator of all organisations.

    Raises:
        AccessError: of one alone, who must not decide what the others are served by.
    """
    return must_be_of_all(caller)


OfAll = Annotated[Caller, Depends(of_all)]


@router.get("")
async def switches(_: OfAll, gateway: Served) -> dict[str, Any]:
    """What is off, and what can be turned off."""
    off = gateway.router.switched_off()
    places = sorted(gateway.router.memory.health.places)
    return {"switches": [switch.to_dict() for switch in off], "places": places}


@router.post("", status_code=201)
async def turn_off(body: Body, caller: OfAll, gateway: Served) -> dict[str, Any]:
    """Turn places off in every process of the log, within seconds; ``local`` where only here."""
    asked = _read(TurnOff, body)
    work = partial(gateway.router.switch_off, asked.places, who=caller.who, why=asked.why, until=asked.until)
    return (await asyncio.to_thread(work)).to_dict()


@router.post("/{name}/end")
async def turn_on(name: str, body: Body, caller: OfAll, gateway: Served) -> dict[str, Any]:
    """Turn on what a switch turned off, by its id; or one place, by its name."""
    asked = _read(TurnOn, body)
    off = gateway.router.switched_off()
    if all(name != switch.id and name not in switch.places for switch in off):
        raise AccessError(404, "not_found", "No switch and no place of this name is off. GET /v1/switches lists them.")
    event = await asyncio.to_thread(partial(gateway.router.switch_on, name, who=caller.who, why=asked.why))
    return {"ended": event.detail["switches"], "event_id": event.event_id}


def _read(model: type[Asked], body: dict[str, Any]) -> Asked:
    try:
        asked = model.model_validate(body)
        checked_why(body["why"])
        return asked
    except ValidationError as error:
        raise InvalidRequestError(describe(error, "switch")) from None
