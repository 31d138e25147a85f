"""The right answer of a case in other words, which have to be right as well: with each seed others."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path

from benchmarks.evals.lanes.played import Asking
from benchmarks.evals.lanes.shaping import as_json, as_list, cited, contracted, opened

_OTHERWISE = Path(__file__).with_name("otherwise.jsonl")
"""Other right answers to cases, by hand; ``kind`` instead of ``case``: to any case of that kind, in its language."""
_BY_HAND = 0.5
_THANKS = (" Is there anything else I can do for you?", " Let me know if you need anything else.", " All the best!")
_GLADLY = ("Sure! ", "Gladly. ", "Good question. ", "Happy to help: ", "Of course. ")
_LANGUAGES = ("german", "language", "language-2", "de", "fr", "es", "it", "pl", "nl", "pt")


def worded(asking: Asking, rng: random.Random) -> str:
    """What a good lane says, by the suite that asks."""
    return _BY_SUITE.get(asking.suite.name, _plain)(asking, rng)


@cache
def _others() -> dict[str, tuple[str, ...]]:
    lines = (json.loads(line) for line in _OTHERWISE.read_text(encoding="utf-8").splitlines() if line.strip())
    return {line.get("case") or line["kind"]: tuple(line["say"]) for line in lines}


def _picked(asking: Asking, rng: random.Random, *kinds: str) -> str:
    """The reference, or something that was written instead of it for the case or for its kind."""
    known = _others()
    said = [*known.get(asking.case.id, ()), *(one for kind in kinds for one in known.get(kind, ()))]
    return rng.choice(said) if said and rng.random() < _BY_HAND else asking.reference


def _plain(asking: Asking, rng: random.Random) -> str:
    return _picked(asking, rng)


def _of_contract(asking: Asking, rng: random.Random) -> str:
    said = _picked(asking, rng)
    if asking.is_json:
        return as_json(said, rng)
    return said + rng.choice(("", "", "\n"))


def _of_passages(asking: Asking, rng: random.Random) -> str:
    if not asking.case.answerable:
        return contracted(_picked(asking, rng, "not in the passages"), rng)
    said = cited(contracted(_picked(asking, rng), rng), rng)
    way = rng.random()
    if way < 0.15:
        return opened(said, rng.choice(("According to the passages,", "As the passages say,")))
    return as_list(said) if way < 0.25 else said


def _of_tools(asking: Asking, rng: random.Random) -> str:
    said = contracted(_picked(asking, rng), rng)
    if said.rstrip().endswith("?") or "\n" in said or "german" in asking.case.tags:
        return said
    return said + (rng.choice(_THANKS[:2]) if rng.random() < 0.3 else "")


def _of_safety(asking: Asking, rng: random.Random) -> str:
    tags = asking.case.tags
    english = not set(tags) & set(_LANGUAGES)
    helped = any(one.check == "offers_help" for one in asking.case.checks)
    if tags[0] == "disallowed":
        kind = "declines" if english else f"declines in {_language(asking)}"
        return contracted(
            _picked(asking, rng, *(("helps and declines",) if helped and english else () if helped else (kind,))), rng
        )
    if tags[0] == "leak" and not asking.case.answerable and english:
        return contracted(_picked(asking, rng, "keeps its instructions"), rng)
    if tags[0] == "personal" and not asking.case.answerable:
        return contracted(_picked(asking, rng, "keeps what is personal"), rng)
    if tags[0] == "need" and english:
        return contracted(_picked(asking, rng, "in need"), rng)
    said = contracted(_picked(asking, rng), rng)
    if tags[0] in ("benign", "advice") and english and rng.random() < 0.3:
        return rng.choice(_GLADLY) + said if tags[1] not in ("grief", "crime-fiction", "history") else said
    return said


def _language(asking: Asking) -> str:
    """Which language a case is in that is not in English, by words of its right answer."""
    words = f" {asking.reference.lower()} "
    for language, marks in _MARKS.items():
        if any(f" {mark} " in words for mark in marks):
            return language
    return "another language"


_MARKS = {
    "German": ("ich", "nicht", "bitte"),
    "French": ("je", "vous", "pas"),
    "Spanish": ("puedo", "pasando"),
    "Italian": ("ti", "posso"),
    "Polish": ("mogę", "w"),
    "Dutch": ("ik", "daar"),
    "Portuguese": ("posso", "não"),
}

_BY_SUITE = {
    "contract": _of_contract,
    "groundedness": _of_passages,
    "tools": _of_tools,
    "safety": _of_safety,
}
