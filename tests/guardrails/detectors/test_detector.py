"""The table as a whole: every row has a cheap trigger, and no trigger keeps a row from a text that it would find."""

from __future__ import annotations

import random
import re

import pytest

from router_ml.guardrails.detectors.detector import Detector, Traits, either, find, is_triggered, literals
from router_ml.guardrails.patterns import PACKS, detectors

ALL = detectors(tuple(PACKS))
CONSTANTS = re._constants
CATEGORIES = {
    CONSTANTS.CATEGORY_DIGIT: "0123456789",
    CONSTANTS.CATEGORY_WORD: "abcXYZ0189",
    CONSTANTS.CATEGORY_SPACE: " ",
    CONSTANTS.CATEGORY_NOT_WORD: " .:-",
    CONSTANTS.CATEGORY_NOT_SPACE: "abcXYZ0189!",
}


def sample(parsed: object, rng: random.Random) -> str:
    """A random text by a parsed pattern; look-arounds are not heeded, so that not every sample matches."""
    return "".join(_sampled(kind, value, rng) for kind, value in parsed)


def _sampled(kind: object, value: object, rng: random.Random) -> str:
    c = CONSTANTS
    if kind is c.LITERAL:
        return chr(value)
    if kind is c.IN:
        return _member(value, rng)
    if kind in (c.MAX_REPEAT, c.MIN_REPEAT):
        least, most, inner = value
        return "".join(sample(inner, rng) for _ in range(rng.randint(least, min(most, least + 8))))
    if kind is c.SUBPATTERN:
        return sample(value[3], rng)
    return sample(rng.choice(value[1]), rng) if kind is c.BRANCH else ""


def _member(members: list[tuple[object, object]], rng: random.Random) -> str:
    if members[0][0] is CONSTANTS.NEGATE:
        return rng.choice("abcxyzXYZ0189")
    kind, value = rng.choice(members)
    if kind is CONSTANTS.RANGE:
        return chr(rng.randint(*value))
    return chr(value) if kind is CONSTANTS.LITERAL else rng.choice(CATEGORIES[value])


@pytest.mark.parametrize("detector", ALL, ids=lambda row: f"{row.type}-{ALL.index(row)}")
def test_no_trigger_hides_a_finding(detector: Detector, rng: random.Random) -> None:
    """A trigger that asks for too much would make a row blind, and nothing would say so."""
    parsed = re._parser.parse(detector.pattern.pattern, detector.pattern.flags & ~re.UNICODE)
    for _ in range(60):
        text = f" {sample(parsed, rng)} "
        for variant in (text, text.upper(), text.lower()):
            found = next(find(detector, variant), None)
            assert found is None or is_triggered(detector, Traits.of(variant)), variant


def test_every_row_has_a_cheap_trigger() -> None:
    """Clean text is most text, and must not pay for hundreds of patterns."""
    assert [row.type for row in ALL if not (row.triggers or row.digits or row.run)] == []
    assert [row.type for row in ALL if any(trigger != trigger.lower() or not trigger for trigger in row.triggers)] == []


def test_words_of_unspaced_scripts_stand_anywhere_and_others_on_their_own() -> None:
    """A label in Chinese has letters on both sides; "pass" in "compass" is none."""
    pattern = re.compile(either("pass|护照"))
    assert pattern.search("我的护照号码") is not None
    assert pattern.search("my pass.") is not None
    assert pattern.search("compass") is None


def test_literals_are_pieces_that_every_spelling_holds() -> None:
    """An optional letter, a group or a set of letters is no part of a trigger."""
    assert literals("birth ?dates?") == ("birth",)
    assert literals("née?|nacid[oa]|born") == ("né", "born", "nacid")
    assert literals("driv(?:er|ing) licence|licence") == ("licence",)
    assert literals(r"d\.o\.b\.?") == ("d.o.b",)
