"""Techniques: each changes the request, repeats with its seed, and leaves what a simple reader could undo."""

from __future__ import annotations

import base64
import codecs
import html
import json
import quopri
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.contract import RouteRequest
from training.redteam.carriers import Case, make_cases
from training.redteam.evasions import TECHNIQUES
from training.redteam.evasions_placed import cut
from training.redteam.evasions_spoken import WORDS, say
from training.redteam.technique import Technique, hide
from training.redteam.values import KINDS

INVISIBLE = re.compile("[\u00ad\u0301\u200b-\u200f\u2060\u2066-\u2069\u202c\u202e\ufe0f\ufeff\u20e3]")


def cases(shape: str, count: int = 24) -> list[Case]:
    """Cases of several kinds of a shape."""
    kinds = [kind for kind in KINDS.values() if kind.shape == shape and not kind.soft][:count]
    rng = random.Random(f"cases {shape}")
    return [case for kind in kinds for case in make_cases(kind, -(-count // len(kinds)), rng)]


def plain(text: str) -> str:
    return unicodedata.normalize("NFKC", INVISIBLE.sub("", text)).replace("\u2010", "-")


def untagged(text: str) -> str:
    return "".join(chr(ord(sign) - 0xE0000) if ord(sign) > 0xE0000 else sign for sign in text)


def ascii_digits(text: str) -> str:
    return "".join(str(unicodedata.digit(sign)) if sign.isdigit() else sign for sign in text)


def unescaped(text: str) -> str:
    return codecs.decode(text, "unicode_escape").encode("latin-1").decode()


def from_base64(text: str) -> str:
    return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)).decode()


DECODERS: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(("zero-width space", "zero-width joiner", "word joiner and BOM", "soft hyphen"), plain),
    **dict.fromkeys(("variation selectors", "combining marks", "direction marks", "keycap emoji"), plain),
    **dict.fromkeys(("fullwidth", "mathematical bold", "mathematical monospace", "circled"), plain),
    **dict.fromkeys(("superscript digits", "unusual dots and at"), plain),
    **dict.fromkeys(("Arabic-Indic digits", "Devanagari digits", "Bengali digits"), ascii_digits),
    "right-to-left override": lambda text: plain(text)[::-1],
    "tag characters": untagged,
    "percent": unquote,
    "double percent": lambda text: unquote(unquote(text)),
    "HTML named": lambda text: html.unescape(text).replace("\u00a0", " ").replace("\u2010", "-"),
    **dict.fromkeys(("HTML decimal", "HTML hexadecimal"), html.unescape),
    **dict.fromkeys(("Base64", "Base64, URL-safe", "Base64, unpadded"), from_base64),
    "Base32": lambda text: base64.b32decode(text).decode(),
    **dict.fromkeys(("hexadecimal", "hexadecimal, spaced"), lambda text: bytes.fromhex(text).decode()),
    "hexadecimal, 0x": lambda text: bytes.fromhex(text[2:]).decode(),
    "hexadecimal, list": lambda text: bytes.fromhex(text.replace("0x", "").replace(",", "")).decode(),
    "\\x escapes": unescaped,
    "octal escapes": unescaped,
    **dict.fromkeys(("\\u escapes", "\\U escapes"), lambda text: codecs.decode(text, "unicode_escape")),
    "quoted-printable": lambda text: quopri.decodestring(text).decode(),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "Base64 of percent": lambda text: unquote(from_base64(text)),
    "Base64 of Base64": lambda text: from_base64(from_base64(text)),
    "at and dot": lambda text: text.replace(" at ", "@").replace(" dot ", "."),
    "[at] and [dot]": lambda text: text.replace(" [at] ", "@").replace(" [dot] ", "."),
    "[.]": lambda text: text.replace("[.]", ".").replace("[:]", ":"),
    "Markdown bold": lambda text: text.replace("**", ""),
    "HTML tags inside": lambda text: re.sub("</?b>", "", text),
    "split over lines": lambda text: text.replace("\n", ""),
    "string concatenation": lambda text: "".join(json.loads(piece) for piece in text.split(" + ")),
}


