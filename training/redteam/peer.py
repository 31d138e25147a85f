"""A peer on the same texts: the analyzer of Presidio with all its default recognisers and no language model.

``python training/redteam/peer.py`` runs in an interpreter of its own, so that its dependencies stay out of ours. It
reads texts as JSON strings, one a line, and writes ``{"score": ..., "types": [...], "seconds": ...}`` for each; the
first line says which version it is. Words are lemmas of themselves, so that its context words count, and it knows the
ends of domains from the list that comes with it, so that nothing goes to the network.

Needs ``pip install presidio-analyzer``, and nothing of this project.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from typing import Any

INDIRECT = ("URL", "DATE_TIME", "NRP", "LOCATION", "PERSON", "ORGANIZATION")  # none is a private fact by itself


class Blank:
    """Its NlpEngine over a blank English pipeline: tokens, and no model."""

    def __init__(self) -> None:
        self.nlp: Any = import_module("spacy").blank("en")
        self._artifacts: Any = import_module("presidio_analyzer.nlp_engine").NlpArtifacts

    def load(self) -> None:
        """Nothing to load."""

    def is_loaded(self) -> bool:
        """Always."""
        return True

    def process_text(self, text: str, language: str) -> Any:
        """Tokens, their places, and each word as its own lemma."""
        tokens = self.nlp(text)
        return self._artifacts(
            entities=[],
            tokens=tokens,
            tokens_indices=[token.idx for token in tokens],
            lemmas=[token.lower_ for token in tokens],
            nlp_engine=self,
            language=language,
        )

    def is_stopword(self, word: str, _: str) -> bool:
        """Whether a word says nothing."""
        return bool(self.nlp.vocab[word].is_stop)

    def is_punct(self, word: str, _: str) -> bool:
        """Whether it is punctuation."""
        return bool(self.nlp.vocab[word].is_punct)

    def get_supported_entities(self) -> list[str]:
        """None of its own."""
        return []

    def get_supported_languages(self) -> list[str]:
        """English."""
        return ["en"]


def engine() -> Any:
    """The analyzer with its default recognisers."""
    domains: Any = import_module("tldextract")
    domains.extract = domains.TLDExtract(suffix_list_urls=(), cache_dir=None)
    return import_module("presidio_analyzer").AnalyzerEngine(nlp_engine=Blank(), supported_languages=["en"])


def main() -> None:
    """Answer each line of standard input."""
    analyzer = engine()
    analyzer.analyze(text="warm up 1234", language="en")
    answers: Iterator[dict[str, Any]] = (_answer(analyzer, json.loads(line)) for line in sys.stdin)
    sys.stdout.write(json.dumps({"version": version("presidio-analyzer")}) + "\n")
    for answer in answers:
        sys.stdout.write(json.dumps(answer) + "\n")


def _answer(analyzer: Any, text: str) -> dict[str, Any]:
    began = time.perf_counter()
    found = [one for one in analyzer.analyze(text=text, language="en") if one.entity_type not in INDIRECT]
    seconds = time.perf_counter() - began
    score = max((one.score for one in found), default=0.0)
    return {"score": score, "types": sorted({one.entity_type for one in found}), "seconds": seconds}


if __name__ == "__main__":
    main()
