"""The 200 questions are what their card says: answerable from their sources, from nothing else, each once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from router_ml.execution.retrieval.words import numbers, stem_words
from training.evals.case import Case
from training.evals.grounding.judged import facts_of, lacking
from training.evals.grounding.reading import abstains, read
from training.evals.suite import load_suite

SUITE = load_suite("groundedness")
COMPUTED = frozenset("g099 g116 g117 g129 g131 g138 g141 g144 g148 g149 g150 g152 g154 g155 g192".split())
"""Cases whose right answer has a number that follows from the passages and stands in none of them."""
ANSWERABLE = [case for case in SUITE.cases if case.answerable]


def test_there_are_two_hundred_and_none_twice() -> None:
    """The counts of the card hold; no question is asked twice, not even in another order of its words."""
    kinds = Counter(len(case.sources) for case in SUITE.cases)
    assert (len(SUITE.cases), kinds[0], kinds[1], kinds[2] + kinds[3]) == (200, 30, 130, 40)
    assert len({frozenset(stem_words(case.ask or "")) for case in SUITE.cases}) == 200
    assert len({one.text for one in SUITE.passages.values()}) == len(SUITE.passages) == 132


@pytest.mark.parametrize("case", ANSWERABLE, ids=lambda case: case.id)
def test_the_right_answer_is_in_the_sources(case: Case) -> None:
    """A right answer has all key facts, cites exactly its sources, and has numbers from these or the question alone."""
    reference = case.reference or ""
    claims = read(reference, case.passages)
    assert lacking(reference, facts_of(case)) == []
    assert facts_of(case)
    assert {name for one in claims for name in one.cited} == set(case.sources)
    said = numbers(" ".join(one.text for one in claims)) - numbers(case.ask or "")
    there = numbers(" ".join(SUITE.passages[name].text for name in case.sources))
    idle = frozenset(("first", "second", "last", "2", "3"))  # "come first", "both two", "version 3"
    assert case.id in COMPUTED or said - there <= idle


@pytest.mark.parametrize("case", ANSWERABLE, ids=lambda case: case.id)
def test_every_source_is_needed(case: Case) -> None:
    """No other passage that is given has the figures of the answer, and none of several sources has all of them."""
    figures = [fact for fact in facts_of(case) if all(numbers(way) for way in fact)]
    texts = [SUITE.passages[name].text for name in case.passages if name not in case.sources]
    if len(figures) > 1:
        assert all(lacking(text, figures) for text in texts)
        several = [SUITE.passages[name].text for name in case.sources] if len(case.sources) > 1 else []
        assert all(lacking(text, figures) for text in several)


def test_those_without_an_answer_say_so() -> None:
    """Where the passages are silent there are no sources, near passages are given, and the right answer abstains."""
    for case in SUITE.cases:
        if not case.answerable:
            assert abstains(case.reference or ""), case.id
            assert not case.sources, case.id
            assert len(case.passages) >= 3, case.id


def test_distractors_are_near(root: Path) -> None:
    """Nearly all cases are given a passage of the same document that does not answer; none of what thresholds were
    fitted to is in here."""
    near = [
        any(name.split("#")[0] == case.sources[0].split("#")[0] for name in set(case.passages) - set(case.sources))
        for case in ANSWERABLE
    ]
    assert sum(near) > 0.9 * len(near)
    fitted = " ".join(one.read_text(encoding="utf-8") for one in (root / "data/retrieval/documents").rglob("*.md"))
    assert fitted
    assert not any(one.text[:60] in fitted for one in SUITE.passages.values())
