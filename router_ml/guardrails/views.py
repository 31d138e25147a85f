"""Guard-only readings of a text: what it says once disguises are taken off. The request itself is never rewritten.

``raw`` is the text. ``normalized`` undoes Unicode dress (full-width letters, foreign digits, invisible characters, odd
dashes and spaces) and spelled-out addresses. ``decoded`` and ``decoded2`` read percent signs, HTML entities and base64,
twice at most. A view exists only where it differs. None is longer than a small multiple of the text: decoding shortens,
and a character is replaced by at most 18.

Characters are folded one by one, because whole-text NFKC is quadratic in runs of combining marks.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from html import unescape
from urllib.parse import unquote_to_bytes

_FILLERS = "\u115f\u1160\u3164\uffa0\u2800\u17b4\u17b5"  # letters by category, but nothing to see
_DECODE_DEPTH = 2


_FOLDED = {"Cf": "", "Mn": "", "Me": "", "Pd": "-", "Zs": " ", "Zl": "\n", "Zp": "\n"}


@lru_cache(maxsize=4096)
def _fold(character: str) -> str:
    """A non-ASCII character as guards read it: invisible ones vanish, look-alikes by compatibility become plain."""
    if 0xE0020 <= ord(character) <= 0xE007E:
        return chr(ord(character) - 0xE0000)  # tag characters: an invisible copy of ASCII
    category = unicodedata.category(character)
    if category in _FOLDED or character in _FILLERS:
        return _FOLDED.get(category, "")
    if category == "Nd":
        return str(unicodedata.decimal(character))
    plain = unicodedata.normalize("NFKC", character)
    return plain if plain == character else "".join(_FOLDED.get(unicodedata.category(c), c) for c in plain)


_BRACKETED = re.compile(r"\s{0,3}[(\[{<]\s{0,3}(at|dot|punkt|arroba|@|\.)\s{0,3}[)\]}>]\s{0,3}", re.IGNORECASE)
_SPOKEN = re.compile(
    r"(?<![\w.])(?P<local>[\w+-]{1,64}(?:(?:\.| dot )[\w+-]{1,64}){0,4}) at "
    r"(?P<domain>[\w-]{1,63}(?:(?:\.| dot )[\w-]{1,63}){0,4} dot [^\W\d_]{2,24})(?!\w)",
    re.IGNORECASE,
)
_MAIL_HOSTS = re.compile(r"gmail|googlemail|outlook|hotmail|yahoo|icloud|proton|gmx|web|live|aol|mail", re.IGNORECASE)


def _unbracket(match: re.Match[str]) -> str:
    return "@" if match[1].lower() in ("at", "arroba", "@") else "."


def _unspeak(match: re.Match[str]) -> str:
    """``jane dot doe at acme dot com``; a plain word before "at" is prose unless a mail host follows."""
    local, domain = match["local"], match["domain"]
    if re.search(r"[\d._+-]| dot ", local) is None and _MAIL_HOSTS.match(domain) is None:
        return match[0]
    return re.sub(" dot ", ".", f"{local}@{domain}", flags=re.IGNORECASE)


def normalize(text: str) -> str:
    """The normalized view of a text; the text itself where nothing is disguised."""
    if not text.isascii():
        table = {ord(c): folded for c in set(text) if not c.isascii() and (folded := _fold(c)) != c}
        text = text.translate(table) if table else text
    lowered = text.lower()
    if "@" in lowered or "at" in lowered:
        if any(bracket in lowered for bracket in "([{<"):
            text = _BRACKETED.sub(_unbracket, text)
        if " at " in lowered and " dot " in lowered:
            text = _SPOKEN.sub(_unspeak, text)
    return text


_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2}){1,4096}")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,65536}={0,2}")
_MIN_PLAIN = 8


def _from_percent(match: re.Match[str]) -> str:
    return unquote_to_bytes(match[0]).decode("utf-8", "replace")


def _from_base64(match: re.Match[str]) -> str:
    """The decoded bytes where they are text; else the run as it was."""
    run = match[0].rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    run = run[: len(run) - 1] if len(run) % 4 == 1 else run
    try:
        plain = base64.b64decode(run + "=" * (-len(run) % 4)).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return match[0]
    printable = sum(c.isprintable() or c in "\t\n\r" for c in plain)
    return plain if len(plain) >= _MIN_PLAIN and printable >= 0.9 * len(plain) else match[0]


def decode(text: str) -> str:
    """One step of decoding; the text itself where there is nothing to decode."""
    if "%" in text:
        text = _PERCENT.sub(_from_percent, text)
    if "&" in text and ";" in text:
        text = _ENTITY.sub(lambda match: unescape(match[0]), text)
    return _BASE64.sub(_from_base64, text)


def views(text: str) -> Iterator[tuple[str, str]]:
    """The distinct views of a text as ``(name, text)``, the raw one first."""
    yield "raw", text
    current = normalize(text)
    if current != text:
        yield "normalized", current
    for depth in range(1, _DECODE_DEPTH + 1):
        decoded = decode(current)
        if decoded == current:
            return
        current = normalize(decoded)
        yield "decoded" if depth == 1 else f"decoded{depth}", current
