"""Numbers in words, as digits: "four one one, double two, oh seven" is 4112207.

Only runs of several number words count, so that prose such as "one of the two" stays as it is.
"""

from __future__ import annotations

import re

# Zero to nineteen, then twenty to ninety, by language; other spellings after a slash. Words that are also prepositions
# (Turkish "on", Swedish "en") are left out.
_WORDS = {
    "en": "zero/oh/nought one two three four five six seven eight nine/niner ten eleven twelve thirteen fourteen"
    " fifteen sixteen seventeen eighteen nineteen twenty thirty forty/fourty fifty sixty seventy eighty ninety",
    "de": "null eins/ein zwei/zwo drei vier fünf/fuenf sechs sieben acht neun zehn elf zwölf/zwoelf dreizehn vierzehn"
    " fünfzehn/fuenfzehn sechzehn siebzehn achtzehn neunzehn zwanzig dreißig/dreissig vierzig fünfzig/fuenfzig sechzig"
    " siebzig achtzig neunzig",
    "fr": "zéro un/une deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept"
    " dix-huit dix-neuf vingt trente quarante cinquante soixante soixante-dix quatre-vingts/quatre-vingt"
    " quatre-vingt-dix",
    "es": "cero uno/una dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince"
    " dieciséis/dieciseis diecisiete dieciocho diecinueve veinte treinta cuarenta cincuenta sesenta setenta ochenta"
    " noventa",
    "it": "zero uno/una due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici"
    " sedici diciassette diciotto diciannove venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
    "pt": "zero um/uma dois/duas três/tres quatro cinco seis/meia sete oito nove dez onze doze treze catorze/quatorze"
    " quinze dezesseis/dezasseis dezessete/dezassete dezoito dezenove/dezanove vinte trinta quarenta cinquenta sessenta"
    " setenta oitenta noventa",
    "nl": "nul een/één twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien"
    " zeventien achttien negentien twintig dertig veertig vijftig zestig zeventig tachtig negentig",
    "pl": "zero jeden dwa trzy cztery pięć/piec sześć/szesc siedem osiem dziewięć/dziewiec dziesięć jedenaście"
    " dwanaście trzynaście czternaście piętnaście szesnaście siedemnaście osiemnaście dziewiętnaście dwadzieścia"
    " trzydzieści czterdzieści pięćdziesiąt sześćdziesiąt siedemdziesiąt osiemdziesiąt dziewięćdziesiąt",
    "tr": "sıfır/sifir bir iki üç/uc dört/dort beş/bes altı/alti yedi sekiz dokuz on_ onbir oniki onüç ondört onbeş"
    " onaltı onyedi onsekiz ondokuz yirmi otuz kırk/kirk elli altmış yetmiş seksen doksan",
    "sv": "noll ett två tre fyra fem sex sju åtta nio tio elva tolv tretton fjorton femton sexton sjutton arton"
    " nitton tjugo trettio fyrtio femtio sextio sjuttio åttio nittio",
}
_VALUES = (*range(20), *range(20, 100, 10))


def _table() -> dict[str, int]:
    table: dict[str, int] = {}
    for words in _WORDS.values():
        for value, spellings in zip(_VALUES, words.split(), strict=True):
            for spelling in spellings.split("/"):
                table.setdefault(spelling, value)
    units = ("ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")
    for ten, name in enumerate(_WORDS["de"].split()[20:], start=2):
        for one, unit in enumerate(units, start=1):
            table.setdefault(f"{unit}und{name.partition('/')[0]}", 10 * ten + one)
    return table


