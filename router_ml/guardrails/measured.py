"""How much of what is there the guards find: what was measured, for whoever relies on what they found."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Measured:
    """Recall on a red team. ``risk``: what was looked for, None for both; ``low`` and ``high``: 95%, where known;
    ``command`` measures it again."""

    what: str
    recall: float
    low: float | None
    high: float | None
    requests: int | None
    risk: str | None
    command: str

    def __str__(self) -> str:
        interval = "" if self.low is None else f" [{self.low:.2f}, {self.high:.2f}]"
        return f"{self.what}: {self.recall:.3f}{interval}"


@cache
def measured() -> tuple[Measured, ...]:
    """All that was measured, as ``measured.json`` says; ``docs/guardrails.md`` says the same."""
    record: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    empty = {"low": None, "high": None, "requests": None}
    return tuple(Measured(**{**empty, **each}, command=record["command"]) for each in record["found"])
