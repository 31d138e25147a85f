"""A value in a request: what a technique hides and a scan has to find."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from router_ml.contract import RouteRequest
from training.redteam.kinds import Kind, digits, until

CARRIERS = Path(__file__).parents[2] / "data" / "redteam" / "carriers.jsonl"
_LABELLED = ("finance", "contact", "network", "government", "health", "birth")  # these fit the general carriers too


@dataclass(frozen=True)
class Carrier:
    """A request with a slot for a value and slots for what people call it."""

    family: str
    language: str
    text: str


@dataclass(frozen=True)
class Case:
    """A value, the request it stands in, and the words around it."""

    kind: Kind
    language: str
    template: str
    value: str
    slots: Mapping[str, str] = field(default_factory=dict)

    def text(self, value: str | None = None) -> str:
        """The request with its value, or with what a technique made of it."""
        whole = self.template
        for slot, content in self.slots.items():
            whole = whole.replace(f"{{{slot}}}", content)
        return whole.replace("{value}", self.value if value is None else value)

    def request(self, value: str | None = None) -> RouteRequest:
        """The request as one text."""
        return RouteRequest(text=self.text(value))

    def around(self) -> tuple[str, str]:
        """What stands before and after the value."""
        before, _, after = self.text("{value}").partition("{value}")
        return before, after.replace("{value}", self.value)


@cache
def carriers() -> tuple[Carrier, ...]:
    """All carriers, in the order of the file."""
    lines = CARRIERS.read_text(encoding="utf-8").splitlines()
    return tuple(Carrier(**json.loads(line)) for line in lines)


def suitable(kind: Kind) -> list[Carrier]:
    """Carriers of the family, and the general ones; only in languages that have a word for the kind."""
    families = {kind.family, "personal"} if kind.family in _LABELLED else {kind.family}
    return [one for one in carriers() if one.family in families and one.language in kind.labels]


def make_cases(kind: Kind, count: int, rng: random.Random) -> list[Case]:
    """So many cases of one kind, over as many carriers and languages as there are."""
    fit = suitable(kind)
    order = rng.sample(fit, len(fit))
    return [make_case(kind, order[at % len(order)], rng) for at in range(count)]


def make_case(kind: Kind, carrier: Carrier, rng: random.Random) -> Case:
    """One case of a kind in a carrier."""
    label = rng.choice(kind.labels[carrier.language])
    value = kind.make(rng)
    if kind.shape == "date" and carrier.language != "en":
        value = until(lambda: kind.make(rng), lambda made: not any(map(str.isalpha, made)))  # months are in English
    return Case(kind, carrier.language, carrier.text, value, _slots(kind, label, rng))


def _slots(kind: Kind, label: str, rng: random.Random) -> dict[str, str]:
    english: Sequence[str] = kind.labels["en"]
    key = "_".join(english[0].lower().replace("'", "").replace(".", "").replace("-", "_").split())
    key = "".join(sign for sign in key if sign.isalnum() or sign == "_")
    return {
        "label": label,
        "Label": label[0].upper() + label[1:],
        "key": key,
        "KEY": key.upper(),
        "number": digits(rng, 8),
        "amount": f"{rng.randint(28, 190)}{rng.choice(('000', '500'))}",
    }
