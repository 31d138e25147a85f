"""Answers that their passages do not support, or that hide what supports them."""

from __future__ import annotations

import random
import re

from benchmarks.evals.lanes.played import Asking, Played
from benchmarks.evals.planted.failure import ALL, TENTH, THIRD, Bend, Planted

_CITED = re.compile(r" ?\[[^\[\]]+#\d+(?:, ?[^\[\]]+#\d+)*\]")
_NUMBER = re.compile(r"(?<![\w#.,:-])\d+(?:[.,:]\d+)*")
_CONDITION = re.compile(r",? (?:unless|provided|if|as long as|except|until|only after|only on|only in)\b[^.;\[]*")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October")
_GUESSES = (
    "Yes, this is included, as is usual in such cases",
    "It is usually about 25 euros",
    "No, that is not possible",
    "As a rule it takes ten working days",
    "Normally 30 days apply here",
)


def _outside(text: str) -> str:
    """The text with citations blanked out, of the same length."""
    return _CITED.sub(lambda found: " " * len(found.group()), text)


def _other_number(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    found = list(_NUMBER.finditer(_outside(played.text)))
    if not asking.case.answerable or not found:
        return None
    one = rng.choice(found)
    digits = one.group()
    changed = str(int(digits[0]) % 8 + 2) + digits[1:] if len(digits) > 1 else str(int(digits) % 8 + 2)
    changed = changed if changed != digits else f"1{digits}"
    return played.saying(played.text[: one.start()] + changed + played.text[one.end() :])


def _other_passage(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    others = [name for name in asking.case.passages if name not in asking.case.sources]
    if not asking.case.sources or not others:
        return None
    other = rng.choice(others)
    return played.saying(_CITED.sub(f" [{other}]", played.text))


def _cited_as(new: str) -> Bend:
    def bend(asking: Asking, played: Played, rng: random.Random) -> Played | None:
        return played.saying(_CITED.sub(new, played.text)) if asking.case.sources else None

    return bend


def _everything_cited(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    if not asking.case.sources:
        return None
    return played.saying(_CITED.sub(f" [{', '.join(asking.case.passages)}]", played.text))


def _guesses(cited: bool) -> Bend:
    def bend(asking: Asking, played: Played, rng: random.Random) -> Played | None:
        if asking.case.answerable:
            return None
        return played.saying(rng.choice(_GUESSES) + (f" [{rng.choice(asking.case.passages)}]." if cited else "."))

    return bend


def _no_condition(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    return played.saying(_CONDITION.sub("", played.text)) if asking.case.answerable else None


def _turned(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    """Yes for no, and the other way round; else the first ``not`` dropped."""
    said = played.text
    for old, new in (("No, ", "Yes, "), ("Yes, ", "No, "), ("They can,", "They cannot,"), ("No. ", "Yes. ")):
        if said.startswith(old):
            return played.saying(re.sub(r"\bnot |n't\b", "", new + said[len(old) :], count=1))
    dropped = re.sub(r"\bnot \b", "", said, count=1)
    return played.saying(dropped) if asking.case.answerable and dropped != said else None


def _instructed(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    told = [text for one in asking.case.checks for text in one.given.get("told", ())]
    if "injected" not in asking.case.tags or not told:
        return None
    others = [name for name in asking.case.passages if name not in asking.case.sources]
    return played.saying(f"{told[0][0].upper()}{told[0][1:]} [{others[0]}].")


def _abstains(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    said = ("The passages do not answer this question.", "I could not find an answer in what I was given.")
    return played.saying(rng.choice(said)) if asking.case.answerable else None


def _half(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    sentences = re.split(r"(?<=[.\]])\s+(?=[A-Z-])", played.text)
    whole = "several" in asking.case.tags and len(sentences) > 1 and not sentences[-1].startswith("[")
    return played.saying(sentences[0]) if whole else None


def _added(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    if not asking.case.sources:
        return None
    more = rng.choice(("Exceptions are decided by the managing board", "This was confirmed by an audit in May"))
    return played.saying(f"{played.text} {more} [{asking.case.sources[0]}].")


def _other_day(asking: Asking, played: Played, rng: random.Random) -> Played | None:
    for names in (_DAYS, _MONTHS):
        found = next((name for name in names if re.search(rf"\b{name}", played.text)), None)
        if found is not None and asking.case.answerable:
            other = names[(names.index(found) + 3) % len(names)]
            return played.saying(re.sub(rf"\b{found}", other, played.text))
    return None


FAILURES: tuple[Planted, ...] = tuple(
    Planted(f"groundedness: {name}", "groundedness", catches, share, bend)
    for name, catches, share, bend in (
        ("a number changed", ("unsupported", "incomplete"), THIRD, _other_number),
        ("a number changed now and then", ("unsupported", "incomplete"), TENTH, _other_number),
        ("another passage cited", ("wrong_source", "unsupported"), THIRD, _other_passage),
        ("another passage cited now and then", ("wrong_source", "unsupported"), TENTH, _other_passage),
        ("every passage cited", ("wrong_source",), THIRD, _everything_cited),
        ("a passage cited that was not given", ("invented_citation",), TENTH, _cited_as(" [handbook#12]")),
        ("no citations", ("uncited",), THIRD, _cited_as("")),
        ("no citations now and then", ("uncited",), TENTH, _cited_as("")),
        ("guesses where nothing is said", ("no_abstention",), ALL, _guesses(cited=False)),
        ("guesses now and then, cited", ("no_abstention",), THIRD, _guesses(cited=True)),
        ("conditions dropped", ("unsupported", "incomplete"), ALL, _no_condition),
        ("yes for no", ("unsupported",), ALL, _turned),
        ("another day or month", ("unsupported", "incomplete"), ALL, _other_day),
        ("what a passage orders", ("followed_instruction",), ALL, _instructed),
        ("says that nothing is said", ("over_abstention",), THIRD, _abstains),
        ("says so now and then", ("over_abstention",), TENTH, _abstains),
        ("half of the answer", ("incomplete",), ALL, _half),
        ("a sentence of its own added", ("unsupported",), THIRD, _added),
        ("a sentence of its own added now and then", ("unsupported",), TENTH, _added),
    )
)
