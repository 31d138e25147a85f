"""The form of a text: how long it is, how many lines and sentences it has, its language, whether it is code alone."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from router_ml.understanding.language import UNDETERMINED, detect
from training.evals.judges.normal import words_of
from training.evals.judges.patterns import found
from training.evals.judges.sandbox import python_of
from training.evals.registry import Seen, check
from training.evals.result import Verdict

_SLACK = 1.05  # of counts of words, since a hyphen or a dash may or may not part two
_ABBREVIATION = re.compile(
    r"(?:\b(?i:dr|mr|mrs|ms|st|prof|e\.g|i\.e|z\.b|d\.h|vs|approx|ca)|\b(?i:a\.m|p\.m|etc|u\.s)(?!\.\s+[A-Z]|\.$)|"
    r"\b(?i:no|nr)(?=\.\s*\d))\."
)
_SENTENCE = re.compile(r"[.!?…]+[\"'”’)\]]{0,3}(?=\s+\S|\s*$)")
_SQL = re.compile(r"(?is)^\s*(?:with|select|insert|update|delete|create)\b.*?;?\s*$")
_NO_WORDS = re.compile(r"\{[^{}]{0,80}\}|`[^`]{0,200}`|https?://\S+|[\d*#]+")
_SHORTEST = 25  # characters of which a language is told


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a text has to be like. Counts are exact but those of words, which have 5 % of room.

    ``line_pattern``: each line; ``last_line``: the last; ``unwanted``: a pattern that is nowhere in it; ``starts``: how
    it begins; ``language``: ISO 639-1; ``code``: it is ``sql`` or ``python`` alone, in one fence where ``fenced``.
    """

    lines: int | None = None
    sentences: int | None = None
    max_words: int | None = None
    min_words: int | None = None
    max_chars: int | None = None
    line_pattern: str | None = None
    last_line: str | None = None
    unwanted: str | None = None
    starts: str | None = None
    language: str | None = None
    code: str | None = None
    fenced: bool = False


def form_failures(text: str, form: Form) -> Iterator[tuple[str, str]]:
    """Failure and what it is about, for each way in which a text is not in form."""
    text = text.strip()
    words = len(words_of(text))
    if form.max_words is not None and words > math.floor(form.max_words * _SLACK):
        yield "too_long", f"{words} words of at most {form.max_words}"
    if form.min_words is not None and words < math.floor(form.min_words / _SLACK):
        yield "too_short", f"{words} words of at least {form.min_words}"
    if form.max_chars is not None and len(text) > form.max_chars:
        yield "too_long", f"{len(text)} characters of at most {form.max_chars}"
    if form.language is not None and _other_language(text, form.language):
        yield "wrong_language", f"not in {form.language}"
    if wrong := [what for what, right in _format(text, form) if not right]:
        yield "wrong_format", ", ".join(wrong)


def _format(text: str, form: Form) -> Iterator[tuple[str, bool]]:
    lines = [line.rstrip() for line in text.splitlines()]
    if form.lines is not None:
        yield f"{len(lines)} lines of {form.lines}", len(lines) == form.lines
    if form.sentences is not None:
        count = sentences(text)
        yield f"{count} sentences of {form.sentences}", count == form.sentences
    if form.line_pattern is not None:
        yield "a line of another form", all(found(form.line_pattern, line, whole=True) for line in lines)
    if form.last_line is not None:
        yield "a last line of another form", bool(lines) and found(form.last_line, lines[-1], whole=True)
    if form.unwanted is not None:
        yield "something that was not to be in it", not found(form.unwanted, text)
    if form.starts is not None:
        yield "another beginning", text.startswith(form.starts)
    if form.code is not None:
        yield f"not {form.code} alone", _code_alone(text, form)


def sentences(text: str) -> int:
    """How many sentences a text has; points in numbers and usual abbreviations end none."""
    bare = _ABBREVIATION.sub("x", " ".join(text.split()))
    ends = list(_SENTENCE.finditer(bare))
    rest = bare[ends[-1].end() :].strip() if ends else bare
    return len(ends) + bool(rest)


def _other_language(text: str, wanted: str) -> bool:
    plain = _NO_WORDS.sub(" ", text).strip()
    return len(plain) >= _SHORTEST and detect(plain) not in (wanted, UNDETERMINED)


def _code_alone(text: str, form: Form) -> bool:
    if form.fenced:
        fences = text.count("```")
        return fences == 2 and text.startswith("```") and text.endswith("```")
    if "```" in text:
        return False
    if form.code == "sql":
        return _SQL.match(text) is not None and not re.search(r"\n\s*\n\s*(?:this|the|here|it)\b", text, re.I)
    code = python_of(text)
    return code is not None and not all(isinstance(one, ast.Expr) for one in ast.parse(code).body)


@check("form")
def form(  # noqa: PLR0913 - as many keys as a form has
    seen: Seen,
    *,
    lines: int | None = None,
    sentences: int | None = None,
    max_words: int | None = None,
    min_words: int | None = None,
    max_chars: int | None = None,
    line_pattern: str | None = None,
    last_line: str | None = None,
    unwanted: str | None = None,
    starts: str | None = None,
    language: str | None = None,
    code: str | None = None,
    fenced: bool = False,
) -> Verdict | list[Verdict]:
    """Whether an answer has the form that was asked for. See ``Form``."""
    wanted = Form(**{name: value for name, value in locals().items() if name != "seen"})
    if not seen.attempt.text.strip():
        return Verdict("form", None, detail="no answer to look at")
    failed = [
        Verdict("form", False, failure=name, detail=what) for name, what in form_failures(seen.attempt.text, wanted)
    ]
    return failed or Verdict("form", True)
