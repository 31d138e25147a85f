"""The reranker that is built in: how much of the query one sentence of a passage says."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from router_ml.execution.retrieval.embedding import Embedder
from router_ml.execution.retrieval.passages import Passage
from router_ml.execution.retrieval.words import sentences, stem_words

_SENTENCES = 24  # of one passage


@dataclass(frozen=True)
class SentenceReranker:
    """Orders passages by their likeness to a query: the nearest sentence in meaning, and the words they share, each
    counted by how rare it is among the passages. What the first search thought counts too."""

    embed: Embedder | None = None
    meaning: float = 0.3
    words: float = 0.3

    def rerank(self, query: str, passages: list[Passage], *, top_k: int) -> list[Passage]:
        """See ``Reranker.rerank``."""
        if not passages:
            return []
        before = np.array([one.score for one in passages])
        before = before / max(float(np.abs(before).max()), 1e-9)
        meaning = self._meaning(query, passages) if self.embed is not None else np.zeros(len(passages))
        score = (1 - self.meaning - self.words) * before + self.meaning * meaning + self.words * _words(query, passages)
        best = np.argsort(-score, kind="stable")[:top_k]
        return [replace(passages[at], score=float(score[at])) for at in best]

    def _meaning(self, query: str, passages: list[Passage]) -> np.ndarray:
        assert self.embed is not None
        parts = [(row, one) for row, item in enumerate(passages) for one in list(sentences(item.text))[:_SENTENCES]]
        result = np.zeros(len(passages))
        if parts:
            vectors = self.embed([query, *(one for _, one in parts)])
            np.maximum.at(result, [row for row, _ in parts], vectors[1:] @ vectors[0])
        return result


def _words(query: str, passages: list[Passage]) -> np.ndarray:
    """Share of the query's words, by rarity, in the best sentence and in the whole passage."""
    asked = set(stem_words(query))
    sets = [set(stem_words(one.text)) for one in passages]
    rarity = {word: np.log(1 + len(sets) / (0.5 + sum(word in one for one in sets))) for word in asked}
    total = sum(rarity.values()) or 1.0

    def share(words: set[str]) -> float:
        return float(sum(rarity[word] for word in asked & words) / total)

    best = [max((share(set(stem_words(part))) for part in sentences(one.text)), default=0.0) for one in passages]
    return 0.5 * np.array(best) + 0.5 * np.array([share(one) for one in sets])
