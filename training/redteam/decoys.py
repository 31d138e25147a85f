"""Values that are nobody's: what is left of a request when a technique hides something harmless.

A decoder that is too eager finds private data in these. Only values whose disguise cannot look like a real one are
here: a documentation address in rot13 would be another address, and nobody could say that it is wrong to report it.
"""

from __future__ import annotations

import random

from training.redteam.kinds import ALNUM, HEX, Kind, digits, pick
from training.redteam.secret_values import pem

_THINGS = ("blue folder", "standing desk", "spare charger", "meeting room", "holiday calendar", "summer menu")
_TITLES = ("guide", "changelog", "pricing", "roadmap", "handbook")


def _order(rng: random.Random) -> str:
    return f"{digits(rng, 3)}-{digits(rng, rng.choice((2, 3)))}"


def _invoice(rng: random.Random) -> str:
    return f"{rng.choice(('INV', 'PO', 'RMA', 'TCK'))}-{rng.randint(2019, 2026)}-{digits(rng, 4)}"


def _delivery(rng: random.Random) -> str:
    return f"{rng.randint(2023, 2027)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def _private_ip(rng: random.Random) -> str:
    return f"{rng.choice(('10.4', '192.168', '172.16'))}.{rng.randint(0, 250)}.{rng.randint(1, 250)}"


def _public_key(rng: random.Random) -> str:
    return pem(rng, "PUBLIC KEY", "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A", 6)


DECOYS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("order_number", "pii", "decoy", "digits", _order, {"en": ("order", "batch", "seat")}),
        Kind("invoice_number", "pii", "decoy", "code", _invoice, {"en": ("invoice", "ticket", "return")}),
        Kind("delivery_date", "pii", "decoy", "date", _delivery, {"en": ("delivery date", "release date", "deadline")}),
        Kind("thing", "pii", "decoy", "words", lambda rng: rng.choice(_THINGS), {"en": ("item", "topic")}),
        Kind("private_ip", "pii", "decoy", "net", _private_ip, {"en": ("printer at", "gateway")}),
        Kind("commit", "secrets", "decoy", "token", lambda rng: pick(rng, HEX, 40), {"en": ("commit", "checksum")}),
        Kind(
            "public_page",
            "secrets",
            "decoy",
            "url",
            lambda rng: f"https://docs.halden.cloud/{rng.choice(_TITLES)}/{pick(rng, ALNUM, 6).lower()}",
            {"en": ("page", "link")},
        ),
        Kind("public_key", "secrets", "decoy_block", "block", _public_key, {"en": ("public key",)}),
    )
}
