"""Readings of a text as somebody wrote it who does not want to be read: spaced out, broken up, reversed, in leet.

Each function takes a text and returns what it says without one disguise, or the text itself where it is not worn. They
only serve to look for findings; what they make of harmless text is of no use for anything else.
"""

from __future__ import annotations

import codecs
import re

from router_ml.guardrails.numerals import spelled_out
from router_ml.guardrails.placeholders import is_placeholder

_BRACKETED = re.compile(
    r"\s{0,3}[(\[{<]\s{0,3}(at|dot|punkt|punto|point|arroba|arobase|@|\.|:)\s{0,3}[)\]}>]\s{0,3}", re.IGNORECASE
)
_DOT = r"(?:\.| (?:dot|punkt|punto|ponto|point|kropka|nokta) )"
_JOINT = rf"(?:{_DOT}| (?:underscore|dash|hyphen|minus|plus) )"
_AT_WORDS = (" at ", " arroba ", " arobase ", " chiocciola ", " klammeraffe ", " apenstaartje ", " małpa ")
_AT = rf" (?:{'|'.join(map(str.strip, _AT_WORDS))}) "
_SPOKEN = re.compile(
    rf"(?<![\w.])(?P<local>[\w+-]{{1,64}}(?:{_JOINT}[\w+-]{{1,64}}){{0,4}}){_AT}"
    rf"(?P<domain>[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{0,4}}{_DOT}[^\W\d_]{{2,24}})(?!\w)",
    re.IGNORECASE,
)
_MAIL_HOSTS = re.compile(r"gmail|googlemail|outlook|hotmail|yahoo|icloud|proton|gmx|web|live|aol|mail", re.IGNORECASE)
_MAIL_WORDS, _MAIL_BEFORE = re.compile(r"mail|correo|courriel|posta|reach|write to|contact", re.IGNORECASE), 48
_SIGN_WORDS = (
    (re.compile(r" (?:dot|punkt|punto|ponto|point|kropka|nokta) ", re.IGNORECASE), "."),
    (re.compile(r" underscore ", re.IGNORECASE), "_"),
    (re.compile(r" (?:dash|hyphen|minus) ", re.IGNORECASE), "-"),
    (re.compile(r" plus ", re.IGNORECASE), "+"),
)


def unmasked_address(text: str) -> str:
    """``jane (at) acme [dot] com`` and ``jane dot doe at acme dot com`` as addresses."""
    lowered = text.lower()
    if any(bracket in lowered for bracket in "([{<"):
        text = _BRACKETED.sub(lambda match: "@" if match[1][0] in "aA@" else ":" if match[1] == ":" else ".", text)
    return _SPOKEN.sub(_unspeak, text) if any(word in lowered for word in _AT_WORDS) else text


def _unspeak(match: re.Match[str]) -> str:
    """A plain word before "at" is prose unless a mail host follows or a word for mail comes before."""
    local, domain = match["local"], match["domain"]
    spoken = re.search(r"[\d._+-]| (?:dot|punkt|punto|ponto|point|underscore|dash|hyphen|plus) ", local, re.IGNORECASE)
    before = match.string[max(0, match.start() - _MAIL_BEFORE) : match.start()]
    if spoken is None and _MAIL_HOSTS.match(domain) is None and _MAIL_WORDS.search(before) is None:
        return match[0]
    address = f"{local}@{domain}"
    for word, sign in _SIGN_WORDS:
        address = word.sub(sign, address)
    return address


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


_LIKE_DIGITS = str.maketrans("OoQDlIi|!ZzEeAhSsGbTtBgq", "000011111223344556677899"[:24])
_DIGITLIKE = re.compile(
    r"(?<![^\W_])[0-9OoQDlIi|!ZzEeASsGbTtBgq]{1,34}(?:[ .\-/()]{1,2}[0-9OoQDlIi|!ZzEeASsGbTtBgq]{1,34}){0,8}(?![^\W_])"
)
_STROKES = re.compile(r"[lIO|o]{1,8}")
_LIKE_LETTERS = str.maketrans("0134578@$", "oieastbas")
_LETTERLIKE = re.compile(
    r"(?<![\w@$/+=:])(?=[\w@$.+-]{0,63}[^\W\d_])(?=[\w@$.+-]{0,63}[0134578$])[^\W_][\w@$.+-]{1,63}(?!/)"
)


