"""Fills the slots of a template with values that look like personal data or secrets and are neither.

A slot stands in guillemets: ``«name»``, ``«name:argument»``, or a choice ``«red|green»``. ``«name#1»`` is drawn once
per text, so that a template can say the same identifier twice. Addresses are private or for documentation.
"""

from __future__ import annotations

import base64
import random
import re
import string
import uuid
from collections.abc import Callable

from training.redteam.goods_numbers import cas, dhl, fedex, gtin, isbn10, issn, s10, ups

SLOT = re.compile(r"«([^«»]{1,80})»")
_WORDS = (
    "anchor", "apple", "atlas", "badger", "basin", "beacon", "birch", "bolt", "border", "breeze", "bridge", "brook",
    "canvas", "carbon", "cargo", "cedar", "chapel", "cinder", "clover", "cobalt", "comet", "copper", "coral", "crane",
    "crater", "delta", "dune", "ember", "engine", "falcon", "feather", "fern", "ferry", "field", "flint", "forge",
    "garnet", "glacier", "granite", "gravel", "grove", "hammer", "harbor", "hazel", "heron", "hinge", "island",
    "ivory", "jasper", "kernel", "kettle", "lantern", "latch", "ledger", "lemon", "linen", "lobby", "lumber",
    "magnet", "maple", "marble", "meadow", "mirror", "mortar", "needle", "nickel", "oasis", "orbit", "orchard",
    "otter", "paddle", "palace", "pebble", "pepper", "pigeon", "pillar", "planet", "pocket", "prairie", "quarry",
    "quartz", "rabbit", "raven", "ribbon", "river", "saddle", "salmon", "satin", "shadow", "shelter", "signal",
    "silver", "socket", "spruce", "stable", "summit", "teapot", "thicket", "thunder", "timber", "tunnel", "turbine",
    "valley", "velvet", "violet", "walnut", "willow", "window", "winter", "yarrow", "zephyr",
)  # fmt: skip
_SENTENCES = (
    "the quick brown fox jumps over the lazy dog", "hello world, this is a test", "nothing to see here, move along",
    "a rolling stone gathers no moss", "all work and no play makes a dull day", "rain is expected in the afternoon",
)  # fmt: skip
_OUI = ("00:1B:44", "3C-5A-B4", "F4:0F:24", "B827EB", "00-50-56", "08:00:27", "D8:3A:DD", "AC1F6B", "00:0C:29")
_PRIMES = (7919, 104729, 1299709, 15485863, 179424673, 2147483647, 2305843009213693951, 67280421310721)
# Split, because a documented example of a cloud key looks like a key to the scanners of a forge.
_EXAMPLE_ID = "AKIA" + "IOSFODNN7" + "EXAMPLE"
_EXAMPLE_KEY = "wJalrXUtnFEMI/" + "K7MDENG/" + "bPxRfiCY" + "EXAMPLEKEY"

Maker = Callable[[random.Random], str]


def digits(dice: random.Random, *, count: int) -> str:
    """``count`` digits of which the first is not zero."""
    return str(dice.randint(1, 9)) + "".join(dice.choices(string.digits, k=count - 1))


def hexadecimal(dice: random.Random, *, count: int) -> str:
    """``count`` lower-case hexadecimal digits."""
    return "".join(dice.choices("0123456789abcdef", k=count))


def _hyphenated(isbn: str) -> str:
    """Hyphens before the group, publisher, title and check digit of an ISBN."""
    prefix, rest = (isbn[:3] + "-", isbn[3:]) if len(isbn) == 13 else ("", isbn)
    return f"{prefix}{rest[0]}-{rest[1:5]}-{rest[5:9]}-{rest[9]}"


def _words(dice: random.Random) -> list[str]:
    return dice.sample(_WORDS, 2)


def _base64(dice: random.Random, *, size: int) -> str:
    return base64.b64encode(dice.randbytes(size)).decode()


def _png(dice: random.Random) -> str:
    """The head of a PNG file with noise behind it."""
    head = (
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00" + dice.randbytes(1) + b"\x00\x00\x00\x08\x08\x06\x00\x00\x00"
    )
    return base64.b64encode(head + dice.randbytes(dice.randint(24, 60))).decode()


def _hex_dump(dice: random.Random) -> str:
    """Two to twelve lines as of ``xxd``."""
    lines = []
    for row in range(dice.randint(2, 12)):
        chunk = dice.randbytes(16)
        pairs = " ".join(chunk[place : place + 2].hex() for place in range(0, 16, 2))
        lines.append(f"{row * 16:08x}: {pairs}  " + "".join(chr(byte) if 32 < byte < 127 else "." for byte in chunk))
    return "\n".join(lines)


def _svg_path(dice: random.Random) -> str:
    parts = [f"M{dice.randint(0, 24)} {dice.randint(0, 24)}"]
    for _ in range(dice.randint(4, 12)):
        numbers = [f"{dice.uniform(-12, 12):.{dice.randint(1, 3)}f}" for _ in range(6)]
        parts.append(dice.choice("cslLCS") + " ".join(numbers))
    return "".join(parts) + "z"


def _date(dice: random.Random) -> str:
    return f"{dice.randint(2019, 2026)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"


def _private_address(dice: random.Random) -> str:
    """An address of RFC 1918."""
    tail = f"{dice.randint(0, 255)}.{dice.randint(1, 254)}"
    return dice.choice((f"10.{dice.randint(0, 255)}.{tail}", f"172.{dice.randint(16, 31)}.{tail}", f"192.168.{tail}"))


