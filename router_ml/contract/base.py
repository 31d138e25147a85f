"""What all parts of the contract share: the model base, the vocabularies that code relies on, and error texts."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    model_validator,
)

CONTRACT_VERSION = "1.7"

Channel = Literal["web", "app", "api", "batch"]
Mode = Literal["chat", "batch"]
Action = Literal["route", "clarify", "human_review", "refuse"]
RiskTier = Literal["low", "medium", "high", "restricted"]
GuardState = Literal["clean", "hit", "unknown"]
RetrievalStrategy = Literal["none", "light", "deep", "clarify"]
OutputType = Literal["text", "json", "label"]
LogLevel = Literal["text", "embedding", "features", "decision"]
"""The most that a log may keep: everything; no text; no embedding either; nothing but the decision."""

SHADOW_SUFFIX = ".shadow"
"""How the ids of decisions end that nobody acted on: what a shadow would have decided beside the champion."""


EVAL_SUFFIX = ".eval"
"""How the ids of decisions end that an evaluation made: a lane was asked a case, for nobody."""

UNACTED_SUFFIXES = (SHADOW_SUFFIX, EVAL_SUFFIX)


def is_shadow(decision_id: str) -> bool:
    """Whether a shadow made a decision. Its id alone says so: a caller cannot choose one that ends like it."""
    return decision_id.endswith(SHADOW_SUFFIX)


def is_unacted(decision_id: str) -> bool:
    """Whether nobody acted on a decision: a shadow or an evaluation made it. As for shadows, its id alone says so."""
    return decision_id.endswith(UNACTED_SUFFIXES)


JsonObject = dict[str, JsonValue]

TIERS: tuple[RiskTier, ...] = ("low", "medium", "high", "restricted")

Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Usd = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Milliseconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
LONGEST_ID = 128
_SURROGATE = re.compile("[\ud800-\udfff]")
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ID, pattern=r"^[\w.:/@-]+$")]


def _in_utc(at: datetime) -> datetime:
    try:
        if at.tzinfo is not None:
            at.astimezone(UTC)
    except OverflowError:
        raise ValueError("is before the year 1 or after the year 9999 in UTC") from None
    return at


At = Annotated[datetime, AfterValidator(_in_utc)]
"""A time that every database holds, whatever its zone."""


class Model(BaseModel):
    """Base of the contract: immutable, no unknown fields, keyword aliases (``finally``, ``lambda``) on the wire."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class Reported(Model):
    """What others report, to be stored as text."""

    @model_validator(mode="after")
    def _is_text(self) -> Self:
        if wrong := [name for name, value in self.__dict__.items() if unpaired(value)]:
            raise ValueError(f"half of a surrogate pair, which is no character, in: {', '.join(wrong)}")
        return self


def shadow_id(decision_id: str) -> str:
    """The id of what the shadow decided beside a decision."""
    if len(decision_id) + len(SHADOW_SUFFIX) <= LONGEST_ID:
        return decision_id + SHADOW_SUFFIX
    return hmac.digest(b"", decision_id.encode("utf-8", "surrogatepass"), "sha256")[:16].hex() + SHADOW_SUFFIX


def highest(*tiers: RiskTier) -> RiskTier:
    """The highest of some risk tiers; low when there is none."""
    return max(tiers, key=TIERS.index, default="low")


def walk_strings(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string and number inside nested dicts, lists and tuples, keys included, as ``(path, string)``.

    A card number is one whether it is quoted or not. Iterative, so that depth of nesting cannot exhaust the stack.
    """
    stack: list[tuple[str, object]] = [(path, value)]
    while stack:
        here, item = stack.pop()
        if isinstance(item, str):
            yield here, item
        elif isinstance(item, int | float) and not isinstance(item, bool):
            yield here, _digits(item)
        elif isinstance(item, dict):
            for index, (key, inner) in enumerate(reversed(item.items())):
                stack.append((f"{here}[{len(item) - 1 - index}]", inner))
                stack.append((f"{here}.key", str(key)))
        elif isinstance(item, list | tuple):
            stack.extend((f"{here}[{index}]", item[index]) for index in range(len(item) - 1, -1, -1))


def unpaired(value: object) -> bool:
    """Whether a string in it, keys included, holds half of a surrogate pair: no text that can be sent or stored."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if not item.isascii() and _SURROGATE.search(item) is not None:
                return True
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list | tuple):
            stack.extend(item)
        elif isinstance(item, BaseModel):
            stack.append(item.__dict__)
    return False


def _digits(number: float) -> str:
    """A number as somebody would read it: a card number is one also where it was parsed as a float."""
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    try:
        return str(number)
    except ValueError:  # Python refuses to write thousands of digits in decimal
        return hex(int(number))


def _shown(part: int | str) -> str:
    safe = isinstance(part, int) or re.fullmatch(r"[a-z_]{1,20}", part)
    return str(part) if safe else "?"  # a caller's key may itself be private


def describe(error: ValidationError, what: str) -> str:
    """A validation error in one line per field, without the values that were found in it."""
    lines = []
    for item in error.errors(include_input=False, include_url=False, include_context=False):
        where = ".".join(_shown(part) for part in item["loc"][:6]) or what
        lines.append(f"{where}: {item['msg'].removeprefix('Value error, ')}")
    return f"The {what} is not valid. " + "; ".join(lines)
