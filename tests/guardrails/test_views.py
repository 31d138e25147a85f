"""Views take off disguises, exist only where they differ, and stay bounded."""

from __future__ import annotations

import base64
import html
import itertools
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.guardrails import Scan
from router_ml.guardrails.views import VIEWS, decode, joined, normalize, views

ScanText = Callable[[str], Scan]
ADDRESS = "jane.roe" + "@" + "acme-widgets.com"


def fullwidth(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


DISGUISES: dict[str, tuple[Callable[[str], str], str]] = {
    "full-width letters": (fullwidth, "normalized"),
    "zero-width space": ("\u200b".join, "normalized"),
    "soft hyphen": ("\u00ad".join, "normalized"),
    "combining mark": ("\u0301".join, "normalized"),
    "tag characters": (lambda text: "".join(chr(0xE0000 + ord(c)) for c in text), "normalized"),
    "[at] and (dot)": (lambda text: text.replace("@", " [at] ").replace(".", " (dot) "), "normalized"),
    "spoken": (lambda text: text.replace("@", " at ").replace(".", " dot "), "normalized"),
    "spoken in Polish": (lambda text: text.replace("@", " małpa ").replace(".", " kropka "), "normalized"),
    "percent": (lambda text: "".join(f"%{ord(c):02x}" for c in text), "decoded"),
    "html entities": (lambda text: "".join(f"&#{ord(c)};" for c in text), "decoded"),
    "named entity": (lambda text: text.replace("@", "&commat;"), "decoded"),
    "base64": (lambda text: base64.b64encode(text.encode()).decode(), "decoded"),
    "base64 for urls": (lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="), "decoded"),
    "twice": (lambda text: quote(base64.b64encode(f"say: {text}!".encode()).decode(), safe=""), "decoded2"),
    "base64 in base64": (lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(), "decoded2"),
}


@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguised_address_is_found_and_the_finding_names_the_view(name: str, scan_text: ScanText) -> None:
    """An evasion that works sends personal data to a vendor; the offsets belong to the view that showed it."""
    disguise, view = DISGUISES[name]
    text = f"write to {disguise(ADDRESS)} today"
    (finding,) = scan_text(text).findings
    assert (finding.type, finding.view) == ("email", view)
    shown = dict(views(text))[view]
    assert shown[finding.start : finding.end] == ADDRESS


def test_digits_of_other_scripts_are_digits(scan_text: ScanText) -> None:
    """A card number is one in Arabic or full-width digits, too."""
    number = "4111" + "1111" * 3
    for zero in (0x0660, 0x0966, 0xFF10, 0x1D7CE):
        text = "card " + "".join(chr(zero + int(digit)) for digit in number)
        assert [finding.type for finding in scan_text(text).findings] == ["card"]


def test_a_value_that_stands_in_the_text_is_not_counted_again_in_its_views(scan_text: ScanText) -> None:
    """Counts go into the record of a decision."""
    (finding,) = scan_text(f"Grüße … von {ADDRESS} \u200b – bis bald").findings
    assert finding.view == "raw"


def test_clean_text_has_one_view_and_prose_stays_prose() -> None:
    """Each view costs a scan; and 'look at it' is no address."""
    for text in (
        "Plain text, nothing to see.",
        "Grüße aus Köln, é à ü",
        "100% sure & done; fine",
        "internationalization",
    ):
        assert [name for name, _ in views(text)] == ["raw"]
    assert normalize("look at example dot com") == "look at example dot com"


def test_encodings_that_hide_no_text_are_left_alone() -> None:
    """Hashes and images decode to bytes, which are no text."""
    for text in ("9fceb02d0ae598e95dc970b74767f19372d61af8", "A" * 40, html.escape("plain")):
        assert decode(text) == text


@given(st.text(st.characters(), max_size=400))
def test_any_text_has_few_views_of_bounded_size(text: str) -> None:
    """Hostile input may not blow up the scan: at most 16 views beside the text, none beyond 18 times the text."""
    found = list(views(text))
    assert found[0] == ("raw", text)
    assert {name for name, _ in found} <= set(VIEWS)
    assert len(found) <= len(VIEWS) == 1 + 16
    assert all(len(view) <= 18 * len(text) for _, view in found)
    assert all(before != after for (_, before), (_, after) in itertools.pairwise(found))


CARD = "4111" + "1111" * 3
SPOKEN = "four one one one " + "one one one one " * 3
HIDDEN = {
    "number words": (f"my card is {SPOKEN}thanks", "spoken"),
    "number words of other languages": ("Karte vier eins eins eins " + "uno uno uno uno " * 3, "spoken"),
    "double and triple": (
        "card four triple one" + " double one" * 6,
        "spoken",
    ),
    "words between": ("the card is 4111 then 1111 then 1111 then 1111", "spoken"),
    "letter-spaced": (f"card {' '.join(CARD)} please", "unspaced"),
    "dashed": (f"card {'-'.join(CARD)} please", "unspaced"),
    "bold": ("card **4111****1111****1111****1111**", "unmarked"),
    "concatenated": ('card "41111111" + "11111111"', "unmarked"),
    "over lines": ("card 41111111\n11111111\nthank you", "unwrapped"),
    "starts and ends": ("card (starts with 4111 1111 and it all ends up in 1111 1111)", "gathered"),
    "odd groups": ("card 411 111 111 111 111 1", "compact"),
    "leet": ("card 4lll llll llll llll", "leet"),
    "from its end": (f"my card backwards: {CARD[::-1]}", "reversed"),
    "all from its end": (f"my card number is {CARD}"[::-1], "mirrored"),
    "rotated": ("zl pneq ahzore vf 4111-1111-1111-1111 sbe lbh naq zl VONA vf QR89 3704 0044 0532 0130 00", "rotated"),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_disguised_number_is_found(name: str, scan_text: ScanText) -> None:
    """What a model can read, a guard has to read."""
    text, view = HIDDEN[name]
    findings = scan_text(text).findings
    assert findings, name
    assert view in {name for name, _ in views(text)}
    assert all(0 <= found.start < found.end <= len(dict(views(text))[found.view]) for found in findings)


def test_right_to_left_overrides_are_read_as_they_are_shown() -> None:
    """The override shows a reversed number the right way round."""
    assert normalize(f"card \u202e{CARD[::-1]}\u202c ok") == f"card {CARD} ok"


def test_texts_are_joined_where_a_value_may_go_on() -> None:
    assert "4111 11111111 1111" in next(joined(["card 4111 1111", "1111 1111 ok"]))
    assert "hello\nthere" in next(joined(["hello", "there"]))


@given(st.lists(st.text(max_size=80), min_size=1, max_size=6))
def test_joining_never_fails(texts: list[str]) -> None:
    assert all(isinstance(text, str) for text in joined(texts))