NUMBERS = _table()
_HEXADECIMAL = tuple("abcdef")
_TIMES = {"double": 2, "doppel": 2, "doble": 2, "triple": 3, "treble": 3, "dreifach": 3}
_SIGNS = {
    **dict.fromkeys(("dash", "hyphen", "minus", "bindestrich", "tiret", "guion", "guión", "trattino", "streepje"), "-"),
    **dict.fromkeys(("dot", "point", "period", "punkt", "punto", "ponto", "punt"), "."),
    **dict.fromkeys(("plus",), "+"),
    **dict.fromkeys(("space", "slash", "and", "then", "und", "dann"), " "),
}
_TOKEN = re.compile(r"[^\W_]{1,24}(?:-[^\W\d_]{1,16}){0,2}")
_BETWEEN = re.compile(r"[ \t\n,.;:_/|()-]{0,4}")
_KEPT_SIGNS = (".", ":", "/", "-")
_LEAST_WORDS = 4


def spelled_out(text: str, lowered: str) -> str:
    """A text with its runs of at least four number words as digits; ``lowered`` is the text in lower case."""
    if not _has_run(re.split(r"\W{1,8}", lowered)):
        return text
    pieces: list[str] = []
    copied, position = 0, 0
    while (match := _TOKEN.search(text, position)) is not None:
        digits, end = _run(text, match)
        if digits is None:
            position = end  # a part of a run that is too short is no longer
            continue
        pieces += [text[copied : match.start()], digits]
        copied = position = end
    return "".join((*pieces, text[copied:])) if pieces else text


def _has_run(words: list[str]) -> bool:
    """Whether enough number words stand beside each other; cheap, since most texts have none."""
    if NUMBERS.keys().isdisjoint(words):
        return False
    count = 0
    for word in words:
        if word in NUMBERS:
            count += 1
            if count >= _LEAST_WORDS:
                return True
        elif not (word in _TIMES or word in _SIGNS or len(word) <= 1 or word.isdigit()):
            count = 0
    return False


def _run(text: str, first: re.Match[str]) -> tuple[str | None, int]:
    """The digits of the run of number words that starts here, None if it is too short; and where it ends."""
    parts: list[str] = []
    words, end, times, tens = 0, first.start(), 1, False
    token: re.Match[str] | None = first
    while token is not None:
        read = _read(token[0]) or (("itself", token[0]) if parts and token[0] in _HEXADECIMAL else None)
        if read is None:
            break
        kind, value = read
        if kind == "times":
            times = int(value)
        elif kind == "number":
            if tens and len(value) == 1 and value != "0":  # twenty-one
                parts[-1] = parts[-1][:-1] + value
                tens = False
            else:
                parts.append(value * times)
                tens = times == 1 and len(value) == 2 and value[1] == "0" and value != "10"
            words, end, times = words + 1 + token[0].count("-"), token.end(), 1
        else:
            if kind == "sign" and not parts and value != "+":
                return None, token.end()
            parts.append(value * times)
            tens, times = False, 1
            end = end if kind == "sign" else token.end()
        gap = _BETWEEN.match(text, token.end())
        if gap is not None and parts and (sign := gap[0].strip()) in _KEPT_SIGNS and gap[0] != sign:
            parts.append(sign)
            tens = False
        token = _TOKEN.match(text, gap.end() if gap is not None else token.end())
    return ("".join(parts).rstrip(" .:/-+") if words >= _LEAST_WORDS else None), max(end, first.end())


def _read(token: str) -> tuple[str, str] | None:
    """What a token is in a spelled-out number: a number, how often the next one counts, a sign, or itself."""
    word = token.lower()
    if word in NUMBERS:
        return "number", str(NUMBERS[word])
    if word in _TIMES:
        return "times", str(_TIMES[word])
    if word in _SIGNS:
        return "sign", _SIGNS[word]
    if "-" in word:
        return _hyphenated([NUMBERS.get(part, -1) for part in word.split("-")])
    single = len(token) == 1 and token.isalpha() and token.isupper()
    return ("itself", token) if single or word.isdigit() else None


def _hyphenated(values: list[int]) -> tuple[str, str] | None:
    """Forty-two is 42, four-two is also 42, and forty-something is no number."""
    if min(values) < 0:
        return None
    first, second = values[0], values[1]
    if len(values) == 2 and first >= 20 and first % 10 == 0 and 0 < second < 10:
        return "number", str(first + second)
    return "number", "".join(map(str, values))
