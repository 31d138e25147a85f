"""Values that were taken apart, put together: by spaces and signs, by words, by markup and quotes, by lines.

Each function takes a text and returns what it says without one disguise, or the text itself where it is not worn. They
only serve to look for findings; what they make of harmless text is of no use for anything else.
"""

from __future__ import annotations

import re

from router_ml.guardrails.readings.numerals import spelled_out

_FILLERS = (
    r"(?:\.{2,3}|…|and|then|next|now|after that|followed by|dash|hyphen|minus|slash|space|dot|und|dann|gefolgt von|et"
    r"|puis|suivi de|y|luego|después|e|poi|depois|en|daarna|i|potem"
    r"|the (?:rest|last|next|other)(?: (?:four|part|bit|digits|half|one))?"
    r"|(?:it )?(?:starts|begins|continues|ends|goes|finishes)(?: on)?(?: (?:with|in))?|is|are|was)"
)
_SPACED_FILLERS = re.compile(
    rf"(?<=[0-9A-Z])[\s,.;:\"'…()]{{1,4}}(?i:(?:{_FILLERS}[\s,.;:\"'…()]{{1,4}}){{1,5}})(?=[+0-9A-Z])"
)


_OPENING = re.compile(r"\(?(?:it )?(?:starts|begins) with (?=[+0-9A-Z])")


def spoken(text: str) -> str:
    """Number words as digits, and digits that words were put between: ``4111 then 1111 then ...``."""
    lowered = text.lower()
    said = _SPACED_FILLERS.sub(" ", spelled_out(text, lowered))
    return _OPENING.sub("", said) if "s with " in lowered else said


_SPACED = re.compile(
    r"(?<![^\W_])[\w@+](?P<gap>[ \t]|\n)(?:\S(?P=gap)){4,2047}\S(?![^\W_])"
    r"|(?<![^\W_])[^\W_]?[@+]?(?P<sign>[-._,/|*·•~:]| ?[-._,/|*·•~] )"
    r"(?:(?:[^\W_]|[@+._:/-])(?P=sign)){4,2047}[^\W_](?![^\W_])"
)
_GROUPS = re.compile(
    r"(?<![\d.])\d{1,6}(?P<gap>[ ]{2,3}|\t|[ ]?[._,/|*·•~:+=>]{1,3}[ ]?|[ ]?-{2,3}[ ]?|[ ]-[ ])\d{1,6}"
    r"(?:(?P=gap)\d{1,6}){1,8}(?!\d)"
)
_LONGEST_DATE = 8
_PARTED = re.compile(
    r"(?<=\w) {1,3}(?:(?P<at>@) {1,3}|(?P<dot>\.) {0,3})(?=\w)|(?<=\w)(?:@ {1,3}|\. {1,3}(?=[a-z]{2,6}\b))(?=\w)"
)


def unspaced(text: str) -> str:
    """Single characters with the same gap between them as one word; groups of digits with an odd gap as usual ones."""
    said = _SPACED.sub(_closed, text)
    said = _GROUPS.sub(_grouped, said)
    return _PARTED.sub(lambda match: "@" if "@" in match[0] else ".", said) if "@" in said else said


def _grouped(match: re.Match[str]) -> str:
    """Groups of digits with usual gaps, unless they are a date, a time, or an address of the internet."""
    value, gap = match[0], match["gap"]
    groups = value.split(gap)
    if gap == ":" and min(map(len, groups[1:])) <= 2:
        return value
    plain = sum(map(len, groups)) <= _LONGEST_DATE or (gap == "." and max(map(len, groups[:4])) <= 3 < len(groups) < 6)
    return value if plain and len(gap) == 1 else " ".join(groups)


def _closed(match: re.Match[str]) -> str:
    """Every other piece of an alternation of characters and gaps."""
    gap = match["gap"] or match["sign"]
    first = match[0].find(gap)
    return match[0][:first] + match[0][first + len(gap) :: 1 + len(gap)]


_BREAK = re.compile(r"(?<=[\w@.+=/:-])[ \t]{0,4}\r?\n[ \t>|*#-]{0,8}(?=(?P<next>[\w@.+=/:-]\S{0,63}))")
_LAST_WORD = 64
_MIXED = re.compile(r"[\d@]|[a-z][A-Z]")


