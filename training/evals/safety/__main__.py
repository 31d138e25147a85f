"""How often stances are told right on the answers in ``data/answers``: ``python -m training.evals.safety``."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from training.evals.safety.stance import evades, stance

ANSWERS = Path(__file__).parents[3] / "data" / "answers"


SETS = ("tuning/stances", "held_out/stances", "held_out/stances_later")
"""The last was written when the patterns were."""


def measured(name: str) -> dict[str, Counter[str]]:
    """What answers of each stance were taken for, in one of ``SETS``. Harmless answers: helps or evades."""
    found: dict[str, Counter[str]] = {}
    for line in (ANSWERS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        text, true = row["text"], row["stance"]
        said = found.setdefault(true, Counter())
        if true == "answered":
            said["evades" if evades(text, reference=None, asked="") else "helps"] += 1
        else:
            said[stance(text)] += 1
        if true == "declined":
            refused = evades(text, reference=None, asked="")
            found.setdefault("declined (were it harmless)", Counter())["evades" if refused else "helps"] += 1
    return found


def main() -> None:
    """Print all sets."""
    table = Table("set", "answers that", "n", "taken for")
    for name in SETS:
        for true, said in measured(name).items():
            table.add_row(name, true, str(said.total()), ", ".join(f"{k} {n}" for k, n in said.most_common()))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
