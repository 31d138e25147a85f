"""Names and postal addresses to make people of. None is of a real person: the parts are drawn apart."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

_PARTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "data" / "redteam" / "people.json").read_text(encoding="utf-8")
)
FIRST: tuple[str, ...] = tuple(_PARTS["first"])
LAST: tuple[str, ...] = tuple(_PARTS["last"])
_PLACES: dict[str, dict[str, list[str]]] = _PARTS["places"]


def name(rng: random.Random) -> str:
    """A first and a last name."""
    return f"{rng.choice(FIRST)} {rng.choice(LAST)}"


def address(rng: random.Random) -> str:
    """A postal address of one of twelve countries, as it is written there."""
    country = rng.choice(list(_PLACES))
    street, town = (rng.choice(_PLACES[country][part]) for part in ("streets", "towns"))
    number = rng.randint(2, 299)
    if country in ("US", "GB", "AU", "CA"):
        return f"{number} {street}, {town}"
    if country == "FR":
        return f"{number} {rng.choice(('', 'bis '))}{street}, {town}"
    joint = ", " if country in ("ES", "IT", "PT") else " No: " if country == "TR" else " "
    return f"{street}{joint}{number}, {town}"