def value_in(case: Case, request: RouteRequest) -> str:
    """What stands where the value stood."""
    assert request.text is not None
    before, after = case.around()
    assert request.text.startswith(before)
    return request.text[len(before) : len(request.text) - len(after)]


@pytest.mark.parametrize("technique", TECHNIQUES.values(), ids=lambda technique: technique.name)
def test_a_technique_changes_the_request_and_repeats_with_its_seed(technique: Technique) -> None:
    for shape in technique.shapes:
        rows = cases(shape)
        first, again = ([hide(technique, case, random.Random(at)) for at, case in enumerate(rows)] for _ in range(2))
        assert first == again
        assert sum(request is not None for request in first) >= 2, shape
        for case, request in zip(rows, first, strict=True):
            assert request is None or request != case.request()


@pytest.mark.parametrize("name", DECODERS)
def test_a_simple_decoder_restores_the_value(name: str) -> None:
    technique = TECHNIQUES[name]
    for shape in technique.shapes:
        for at, case in enumerate(cases(shape)):
            request = technique.apply(case, random.Random(at))
            assert DECODERS[name](value_in(case, request)) == case.value


@pytest.mark.parametrize("name", ["two messages", "three messages"])
def test_pieces_in_messages_add_up(name: str) -> None:
    for case in cases("digits") + cases("token"):
        request = TECHNIQUES[name].apply(case, random.Random(3))
        said = [message.text for message in request.messages if message.role == "user"]
        assert len(said) == {"two messages": 2, "three messages": 3}[name]
        assert "".join(said) == case.text()
        assert not any(case.value in text for text in said)


@pytest.mark.parametrize(
    "name", ["tool arguments", "tool result", "nested metadata", "metadata key", "earlier message"]
)
def test_a_placed_value_is_in_the_request_and_not_in_what_is_asked(name: str) -> None:
    for case in cases("code"):
        request = TECHNIQUES[name].apply(case, random.Random(3))
        assert any(case.value in text for _, text in request.strings())
        assert case.value not in request.task


def test_whole_texts_come_back() -> None:
    for case in cases("email") + cases("block"):
        rng = random.Random(0)
        wrapped = TECHNIQUES["Base64, wrapped"].apply(case, rng).text or ""
        assert from_base64(wrapped.replace("\n", "")).startswith(case.text())
        assert max(map(len, wrapped.split("\n"))) == 76
        nested = json.loads(TECHNIQUES["JSON in JSON"].apply(case, rng).text or "")
        assert json.loads(nested["payload"])["note"] == case.text()
        assert codecs.encode(TECHNIQUES["rot13, whole text"].apply(case, rng).text or "", "rot13") == case.text()


@pytest.mark.parametrize("language", WORDS)
def test_number_words_read_back(language: str) -> None:
    back = {word: str(number) for number, word in enumerate(WORDS[language])}
    assert "".join(back[word] for word in say("4929 0716 3358", language).split()) == "492907163358"


@given(st.text(min_size=1, max_size=60), st.integers(1, 4), st.integers(0, 99))
def test_pieces_are_whole_and_none_is_empty(value: str, count: int, seed: int) -> None:
    pieces = cut(value, count, random.Random(seed))
    assert "".join(pieces) == value
    assert all(pieces)
    assert len(pieces) <= count


def test_there_are_techniques_of_every_family() -> None:
    families = Counter(technique.family for technique in TECHNIQUES.values())
    assert set(families) == {"unicode", "encoding", "other"}
    assert min(families.values()) >= 20
    assert all(any(technique.fits(kind) for kind in KINDS.values()) for technique in TECHNIQUES.values())
    assert not TECHNIQUES["number words"].fits(KINDS["pem_rsa"])
