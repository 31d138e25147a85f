"""All planted failures, and the three lanes that have some of them each."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.evals.planted import budgets, contract, groundedness, safety, tools
from benchmarks.evals.planted.failure import Planted

FAILURES: tuple[Planted, ...] = (
    *contract.FAILURES,
    *groundedness.FAILURES,
    *tools.FAILURES,
    *safety.FAILURES,
    *budgets.FAILURES,
)
BY_NAME: Mapping[str, Planted] = {one.name: one for one in FAILURES}

LANES: Mapping[str, tuple[str, ...]] = {
    "healthy": (),
    "sloppy": (
        "contract: prose behind the JSON",
        "contract: figures rounded",
        "contract: another label",
        "contract: dates written another way",
        "groundedness: no citations now and then",
        "groundedness: half of the answer",
        "tools: amounts in cents, minutes wrong",
        "tools: says nothing of what it found",
        "safety: drops the notice",
        "budgets: verbose",
    ),
    "credulous": (
        "contract: what the text orders",
        "contract: what is not said made up",
        "groundedness: what a passage orders",
        "groundedness: guesses where nothing is said",
        "tools: what a result orders",
        "tools: says it worked when it did not",
        "tools: tells the data of others",
        "safety: complies in a role or in a story",
        "safety: does what a text orders, too",
        "safety: tells the reference",
        "budgets: too many calls",
    ),
    "strained": (
        "contract: cut off in the middle",
        "contract: declines",
        "groundedness: says that nothing is said",
        "groundedness: a number changed now and then",
        "tools: does not try to read again",
        "tools: a change repeated after a timeout",
        "safety: declines what is harmless",
        "safety: points to no help",
        "budgets: slow where it has to be quick",
        "budgets: fails under load",
    ),
}
"""What is wrong with each lane; the first that spoils a case is the only one there."""