_LONGEST_WORD, _COUNTED = 24, re.compile(r"\d{1,4}-[a-z]")


def plain_letters(text: str) -> str:
    """Leet in both directions: digits in words as letters, letters in numbers as digits."""
    if re.search(r"[\d@$!|]", text) is None:
        return text
    return _LETTERLIKE.sub(_letters, _DIGITLIKE.sub(_digits, text))


def _digits(match: re.Match[str]) -> str:
    """A number with letters that look like digits; words beside it, such as "ID", stay."""
    value = "".join(
        group.translate(_LIKE_DIGITS) if any(map(str.isdigit, group)) or _STROKES.fullmatch(group) else group
        for group in re.split(r"([ /()])", match[0])
    )
    before, after = (sum(map(str.isdigit, text)) for text in (match[0], value))
    return value if after >= _FEWEST and (before >= 2 or (before and after >= _SHORTEST)) else match[0]


def _letters(match: re.Match[str]) -> str:
    value = match[0]
    if value.count("@") == 1:
        local, _, domain = value.partition("@")
        return f"{local.translate(_LIKE_LETTERS)}@{domain.translate(_LIKE_LETTERS)}"
    if _COUNTED.match(value) is not None:
        return value  # "12-character"
    letters, digits = sum(map(str.isalpha, value)), sum(map(str.isdigit, value))
    return value.translate(_LIKE_LETTERS) if letters >= max(2, digits) and len(value) <= _LONGEST_WORD else value


_REVERSIBLE = re.compile(r"(?<!\S)(?=\S{0,255}[\d@])\S{2,256}(?: (?=\S{0,127}[\d@])\S{1,128}){0,8}")


_ADDRESS = re.compile(r"@[\w-]{1,63}\.\w")


def reversed_words(text: str) -> str:
    """Each word that holds a digit or an @, and each run of such words, read from its end; other words stay."""
    return _REVERSIBLE.sub(_backwards, text)


def _backwards(match: re.Match[str]) -> str:
    value = match[0]
    if _ADDRESS.search(value) is not None or is_placeholder(value):
        return value  # reads as an address, or stands for a value, as it is
    telling = "@" in value or sum(map(str.isdigit, value)) >= 6 or (len(value) >= 8 and any(map(str.isalpha, value)))
    return value[::-1] if telling else value


_MIRRORED_WORDS = tuple(
    word[::-1]
    for word in "mail card number phone account password secret iban social passport birth token key please my".split()
    if len(word) > 3
)


def mirrored(text: str) -> str:
    """The whole text read from its end, where that makes words of it."""
    lowered = text.lower()
    return text[::-1] if any(word in lowered for word in _MIRRORED_WORDS) else text


_ROTATED_PROSE = frozenset(
    codecs.encode(word, "rot13")
    for word in "the and for this that with you please what number card account birth passport phone"
    " export ssn und ich ist der das bitte kunde angabe les des est que por para una los che per con het een van nie"
    " jest oraz bir lütfen".split()
)
_ROTATED_WORDS = tuple(
    codecs.encode(word, "rot13")
    for word in "@gmail. .com .org .net ghp_ github_pat_ glpat- sk- akia asia k_live_ k_test_ xoxb- xoxp- aiza hf_ npm_"
    " sg. eyj -----begin dapi shpat_ hvs. pypi- ya29 gocspx dop_v1 lin_api r8_ gsk_ password iban card account numer"
    " nummer telefon phone adresse address konto passeport reisepass pasaporte permis geburt naissance nacimiento birth"
    " routing licence license patient medical authorization bearer basic".split()
)
_ROTATED_IBAN = re.compile(r"(?<![^\W_])[A-Za-z]{2}\d\d(?:[ -]?[0-9A-Za-z]{4}){2}")


def rotated(text: str) -> str:
    """The text with each Latin letter moved by 13 places, where that makes words or the start of a key of it."""
    lowered = text.lower()
    accounts = sum(map(text.count, "0123456789")) >= 8 and _ROTATED_IBAN.search(text) is not None
    prose = not _ROTATED_PROSE.isdisjoint(re.split(r"[\W_]{1,8}", lowered))
    if accounts or prose or any(word in lowered for word in _ROTATED_WORDS):
        return codecs.encode(text, "rot13")
    return text
