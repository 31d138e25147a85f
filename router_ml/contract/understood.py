"""What was understood of a request, and what was found in it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from router_ml.contract.base import Mode, Model, Probability


class Label(Model):
    """A predicted label with its calibrated probabilities; ``abstained`` when the best one is not sure enough."""

    label: str
    probabilities: dict[str, Probability]
    abstained: bool = False


class ModeLabel(Label):
    """chat or batch."""

    label: Mode


class Language(Model):
    """Detected language (ISO 639-1, ``und`` if undetermined) and whether the encoder was validated on it."""

    code: str
    validated: bool


class Risk(Model):
    """A risk that fired, and who says so."""

    name: str
    probability: Probability
    source: Literal["model", "rule"]


class Finding(Model):
    """Something a guardrail detected. Offsets count characters of the named part in the named view; never the value.

    ``hard`` is False for what is recorded but brings no risk by itself, such as a name alone. ``digest`` is a keyed
    HMAC of the value, for matching; None where no key is configured.
    """

    type: str
    part: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    view: str = "raw"
    hard: bool = True
    digest: str | None = None