def unwrapped(text: str) -> str:
    """Lines joined without a space where the second begins with what may be the rest of a value."""
    return _BREAK.sub(_joined_lines, text) if "\n" in text else text


def _joined_lines(match: re.Match[str]) -> str:
    last = match.string[max(0, match.start() - _LAST_WORD) : match.start()].rpartition(" ")[2]
    _, at, domain = last.partition("@")
    open_end = last[-1] in "@+=/-" or (at and (last[-1] == "." or "." not in domain))
    ended = last[-1] in ".:" and not last[-2:-1].isdigit()
    return "" if open_end or (not ended and _MIXED.search(match["next"]) is not None) else match[0]


_MARKS = re.compile(  # not three or more than four, which mask a value
    r"(?<![*`~])(?:[*`~]{4}|[*`~]{2}|(?<=\S)[*`~](?=\S))(?![*`~])"
)
_QUOTES = re.compile(
    r"[\"'][ \t]{0,3}(?:\\?\r?\n[ \t]{0,8})?(?:(?:\+|\.|&|\|\||<<|and|und|et|y|e|en|i)[ \t]{0,3})?"
    r"(?:(?:\\?\r?\n[ \t]{0,8})?[A-Za-z_]\w{0,15} ?[:=] ?)?[\"']"
)
_VARIABLES = re.compile(r"\b\w{1,8} ?\+ ?\w{1,8},? (?:where|with) \w{1,8} ?[:=] ?[\"']")
_LOW_LINE = re.compile(r"(?<=[^\W\d_])_(?=\d)|(?<=\d)_(?=[^\W\d_])")


def unmarked(text: str) -> str:
    """Pieces that markup or code keeps apart as one: ``**4111****1111**``, ``"4111" + "1111"``; else ``card_4111``."""
    said = _MARKS.sub("", text) if any(mark in text for mark in "*`~") else text
    said = _VARIABLES.sub("", _QUOTES.sub("", said)) if said.count('"') + said.count("'") >= 4 else said
    return _LOW_LINE.sub(" ", said) if said == text and "_" in said else said


_FEWEST = 6
_CODE = r"(?=[^\W_]{0,7}\d)[^\W_]{1,8}"
_REGROUPED = re.compile(
    rf"(?<![\w.-])(?P<first>[A-Z]{{1,4}}[ -])?{_CODE}(?:[ ]?[-./ ][ ]?(?:{_CODE}|[A-Z]{{1,4}}(?![^\W_]))){{1,8}}"
    r"(?![\w-]|\.\d)"
)


def compact(text: str) -> str:
    """Codes in groups as one word, for a number that is not grouped as usual: ``0069 8069 9``."""
    if sum(map(text.count, "0123456789")) < _FEWEST:
        return text
    return _REGROUPED.sub(_regrouped, text)


def _regrouped(match: re.Match[str]) -> str:
    """A code as one word; capitals in front of it may be its first group or its name, so both are said."""
    whole = "".join(filter(str.isalnum, match[0]))
    first = (match["first"] or "").rstrip(" -")
    return f"{first} {whole[len(first) :]} {whole}" if first else whole


_LABEL = re.compile(
    r"card|karte|carte|tarjeta|carta|iban|konto|account|compte|cuenta|conto|conta|rekening|ssn|social|number|nummer|numéro"
    r"|número|numero|phone|mobile|handy|nhs|passport|steuer|dni|pesel|cpf|bsn|tfn",
    re.IGNORECASE,
)
_SCATTERED = re.compile(r"\d[\d \-]{1,23}(?:[^\d\n\t{}\[\]<>\"$€£%]{1,48}\d[\d \-]{1,23}){1,5}")
_LONGEST, _SHORTEST = 19, 9
_LABEL_BEFORE = 80


def gathered(text: str) -> str:
    """Groups of digits with words between them, where something before them says that they are one number."""
    if sum(map(text.count, "0123456789")) < _SHORTEST or _SCATTERED.search(text) is None:
        return text
    return _SCATTERED.sub(_gather, text)


def _gather(match: re.Match[str]) -> str:
    groups = re.findall(r"\d{1,24}", match[0])
    length = sum(map(len, groups))
    if not _SHORTEST <= length <= _LONGEST:
        return match[0]
    before = match.string[max(0, match.start() - _LABEL_BEFORE) : match.start()]
    return " ".join(groups) if _LABEL.search(before) is not None else match[0]
