"""One step of decoding: percent signs, HTML entities, escapes, quoted-printable, base64, base32, hexadecimal, binary.

What is encoded is replaced in place by what it says, and only where that is text; the rest of the text stays. Decoding
shortens, but for entities, of which the longest expansions are a small constant.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from html import unescape
from urllib.parse import unquote_to_bytes

_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2}){1,4096}")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?")
_ESCAPE = re.compile(  # backslashes double with each level of quoting
    r"\\{1,8}(?:u\{(?P<braced>[0-9a-fA-F]{1,6})\}|u(?P<four>[0-9a-fA-F]{4})|U(?P<eight>[0-9a-fA-F]{8})"
    r"|x(?P<two>[0-9a-fA-F]{2})|(?P<octal>[01][0-7]{2})|(?P<quoted>[\"'/])|(?P<newline>n|r\\n))"
)
_CONTINUED = re.compile(r"\\\r?\n[ \t]{0,16}")
_TAG = re.compile(  # markup that may stand inside a word; other angle brackets are placeholders or data
    r"</?(?:b|i|u|s|em|strong|span|font|a|p|div|br|wbr|small|sub|sup|mark|code|tt|big|li|td|tr|th)(?:\s[^<>]{0,256})?/?>"
    r"|<!--[^<>]{0,64}-->",
    re.IGNORECASE,
)
_SOFT_BREAK = re.compile(r"=\r?\n")
_QUOTED_PRINTABLE = re.compile(r"(?:=[0-9A-F]{2}){1,4096}")
_WRAPPED = re.compile(
    r"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{4,128}[ \t]{0,4}\r?\n[ \t>]{0,8}){1,2048}[A-Za-z0-9+/]{2,128}={0,2}"
    r"(?![A-Za-z0-9+/])"
)
_RUN = re.compile(r"[A-Za-z0-9+/_-]{10,65536}={0,6}")
_PAIR = r"(?:\\x|0x|#|%)?[0-9A-Fa-f]{2}"
_HEX_PAIRS = re.compile(rf"(?:{_PAIR}[ :,;-]{{1,2}}){{5,16384}}{_PAIR}(?![0-9A-Za-z])")
_DECIMALS = re.compile(r"(?<![\d.])(?:\d{2,3}[ ,;]{1,2}){6,16384}\d{2,3}(?![\d.])")
_BITS = re.compile(r"(?<![01])(?:[01]{7,8} ?){5,16384}[01]{7,8}(?![01])")
_HEX_DIGITS, _BASE32 = re.compile(r"(?:0x)?[0-9A-Fa-f]{12,65536}"), re.compile(r"[A-Z2-7]{13,65536}={0,6}")
_MIN_PLAIN, _CLEARLY_TEXT, _STRAY = 6, 12, 3
_TELLING = re.compile(r"[\d@:=/_-]|\w \w")


def decode(text: str) -> str:
    """One step of decoding; the text itself where there is nothing to decode.

    Escapes are one step and whole encoded runs another, since what escapes hide may be a token that looks encoded.
    """
    plain = _unescape(text)
    return plain if plain != text else _from_pairs(_RUN.sub(_from_run, _join_wrapped(text)))


def _unescape(text: str) -> str:
    if "<" in text:
        text = _TAG.sub("", text)
    if "%" in text:
        text = _PERCENT.sub(_from_percent, text)
    if "&" in text:
        text = _ENTITY.sub(_from_entity, text)
    if "\\" in text:
        text = _ESCAPE.sub(_from_escape, _CONTINUED.sub("", text))
    return _from_quoted_printable(text) if "=" in text else text


def _join_wrapped(text: str) -> str:
    return _WRAPPED.sub(_unwrap, text) if "\n" in text else text


def _from_percent(match: re.Match[str]) -> str:
    return unquote_to_bytes(match[0]).decode("utf-8", "replace")


def _from_entity(match: re.Match[str]) -> str:
    closed = match[0].endswith(";") or match[0].startswith("&#")
    return unescape(match[0]) if closed else match[0]


def _from_escape(match: re.Match[str]) -> str:
    if match["quoted"] is not None:
        return match["quoted"]
    if match["newline"] is not None:
        return "\n"
    octal = match["octal"]
    code = (
        int(octal, 8)
        if octal is not None
        else int(match["braced"] or match["four"] or match["eight"] or match["two"], 16)
    )
    printable = (code >= 0x20 or code in (9, 10)) and code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF
    return chr(code) if printable else match[0]


def _from_quoted_printable(text: str) -> str:
    if sum(map(len, _QUOTED_PRINTABLE.findall(text))) < 6:  # one pair alone may be an assignment
        return text

    def plain(match: re.Match[str]) -> str:
        found = _text_of(binascii.unhexlify(match[0].replace("=", "")))
        return match[0] if found is None else found

    return _QUOTED_PRINTABLE.sub(plain, _SOFT_BREAK.sub("", text))


def _unwrap(match: re.Match[str]) -> str:
    """A block of base64 without its line breaks; prose in lines stays as it is."""
    joined = re.sub(r"[\s>]{1,16}", "", match[0])
    return joined if _from_base64(joined) is not None else match[0]


def _from_run(match: re.Match[str]) -> str:
    run = match[0]
    readers: list[Callable[[str], str | None]] = []
    if _HEX_DIGITS.fullmatch(run):
        readers.append(_from_hex)
    if _BASE32.fullmatch(run):
        readers.append(_from_base32)
    readers.append(_from_base64)
    for read in readers:
        plain = read(run)
        if plain is not None:
            return plain
    return run


def _from_hex(run: str) -> str | None:
    digits = run.removeprefix("0x")
    return _telling(binascii.unhexlify(digits)) if len(digits) % 2 == 0 else None


def _from_base32(run: str) -> str | None:
    bare = run.rstrip("=")
    try:
        return _telling(base64.b32decode(bare + "=" * (-len(bare) % 8)))
    except (binascii.Error, ValueError):
        return None


def _from_base64(run: str) -> str | None:
    """What a run of base64 says, whatever its alphabet and padding; None where that is no text."""
    bare = run.rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    bare = bare[: len(bare) - 1] if len(bare) % 4 == 1 else bare
    try:
        return _telling(base64.b64decode(bare + "=" * (-len(bare) % 4)))
    except (binascii.Error, ValueError):
        return None


def _text_of(data: bytes) -> str | None:
    """Bytes as text, if that is what they are."""
    try:
        plain = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    printable = sum(c.isprintable() or c in "\t\n\r" for c in plain)
    return plain if printable >= 0.9 * len(plain) else None


def _telling(data: bytes) -> str | None:
    """Bytes as text that could be a value: a short one only in ASCII and with digits or signs in it.

    A word of ten letters decodes to some seven bytes, which are printable by chance once in a while.
    """
    plain = _text_of(data)
    if plain is None or len(plain) < _MIN_PLAIN:
        return None
    short = len(plain) < _CLEARLY_TEXT
    return None if short and not (plain.isascii() and plain.isprintable() and _TELLING.search(plain)) else plain


def _from_pairs(text: str) -> str:
    """Bytes written one by one: hexadecimal, decimal or binary."""
    if sum(map(text.count, "0123456789")) < 8:
        return text
    text = _HEX_PAIRS.sub(lambda match: _bytes_of(match, r"(?:\\x|0x|#|%)?([0-9A-Fa-f]{2})", 16), text)
    text = _DECIMALS.sub(lambda match: _bytes_of(match, r"(\d{2,3})", 10), text)
    return _BITS.sub(lambda match: _bytes_of(match, r"([01]{7,8})", 2), text)


def _bytes_of(match: re.Match[str], unit: str, base: int) -> str:
    """The bytes as text; of "be 37 33" the first pair is a word, so a run may also begin or end a little later."""
    units = list(re.finditer(unit, match[0]))
    codes = [int(code[1], base) for code in units]
    for first in range(min(_STRAY, len(codes))):
        for last in range(len(codes), max(first, len(codes) - _STRAY), -1):
            plain = _telling(bytes(codes[first:last])) if max(codes[first:last]) < 256 else None
            if plain is not None and plain.isascii():
                return match[0][: units[first].start()] + plain + match[0][units[last - 1].end() :]
    return match[0]