def _documentation_address(dice: random.Random) -> str:
    """An address of RFC 5737."""
    return f"{dice.choice(('192.0.2', '198.51.100', '203.0.113'))}.{dice.randint(1, 254)}"


def _prefixed(dice: random.Random, *, pool: str, count: int) -> str:
    return "".join(dice.choices(pool, k=count))


_UPPER = string.ascii_uppercase
MAKERS: dict[str, Maker] = {
    "w": lambda dice: dice.choice(_WORDS),
    "ident": lambda dice: "_".join(_words(dice)),
    "lispname": lambda dice: "-".join(_words(dice)),
    "camel": lambda dice: dice.choice(_WORDS) + dice.choice(_WORDS).title(),
    "Pascal": lambda dice: "".join(each.title() for each in _words(dice)),
    "UP": lambda dice: dice.choice(_WORDS).upper(),
    "uuid": lambda dice: str(uuid.UUID(int=dice.getrandbits(128), version=4)),
    "sha1": lambda dice: hexadecimal(dice, count=40),
    "sri": lambda dice: _base64(dice, size=64),
    "b64text": lambda dice: base64.b64encode(f"{dice.choice(_SENTENCES)} {dice.choice(_WORDS)}".encode()).decode(),
    "b64png": _png,
    "hexdump": _hex_dump,
    "svg_path": _svg_path,
    "semver": lambda dice: f"{dice.randint(0, 30)}.{dice.randint(0, 40)}.{dice.randint(0, 99)}",
    "date": _date,
    "compact_date": lambda dice: _date(dice).replace("-", ""),
    "time": lambda dice: f"{dice.randint(0, 23):02}:{dice.randint(0, 59):02}:{dice.randint(0, 59):02}",
    "epoch": lambda dice: str(dice.randint(1_500_000_000, 1_790_000_000)),
    "millis": lambda dice: str(dice.randint(1_500_000_000_000, 1_790_000_000_000)),
    "private_ip": _private_address,
    "doc_ip": _documentation_address,
    "loopback": lambda dice: f"127.0.{dice.randint(0, 1)}.{dice.randint(1, 9)}",
    "port": lambda dice: str(
        dice.choice((80, 443, 3000, 5432, 6379, 8000, 8080, 8443, 9090, dice.randint(1024, 65535)))
    ),
    "price": lambda dice: f"{dice.randint(1, 999)}.{dice.randint(0, 99):02}",
    "lat": lambda dice: f"{dice.uniform(-85, 85):.{dice.randint(3, 6)}f}",
    "lon": lambda dice: f"{dice.uniform(-179, 179):.{dice.randint(3, 6)}f}",
    "prime": lambda dice: str(dice.choice(_PRIMES)),
    "oui": lambda dice: dice.choice(_OUI),
    "isbn13": lambda dice: gtin("978" + digits(dice, count=9)),
    "isbn13h": lambda dice: _hyphenated(gtin("978" + digits(dice, count=9))),
    "isbn10": lambda dice: isbn10(digits(dice, count=9)),
    "isbn10h": lambda dice: _hyphenated(isbn10(digits(dice, count=9))),
    "ean13": lambda dice: gtin(digits(dice, count=12)),
    "ean8": lambda dice: gtin(digits(dice, count=7)),
    "upc": lambda dice: gtin("0" + digits(dice, count=10)),
    "issn": lambda dice: issn(digits(dice, count=7)),
    "cas": lambda dice: cas(digits(dice, count=dice.randint(2, 5)), digits(dice, count=2)),
    "ups": lambda dice: ups(_prefixed(dice, pool=_UPPER + string.digits, count=6) + digits(dice, count=9)),
    "fedex": lambda dice: fedex(digits(dice, count=11)),
    "dhl": lambda dice: dhl(digits(dice, count=9)),
    "s10": lambda dice: f"R{dice.choice(_UPPER)}{s10(digits(dice, count=8))}{dice.choice(('DE', 'CN', 'GB', 'FR'))}",
    "aws_example_id": lambda _: _EXAMPLE_ID,
    "aws_example_key": lambda _: _EXAMPLE_KEY,
}
_COUNTED: dict[str, Callable[[random.Random, int], str]] = {
    "d": lambda dice, count: digits(dice, count=count),
    "hex": lambda dice, count: hexadecimal(dice, count=count),
    "A": lambda dice, count: _prefixed(dice, pool=_UPPER, count=count),
    "b64": lambda dice, count: _base64(dice, size=count),
}


def _value(slot: str, *, dice: random.Random) -> str:
    """The value of one slot.

    Raises:
        ValueError: the slot is unknown.
    """
    if "|" in slot:
        return dice.choice(slot.split("|"))
    name, _, argument = slot.partition(":")
    if name == "n":
        low, high = argument.split("-")
        return str(dice.randint(int(low), int(high)))
    if argument and name in _COUNTED:
        return _COUNTED[name](dice, int(argument))
    if slot not in MAKERS:
        known = ", ".join(sorted((*MAKERS, *(f"{each}:COUNT" for each in _COUNTED), "n:LOW-HIGH")))
        raise ValueError(f"A template has the slot {slot!r}; known are {known}.")
    return MAKERS[slot](dice)


def fill(template: str, *, dice: random.Random) -> str:
    """``template`` with a value in each slot, drawn from ``dice``.

    Raises:
        ValueError: a slot is unknown.
    """
    kept: dict[str, str] = {}

    def one(match: re.Match[str]) -> str:
        slot = match[1]
        if "#" not in slot:
            return _value(slot, dice=dice)
        if slot not in kept:
            kept[slot] = _value(slot.partition("#")[0], dice=dice)
        return kept[slot]

    return SLOT.sub(one, template)
