"""Synthetic values: right by the rules of their standards, repeatable, and never a key that somebody could lose."""

from __future__ import annotations

import base64
import ipaddress
import json
import random
import re
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import phonenumbers
import pytest
from stdnum import iban, imei, luhn, mac
from stdnum.us import rtn

from training.redteam.contact_values import REGIONS
from training.redteam.kinds import Kind
from training.redteam.national_values import CHECKED
from training.redteam.values import KINDS

EACH = 25


def made(name: str, count: int = EACH) -> list[str]:
    rng = random.Random(f"test {name}")
    return [KINDS[name].make(rng) for _ in range(count)]


def weighted(number: str, weights: tuple[int, ...]) -> int:
    return sum(int(sign) * weight for sign, weight in zip(number, weights, strict=False))


def taj(number: str) -> bool:
    return weighted(number, (3, 7) * 4) % 10 == int(number[8])


def medicare(number: str) -> bool:
    return weighted(number, (1, 3, 7, 9) * 2) % 10 == int(number[8])


def nric(number: str) -> bool:
    total = weighted(number[1:8], (2, 7, 6, 5, 4, 3, 2)) + (4 if number[0] in "TG" else 0)
    return number[-1] == ("JZIHGFEDCBA" if number[0] in "ST" else "XWUTRQPNMLK")[total % 11]


def pension(number: str) -> bool:
    signs = f"{number[:8]}{ord(number[8]) - 64:02d}{number[9:11]}"
    products = [int(s) * w for s, w in zip(signs, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True)]
    return sum(sum(divmod(product, 10)) for product in products) % 10 == int(number[-1])


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_values_repeat_with_their_seed_and_differ_from_one_another(kind: Kind) -> None:
    first, again, other = ([kind.make(random.Random(seed)) for seed in range(at, at + 8)] for at in (0, 0, 100))
    assert first == again != other
    assert len(set(first)) >= 6
    assert kind.labels["en"]


@pytest.mark.parametrize(
    ("name", "valid"),
    [("card", luhn.is_valid), ("iban", iban.is_valid), ("imei", imei.is_valid), ("mac", mac.is_valid)],
)
def test_standard_checksums_hold(name: str, valid: Callable[[str], bool]) -> None:
    for value in made(name, 100):
        compact = value.replace(" ", "").replace("-", "") if name != "mac" else re.sub(r"\W", "", value)
        colons = ":".join(re.findall("..", compact))
        assert valid(colons if name == "mac" else compact), name


def test_a_routing_number_has_its_check_digit() -> None:
    assert all(rtn.is_valid(value.split()[0]) for value in made("us_routing"))


@pytest.mark.parametrize("name", CHECKED)
def test_national_numbers_are_valid_in_their_country(name: str) -> None:
    check = import_module(f"stdnum.{CHECKED[name][2]}")
    assert all(check.is_valid(value) for value in made(name, 8))


@pytest.mark.parametrize(
    ("name", "valid", "published"),
    [
        ("hu_taj", taj, "123456788"),
        ("au_medicare", medicare, "2123456701"),
        ("sg_nric", nric, "S1234567D"),
        ("de_pension", pension, "65170839J003"),
    ],
)
def test_numbers_that_the_library_does_not_know_follow_the_published_rule(
    name: str, valid: Callable[[str], bool], published: str
) -> None:
    assert valid(published)
    assert not valid(published.translate(str.maketrans("3", "4")))
    assert all(valid(value.replace(" ", "")) for value in made(name))


def test_phone_numbers_exist_in_some_region() -> None:
    for value in made("phone", 60):
        dialled = re.sub(r"^00", "+", value)
        assert any(phonenumbers.is_valid_number(_parsed(dialled, region)) for region in REGIONS), value


def _parsed(value: str, region: str) -> phonenumbers.PhoneNumber:
    try:
        return phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return phonenumbers.PhoneNumber()


@pytest.mark.parametrize("name", ["ipv4", "ipv6"])
def test_addresses_are_public(name: str) -> None:
    assert all(ipaddress.ip_address(value).is_global for value in made(name))


@pytest.mark.parametrize("name", ["github_classic", "npm"])
def test_tokens_with_a_checksum_carry_it(name: str) -> None:
    signs = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for value in made(name):
        body, check = value[4:-6], value[-6:]
        number = 0
        for sign in check:
            number = number * 62 + signs.index(sign)
        assert number == zlib.crc32(body.encode())


def test_structured_secrets_can_be_read() -> None:
    header, claims, _ = made("jwt", 1)[0].split(".")
    assert all(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (header, claims))
    assert "PRIVATE " in json.loads(made("gcp_service_account", 1)[0])["private_key"]
    assert ":" in base64.b64decode(made("basic_header", 1)[0].split()[1]).decode()


def test_the_source_holds_nothing_that_a_scanner_of_repositories_would_report(root: Path) -> None:
    """Prefixes are put together at run time."""
    source = (root / "training" / "redteam" / "secret_values.py").read_text(encoding="utf-8")
    for prefix in ("sk_" + "live", "gh" + "p_", "xox" + "b-", "AK" + "IA", "AI" + "za", "BEGIN RSA " + "PRIVATE"):
        assert prefix not in source


def test_there_are_enough_classes() -> None:
    countries = {name.split("_")[0] for name in KINDS if KINDS[name].family in ("government", "health") and "_" in name}
    assert len(countries) >= 30
    assert sum(kind.risk == "secrets" for kind in KINDS.values()) >= 25
