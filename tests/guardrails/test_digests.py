"""Records can be matched on a value, by those who hold the key and by nobody else."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.errors import ConfigError
from router_ml.guardrails.digests import KEY_VARIABLE, bare, digest, key_from_environment

KEY, OTHER = b"0123456789abcdef", b"fedcba9876543210"
MAIL = "Nora.Winter@posteo-mail.net"


def test_a_digest_is_the_keyed_hash_that_the_documentation_says() -> None:
    """Another program must be able to compute it from the value and the key."""
    expected = hmac.new(KEY, b"email|norawinterposteomailnet", hashlib.sha256).hexdigest()[:32]
    assert digest("email", MAIL, KEY) == expected


@pytest.mark.parametrize("spelling", [MAIL.upper(), "nora.winter (at) posteo-mail.net", "ｎora.winter@posteo-mail.net"])
def test_spellings_of_one_value_match(spelling: str) -> None:
    assert digest("email", spelling, KEY) == digest("email", MAIL, KEY)


def test_another_value_type_or_key_does_not_match() -> None:
    known = digest("email", MAIL, KEY)
    assert known not in {digest("email", "x" + MAIL, KEY), digest("phone", MAIL, KEY), digest("email", MAIL, OTHER)}


def test_without_a_key_or_without_a_value_there_is_none() -> None:
    """Else all findings of nothing but punctuation would match one another."""
    assert digest("email", MAIL, None) is None
    assert digest("email", MAIL, b"") is None
    assert digest("password", "!?*", KEY) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_two_values_match_exactly_when_their_letters_and_digits_do(one: str, other: str) -> None:
    same = bare(one) == bare(other) != ""
    assert (digest("email", one, KEY) is not None and digest("email", one, KEY) == digest("email", other, KEY)) is same


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    assert key_from_environment() is None
    monkeypatch.setenv(KEY_VARIABLE, KEY.decode())
    assert key_from_environment() == KEY


def test_a_key_that_is_too_short_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "hunter2")
    with pytest.raises(ConfigError, match="key of 7 bytes, expected at least 16") as caught:
        key_from_environment()
    assert "hunter2" not in str(caught.value)
