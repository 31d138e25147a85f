"""The same failure at several strengths."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.evals.lanes.played import Asking, Played
from benchmarks.evals.planted.failure import Bend, Planted

ALL, FIFTH, TWELFTH = 1.0, 0.2, 0.08
"""Of the answers that give an occasion for it."""
_SAID = {
    line["kind"]: line["say"]
    for line in map(json.loads, Path(__file__).with_name("said.jsonl").read_text(encoding="utf-8").splitlines())
}
TEXTS: Mapping[str, tuple[str, ...]] = {kind: tuple(say) for kind, say in _SAID.items() if isinstance(say, list)}
"""What is said of any case, by the failure."""
ANSWERS: Mapping[str, Mapping[str, str]] = {kind: say for kind, say in _SAID.items() if isinstance(say, dict)}
"""What is said of single cases, by the failure."""
Texts = Callable[[Asking, str, random.Random], str | None]
"""Another last answer; None where a case gives no occasion."""


def planted(suite: str, name: str, expected: str, bend: Bend, *shares: float) -> Iterator[Planted]:
    """One failure for each share; ``expected``: names of failures of the suite, any of them will do."""
    for share in shares or (ALL,):
        yield Planted(f"{suite} {name} {share:.0%}", suite, tuple(expected.split()), share, bend)


def says(texts: Texts) -> Bend:
    """A failure of the last answer alone."""

    def bend(asking: Asking, played: Played, rng: random.Random) -> Played | None:
        text = texts(asking, played.text, rng)
        return None if text is None or text == played.text else played.saying(text)

    return bend


def instead(table: Mapping[str, str]) -> Bend:
    """The answers of a table, by case."""
    return says(lambda asking, text, rng: table.get(asking.case.id))
