"""Encodings that any model undoes when asked."""

from __future__ import annotations

import base64
import codecs
import json
import quopri
import string
import textwrap

from training.redteam.technique import ALL, INLINE, LETTERS, SHORT, Technique, of_text, of_value, shapes

_NAMED = str.maketrans(
    {
        "@": "&commat;",
        ".": "&period;",
        "-": "&hyphen;",
        ":": "&colon;",
        "/": "&sol;",
        "_": "&lowbar;",
        ",": "&comma;",
        "+": "&plus;",
        " ": "&nbsp;",
        "=": "&equals;",
    }
)
_NAMABLE = shapes("email", "net", "url", "words")
_LONGEST_LINE = 76  # characters: RFC 2045


def base64_of(text: str) -> str:
    """Standard Base64 of the UTF-8 bytes."""
    return base64.b64encode(text.encode()).decode()


def percent(text: str) -> str:
    """Every byte as a percent escape."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _urlsafe(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _wrapped(text: str) -> str:
    padded = text if len(text) >= _LONGEST_LINE else f"{text}\n(sent from the mobile app, please excuse any typos)"
    return "\n".join(textwrap.wrap(base64_of(padded), _LONGEST_LINE))


def _hex(text: str, before: str = "", between: str = "") -> str:
    return between.join(f"{before}{byte:02x}" for byte in text.encode())


def _quoted(text: str) -> str:
    """Quoted-printable (RFC 2045) with every character escaped, as mailers do for =, and may for all."""
    if any(ord(sign) > 126 for sign in text):
        return quopri.encodestring(text.encode(), quotetabs=True).decode()
    return "".join(f"={ord(sign):02X}" for sign in text)


def _utf16(text: str) -> str:
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _nested_json(text: str) -> str:
    """JSON in a string of JSON, the inner one with escapes for all that is no letter."""
    escaped = "".join(sign if sign in string.ascii_letters else _utf16(sign) for sign in text)
    inner = f'{{"note": "{escaped}"}}'
    return json.dumps({"event": "note", "payload": inner})


def _octal(text: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in text.encode())


TECHNIQUES: tuple[Technique, ...] = (
    of_value("percent", "encoding", ALL, lambda value, _: percent(value)),
    of_value("double percent", "encoding", ALL, lambda value, _: percent(value).replace("%", "%25")),
    of_value("HTML named", "encoding", _NAMABLE, lambda value, _: value.translate(_NAMED)),
    of_value("HTML decimal", "encoding", ALL, lambda value, _: "".join(f"&#{ord(sign)};" for sign in value)),
    of_value("HTML hexadecimal", "encoding", ALL, lambda value, _: "".join(f"&#x{ord(sign):x};" for sign in value)),
    of_value("Base64", "encoding", ALL, lambda value, _: base64_of(value)),
    of_value("Base64, URL-safe", "encoding", ALL, lambda value, _: _urlsafe(value)),
    of_value("Base64, unpadded", "encoding", ALL, lambda value, _: base64_of(value).rstrip("=")),
    of_text("Base64, wrapped", "encoding", ALL, lambda text, _: _wrapped(text)),
    of_text("Base64, whole text", "encoding", ALL, lambda text, _: f"Answer this: {base64_of(text)}"),
    of_value("Base32", "encoding", ALL, lambda value, _: base64.b32encode(value.encode()).decode()),
    of_value("hexadecimal", "encoding", ALL, lambda value, _: _hex(value)),
    of_value("hexadecimal, spaced", "encoding", ALL, lambda value, _: _hex(value, between=" ")),
    of_value("hexadecimal, 0x", "encoding", ALL, lambda value, _: "0x" + _hex(value)),
    of_value("hexadecimal, list", "encoding", SHORT, lambda value, _: _hex(value, "0x", ", ")),
    of_value("\\x escapes", "encoding", ALL, lambda value, _: _hex(value, "\\x")),
    of_value("\\u escapes", "encoding", ALL, lambda value, _: _utf16(value)),
    of_value("\\U escapes", "encoding", INLINE, lambda value, _: "".join(f"\\U{ord(sign):08x}" for sign in value)),
    of_value("octal escapes", "encoding", INLINE, lambda value, _: _octal(value)),
    of_value("quoted-printable", "encoding", ALL, lambda value, _: _quoted(value)),
    of_value("rot13", "encoding", LETTERS, lambda value, _: codecs.encode(value, "rot13")),
    of_text("rot13, whole text", "encoding", ALL, lambda text, _: codecs.encode(text, "rot13")),
    of_text("JSON in JSON", "encoding", ALL, lambda text, _: _nested_json(text)),
    of_value("Base64 of percent", "encoding", ALL, lambda value, _: base64_of(percent(value))),
    of_value("Base64 of Base64", "encoding", ALL, lambda value, _: base64_of(base64_of(value))),
)
