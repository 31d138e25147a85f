"""Claims that we wrote beside passages of the suite, with what is wrong with each, and pairs that follow from them.

Wrong claims that we write stand close to their passage and right ones are phrased freely, so from them alone a model
would learn that many common words mean a wrong claim. Sentences of passages word for word (right) and right claims
beside other passages (wrong) are added to hold against that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from router_ml.execution.retrieval.words import sentences
from training.evals.suite import Suite

FOLDER = Path(__file__).parent / "pairs"
KINDS = ("supported", "verbatim", "number", "negation", "entity", "condition", "overreach", "elsewhere")
"""``supported`` and ``verbatim`` are right; ``elsewhere``: true of another passage than the one it stands beside."""
_RIGHT = ("supported", "verbatim")


@dataclass(frozen=True)
class Pair:
    """A claim beside a passage of the suite. ``held``: of a document that nothing was fitted or tuned on."""

    claim: str
    passage: str
    kind: str

    @property
    def right(self) -> bool:
        """Whether the passage says what is claimed."""
        return self.kind in _RIGHT

    @property
    def held(self) -> bool:
        """Whether its document is one of the half that is held out."""
        return held_out(self.passage)


@dataclass(frozen=True)
class Answer:
    """A right answer to a case, phrased by us in another way than its reference."""

    case: str
    answer: str


def held_out(passage: str) -> bool:
    """Whether the document of a passage belongs to the half that is only measured on.

    >>> held_out("travel-2026#1") == held_out("travel-2026#4")
    True
    """
    return hashlib.sha256(document(passage).encode()).digest()[0] % 2 == 1


def document(passage: str) -> str:
    """The document that a passage is from."""
    return passage.partition("#")[0]


def written() -> list[Pair]:
    """Those that we wrote."""
    return [Pair(one["claim"], one["passage"], one["kind"]) for one in map(json.loads, _lines(FOLDER / "claims.jsonl"))]


def answers() -> list[Answer]:
    """Right answers beside the references."""
    return [Answer(one["case"], one["answer"]) for one in map(json.loads, _lines(FOLDER / "answers.jsonl"))]


def with_derived(suite: Suite, pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs, with sentences of their passages word for word and their right claims beside another passage each of
    the same document and of another."""
    passages = list(dict.fromkeys(one.passage for one in pairs))
    verbatim = [Pair(part, name, "verbatim") for name in passages for part in sentences(suite.passages[name].text)]
    known, elsewhere = list(suite.passages), []
    for at, one in enumerate(pair for pair in pairs if pair.right):
        same = [name for name in known if document(name) == document(one.passage) and name != one.passage]
        far = [name for name in passages if document(name) != document(one.passage)]
        elsewhere += [Pair(one.claim, names[at % len(names)], "elsewhere") for names in (same, far) if names]
    return [*pairs, *verbatim, *elsewhere]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()
