"""The scan: every string, never truncated, fail-closed, and never a value in what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from router_ml.contract import RouteRequest
from router_ml.guardrails import Scan, scan
from router_ml.guardrails.detectors.detector import Detector
from router_ml.guardrails.patterns import DETECTORS

ScanText = Callable[[str], Scan]
MAX_BYTES = 262_144
ADDRESS = "jane.roe" + "@" + "acme-widgets.com"
NUMBER = "4158675309"
CARD = "4111" * 1 + "1111" * 3


def scanned(max_bytes: int = MAX_BYTES, **fields: Any) -> Scan:
    return scan(RouteRequest.parse({"text": "hello there"} | fields), max_bytes=max_bytes)


def messages(*contents: dict[str, Any]) -> Scan:
    return scan(RouteRequest.parse({"messages": list(contents)}), max_bytes=MAX_BYTES)


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(scanned(text=f"mail {ADDRESS}"), id="text"),
        pytest.param(scanned(metadata={"user": ADDRESS}), id="metadata"),
        pytest.param(scanned(metadata={"a": [{"b": [ADDRESS]}]}), id="nested metadata"),
        pytest.param(scanned(metadata={ADDRESS: 1}), id="metadata key"),
        pytest.param(scanned(output_contract={"type": "json", "schema": {"default": ADDRESS}}), id="output contract"),
        pytest.param(
            messages({"role": "system", "content": f"user is {ADDRESS}"}, {"role": "user", "content": "hi"}),
            id="system",
        ),
        pytest.param(
            messages({"role": "user", "content": "hi"}, {"role": "assistant", "content": ADDRESS}), id="assistant"
        ),
        pytest.param(messages({"role": "user", "content": [{"type": "text", "text": ADDRESS}]}), id="content part"),
        pytest.param(messages({"role": "user", "content": "hi", "name": ADDRESS}), id="name"),
        pytest.param(
            messages(
                {"role": "user", "content": "hi"},
                {
                    "role": "assistant",
                    "tool_calls": [{"function": {"name": "f", "arguments": f'{{"to": "{ADDRESS}"}}'}}],
                },
                {"role": "tool", "content": "ok", "tool_call_id": "1"},
            ),
            id="tool arguments",
        ),
        pytest.param(
            messages({"role": "user", "content": "hi"}, {"role": "tool", "content": f"row: {ADDRESS}"}),
            id="tool result",
        ),
    ],
)
def test_every_string_of_a_request_is_scanned(result: Scan) -> None:
    """A lane is sent all of them, so personal data in any of them leaves the house."""
    assert result.state == "hit"
    assert {finding.type for finding in result.findings} == {"email"}
    assert [risk.name for risk in result.risks] == ["pii"]


def test_the_end_of_a_long_text_is_scanned_like_its_start(scan_text: ScanText) -> None:
    """Guards that read the first few thousand characters are the most common hole."""
    text = "lorem ipsum dolor sit amet " * 9000 + ADDRESS
    (finding,) = scan_text(text).findings
    assert text[finding.start : finding.end] == ADDRESS


def test_a_key_says_what_its_value_is() -> None:
    """In structured data the context of a number is its key."""
    result = scanned(metadata={"phone": NUMBER, "people": {"ssn": ["536" + "901234"]}, "password": "hunter" + "2x"})
    assert [finding.type for finding in result.findings] == ["phone", "us_ssn", "password"]
    assert {finding.view for finding in result.findings} == {"keyed"}
    assert scanned(metadata={"order": NUMBER}).state == "clean"


def test_over_the_cap_is_unknown_and_what_fits_is_still_scanned() -> None:
    """Too large to scan is not the same as clean."""
    result = scanned(max_bytes=100, text="a" * 101, metadata={"user": ADDRESS})
    assert result.state == "unknown"
    assert {finding.type for finding in result.findings} == {"email"}
    assert "101 bytes" in result.reasons[0]
    assert scanned(max_bytes=100, text="a" * 100).state == "clean"
    assert scanned(max_bytes=100, text="é" * 51).state == "unknown"


@pytest.mark.parametrize("text", ["a\ud800b", "null\x00byte", "\x01\x02\x03\x04" * 20, "\ufffd" * 50])
def test_what_is_not_text_is_unknown(text: str, scan_text: ScanText) -> None:
    """Detectors read text; what they cannot read counts as a hit, and the values still show."""
    result = scan_text(f"{text} {ADDRESS}")
    assert result.state == "unknown"
    assert len(result.findings) == 1
    assert result.reasons


def test_ordinary_control_characters_are_text(scan_text: ScanText) -> None:
    """Logs carry colours, tables carry tabs."""
    assert scan_text("\x1b[31merror\x1b[0m\tin line 3\r\n\x0c").state == "clean"


def broken(kind: str) -> Detector:
    def fail(match: re.Match[str]) -> tuple[int, int] | None:
        if kind == "raises":
            raise RuntimeError(match.string)
        return (5, 10**9) if kind == "far" else (3, 2)

    return Detector(type="custom", risk="pii", pattern=re.compile("hello"), accept=fail)


@pytest.mark.parametrize("kind", ["raises", "far", "backwards"])
def test_a_broken_detector_makes_the_request_unknown_and_the_others_still_run(kind: str) -> None:
    """A detector that fails open would be found by the first attacker who breaks it."""
    request = RouteRequest(text=f"hello {ADDRESS}")
    result = scan(request, max_bytes=MAX_BYTES, detectors=(broken(kind), *DETECTORS))
    assert result.state == "unknown"
    assert {finding.type for finding in result.findings} == {"email"}
    assert "custom" in result.reasons[0]
    assert ADDRESS not in str(result)


def test_an_own_detector_is_one_row(scan_text: ScanText) -> None:
    """The seam for in-house identifiers, with patterns that may match nothing."""
    own = Detector(type="badge", risk="pii", pattern=re.compile(r"BDG-\d{6}"), triggers=("bdg-",))
    empty = Detector(type="nothing", risk="pii", pattern=re.compile(r"q{0,3}"), accept=lambda match: None)
    result = scan(RouteRequest(text="my badge is BDG-123456"), max_bytes=MAX_BYTES, detectors=(empty, own))
    assert [(finding.type, finding.start, finding.end) for finding in result.findings] == [("badge", 12, 22)]


def test_each_risk_is_named_once_by_rule_and_wording_alone_is_no_hit() -> None:
    """Risks by rule are certain; an order to change something is a risk, but nothing private."""
    result = scanned(text=f"{ADDRESS}, {CARD} and password: hunter" + "2x")
    assert [(risk.name, risk.probability, risk.source) for risk in result.risks] == [
        ("secrets", 1.0, "rule"),
        ("pii", 1.0, "rule"),
    ]
    order = scanned(text="please cancel my subscription")
    assert [risk.name for risk in order.risks] == ["state_change"]
    assert (order.state, order.findings) == ("clean", ())


def test_only_the_users_own_words_order_a_change() -> None:
    """A tool result or an old answer that says 'refund my order' asks for nothing."""
    result = messages(
        {"role": "tool", "content": "please refund my order"}, {"role": "user", "content": "what does the ticket say?"}
    )
    assert result.risks == ()


def test_of_overlapping_findings_the_more_specific_one_counts(scan_text: ScanText) -> None:
    """The digits inside an account are not a phone, the host of a connection string not an address."""
    account = "DE89 3704 0044 0532 0130 00"
    assert [finding.type for finding in scan_text(f"call, then pay to {account}").findings] == ["iban"]
    url = "postgres://svc:" + "s3cretPw" + "@db.corp-internal.net/prod"
    assert [finding.type for finding in scan_text(url).findings] == ["connection_string"]


TEXTS = st.text(st.characters(), max_size=80)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda x: st.lists(x, max_size=3) | st.dictionaries(TEXTS, x, max_size=3),
    max_leaves=6,
)


@given(TEXTS.filter(lambda text: text.strip()), st.dictionaries(TEXTS, JSON, max_size=3), st.integers(0, 400))
@example("\ud800", {"\x00": ["\udfff" * 9]}, 0)
def test_no_text_makes_the_scan_raise_and_it_is_the_same_each_time(
    text: str, metadata: dict[str, Any], max_bytes: int
) -> None:
    """Hostile input gives an answer; the same input the same answer."""
    request = RouteRequest(text=text, metadata=metadata)
    result = scan(request, max_bytes=max_bytes)
    assert result == scan(request, max_bytes=max_bytes)
    assert (result.state == "unknown") == bool(result.reasons)
    assert result.reasons or (result.state == "hit") == bool(result.findings)


@given(
    st.text(st.characters(), max_size=40),
    st.text(st.characters(), max_size=40),
    st.sampled_from(["text", "value", "key"]),
)
def test_nothing_that_the_scan_says_holds_a_value(before: str, after: str, place: str) -> None:
    """Findings and reasons go into logs that more people read than may read the request."""
    secret = "Zq8" + "vK2" + "mXw9"
    text = f"{before} {secret}-{NUMBER}{'@'}corp-mail.net password: {secret} {after}"
    fields: dict[str, Any] = {
        "text": {"text": text},
        "value": {"metadata": {"k": [text]}},
        "key": {"metadata": {text: 1}},
    }
    result = scanned(**fields[place])
    assert result.state != "clean"
    said = f"{[finding.model_dump() for finding in result.findings]} {result.reasons} {result.risks}"
    assert secret not in said
    assert NUMBER not in said
