"""Looking things up before a lane is asked: passages with ids, from the index that the decision planned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Passage:
    """A piece of a document. ``id`` is what an answer cites and what the record keeps; ``score``: higher is nearer."""

    id: str
    text: str
    score: float = 0.0
    source: str = ""


class Retriever(Protocol):
    """Whatever can search one index."""

    def search(self, query: str, *, top_k: int) -> list[Passage]:
        """The passages nearest to a query, best first; at most ``top_k``."""
        ...


class Reranker(Protocol):
    """Whatever can order passages by how well they answer a query."""

    def rerank(self, query: str, passages: list[Passage], *, top_k: int) -> list[Passage]:
        """The best of them first, with scores of its own."""
        ...


def as_context(passages: list[Passage]) -> str:
    """Passages as a lane reads them, each under its id."""
    ids = [one.id for one in passages]
    listed = "\n\n".join(f"[{one.id}]\n{_own(one.text, ids)}" for one in passages)
    return f"Use these passages where they help, and cite the ids in square brackets.\n\n{listed}"


def _own(text: str, ids: list[str]) -> str:
    """A text in which no id stands as it does above a passage: no document speaks for another one."""
    for name in ids:
        text = text.replace(f"[{name}]", f"({name})")
    return text
