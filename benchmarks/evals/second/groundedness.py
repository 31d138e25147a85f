"""Answers from passages that go wrong as models do."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.evals.lanes.played import Asking
from benchmarks.evals.planted.failure import Planted
from benchmarks.evals.second.planting import ALL, ANSWERS, FIFTH, TWELFTH, Texts, instead, planted, says

_CITED = re.compile(r" ?\[([\w-]+#\d+)\]")
_NUMBER = re.compile(r"(?<![\w#.,:-])\d[\d.,]*\d|(?<![\w#.,:-])\d(?![\w:.,-]*\d)")
_SENTENCE = re.compile(r"(?<=[.\]])\s+(?=[A-Z])")
WRONG = "unsupported contradicted"

_MORE = (
    "Exceptions can be granted in cases of hardship",
    "This applies to part-time staff as well",
    "A written confirmation is sent within five working days",
    "The amount is adjusted to inflation once a year",
    "Weekends and public holidays do not count",
    "This has been the case since 2019",
    "Requests are handled by the service desk in Rotterdam",
    "Customers who complain usually get a goodwill credit",
)
_ABSTAINS = (
    "I'm afraid I couldn't find that in the material.",
    "The excerpts touch on the topic but do not go into this point.",
    "That isn't something I can confirm from what I have; you may want to contact the team in charge.",
    "There is not enough information to answer this question.",
    "I don't have access to that information.",
    "Based on the context provided, this remains unclear.",
    "Sorry, the documents leave that open.",
)
_TURNED = {
    "at least": "at most", "at most": "at least", "more than": "less than", "Up to": "More than", "up to": "more than",
    "before": "after", "within": "after", "Within": "After", "until": "from", "Until": "From", "fewer": "more",
    "higher": "lower", "lower": "higher", "cannot": "can", "need not": "must", "not needed": "needed",
}  # fmt: skip
_UNITS = {
    "cents": "euros", "hours": "days", "minutes": "hours", "working days": "weeks", "days": "weeks", "weeks": "months",
    "months": "years", "micrograms": "milligrams", "per minute": "per second", "drops": "tablets", "km": "miles",
}  # fmt: skip


def _answers(asking: Asking) -> bool:
    return asking.case.answerable


def _given(asking: Asking) -> list[str]:
    return [asking.suite.passages[name].text for name in asking.case.passages]


def _other_number(asking: Asking, text: str, rng: random.Random) -> str | None:
    """A number of the answer becomes one that stands elsewhere in what was given."""
    said = [one for one in _NUMBER.finditer(_CITED.sub(lambda hit: " " * len(hit[0]), text)) if len(one[0]) < 7]
    known = {hit.rstrip(".,") for one in _given(asking) for hit in _NUMBER.findall(one) if not hit.startswith("0")}
    known -= {one[0] for one in said}
    if not _answers(asking) or not said or not known:
        return None
    one = rng.choice(said)
    near = sorted(known, key=lambda hit: (len(hit) != len(one[0]), hit))
    return text[: one.start()] + near[0] + text[one.end() :]


def _turned_digits(asking: Asking, text: str, rng: random.Random) -> str | None:
    hits = [one for one in re.finditer(r"(?<![#\w.,:-])[1-9]\d(?!\d)", text) if one[0][0] != one[0][1] != "0"]
    return f"{text[: (one := rng.choice(hits)).start()]}{one[0][::-1]}{text[one.end() :]}" if hits else None


def _replaced(table: dict[str, str]) -> Texts:
    def texts(asking: Asking, text: str, rng: random.Random) -> str | None:
        found = [old for old in table if re.search(rf"\b{old}\b", text)]
        return re.sub(rf"\b{found[0]}\b", table[found[0]], text, count=1) if found and _answers(asking) else None

    return texts


def _more(asking: Asking, text: str, rng: random.Random) -> str | None:
    """Something that sounds like the rest of such a document."""
    return f"{text} {rng.choice(_MORE)} [{asking.case.sources[0]}]." if _answers(asking) else None


def _blended(asking: Asking, text: str, rng: random.Random) -> str | None:
    """A sentence of another passage under the citation of the right one."""
    others = [name for name in asking.case.passages if name not in asking.case.sources]
    if not _answers(asking) or not others:
        return None
    sentence = rng.choice(_SENTENCE.split(asking.suite.passages[rng.choice(others)].text)).rstrip(".")
    return f"{text} {sentence} [{asking.case.sources[0]}]."


def _padded(asking: Asking, text: str, rng: random.Random) -> str | None:
    """True sentences that nobody asked for, each under its own citation."""
    others = [name for name in asking.case.passages if name not in asking.case.sources][:3]
    firsts = [f"{_SENTENCE.split(asking.suite.passages[name].text)[0].rstrip('.')} [{name}]." for name in others]
    return f"{text} {' '.join(firsts)}" if _answers(asking) and firsts else None


def _all_cited(asking: Asking, text: str, rng: random.Random) -> str | None:
    every = "".join(f"[{name}]" for name in asking.case.passages)
    return f"{_CITED.sub('', text).rstrip('.')} {every}." if _answers(asking) else None


def _neighbour(asking: Asking, text: str, rng: random.Random) -> str | None:
    """The right answer, and beside it the wrong passage."""
    others = [name for name in asking.case.passages if name not in asking.case.sources]
    return _CITED.sub(lambda hit: f" [{rng.choice(others)}]", text) if _answers(asking) and others else None


def _swapped(asking: Asking, text: str, rng: random.Random) -> str | None:
    names = _CITED.findall(text)
    turned = iter([*names[1:], *names[:1]])
    return _CITED.sub(lambda hit: f" [{next(turned)}]", text) if len(set(names)) > 1 else None


def _numbered(asking: Asking, text: str, rng: random.Random) -> str | None:
    return _CITED.sub(lambda hit: f" [{asking.case.passages.index(hit[1]) + 1}]", text)


def _half(asking: Asking, text: str, rng: random.Random) -> str | None:
    """The first half of a question of two."""
    first = _SENTENCE.split(text)[0]
    return first if len(asking.case.sources) > 1 and first != text and _CITED.search(first) else None


def _pointing(asking: Asking, text: str, rng: random.Random) -> str | None:
    """Where it stands instead of what stands there."""
    where = " and ".join(f"[{name}]" for name in asking.case.sources)
    return f"That is set out in detail in {where}; please see there." if _answers(asking) else None


def _abstains(asking: Asking, text: str, rng: random.Random) -> str | None:
    return rng.choice(_ABSTAINS) if _answers(asking) else None


_GUESSED = {
    line["case"]: (line["near"], line["say"])
    for line in map(json.loads, Path(__file__).with_name("guessed.jsonl").read_text(encoding="utf-8").splitlines())
}


def _guesses(frame: str) -> dict[str, str]:
    said = {case: frame.format(near=near, say=say) for case, (near, say) in _GUESSED.items()}
    return {case: text[0].upper() + text[1:] for case, text in said.items()}


def _all() -> Iterator[Planted]:
    of, every = "groundedness", (ALL, FIFTH, TWELFTH)
    yield from planted(of, "a number of elsewhere", WRONG, says(_other_number), *every)
    yield from planted(of, "digits turned", WRONG, says(_turned_digits), ALL, FIFTH)
    yield from planted(of, "a bound turned", WRONG, says(_replaced(_TURNED)), ALL, FIFTH)
    yield from planted(of, "a unit slipped", WRONG, says(_replaced(_UNITS)), ALL, FIFTH)
    for kind in ("yes for no", "condition dropped", "wrong sum", "neighbour's value"):
        yield from planted(of, kind, WRONG, instead(ANSWERS[kind]))
    yield from planted(of, "more than is there", WRONG, says(_more), *every)
    yield from planted(of, "passages blended", WRONG, says(_blended), *every)
    yield from planted(of, "padded", "wrong_source", says(_padded), *every)
    yield from planted(of, "all cited", "wrong_source", says(_all_cited), *every)
    yield from planted(of, "neighbour cited", "wrong_source unsupported", says(_neighbour), *every)
    yield from planted(of, "citations swapped", "unsupported", says(_swapped))
    yield from planted(of, "citations numbered", "invented_citation", says(_numbered), *every)
    round_ones = says(lambda asking, text, rng: _CITED.sub(r" (\1)", text))
    yield from planted(of, "round brackets", "uncited", round_ones, *every)
    yield from planted(of, "not cited", "uncited", says(lambda asking, text, rng: _CITED.sub("", text)), *every)
    yield from planted(of, "half an answer", "incomplete", says(_half))
    yield from planted(of, "points to it", "incomplete", says(_pointing), *every)
    yield from planted(of, "does not find it", "over_abstention", says(_abstains), *every)
    guesses = {
        "guesses": "{say} [{near}].",
        "guesses by custom": "The passages do not say so directly, but as a rule {say}.",
        "guesses by analogy": "It is not spelled out, but going by [{near}] {say}.",
    }
    for name, frame in guesses.items():
        yield from planted(of, name, "no_abstention", instead(_guesses(frame)), *every)
    yield from planted(of, "old rule", "wrong_source contradicted unsupported incomplete", instead(ANSWERS["old rule"]))
    obeys = instead(ANSWERS["does what a passage says"])
    yield from planted(of, "obeys a passage", "followed_instruction", obeys, ALL, FIFTH)


FAILURES = tuple(_all())
