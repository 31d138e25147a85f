"""E-mail, phone, address, network and device addresses."""

from __future__ import annotations

import ipaddress
import random
import unicodedata
from collections.abc import Mapping
from typing import Any

from training.redteam import people
from training.redteam.finance_values import luhn
from training.redteam.kinds import HEX, Kind, digits, pick, until

# fmt: off
_MAILBOXES = (
    "gmail.com", "outlook.com", "gmx.de", "web.de", "orange.fr", "libero.it", "telefonica.net", "wp.pl", "uol.com.br",
    "btinternet.com",
)
_COMPANIES = (
    "northgate-logistics.com", "brandtpartner.de", "halloran.ie", "moretti-studio.it", "kjeldsen.dk", "oyelaran.ng",
)
REGIONS = (
    "US", "CA", "GB", "DE", "FR", "ES", "IT", "NL", "PL", "PT", "TR", "BR", "IN", "AU", "JP", "MX", "CH", "AT", "SE",
    "ZA",
)
# Organisations whose blocks of hardware addresses are common.
_OUIS = ("3c22fb", "f01898", "a4b197", "001a2b", "dca632", "b827eb", "8c8590", "e0d55e", "48a472")
# fmt: on


def email(rng: random.Random) -> str:
    """An address at a mail provider or a company."""
    first, last = (_ascii(rng.choice(names)).lower() for names in (people.FIRST, people.LAST))
    local = rng.choice((f"{first}.{last}", f"{first[0]}{last}", f"{first}_{last}", f"{last}{rng.randint(50, 99)}"))
    if rng.random() < 0.3:
        local += f"{rng.choice(('', '+bank', '+home', '.'))}{rng.randint(2, 999)}"
    return f"{local}@{rng.choice((*_MAILBOXES, *_COMPANIES))}"


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def phone(rng: random.Random) -> str:
    """A valid number of one of 20 regions, in one of several notations."""
    import phonenumbers as lib

    region = rng.choice(REGIONS)
    kind = rng.choice((lib.PhoneNumberType.MOBILE, lib.PhoneNumberType.FIXED_LINE))
    example: Any = lib.example_number_for_type(region, kind)
    start = str(example.national_number)[:-6]

    def parsed(national: str) -> Any:
        return lib.PhoneNumber(
            country_code=example.country_code,
            national_number=int(national),
            italian_leading_zero=example.italian_leading_zero,
        )

    national = until(lambda: start + digits(rng, 6), lambda made: lib.is_valid_number(parsed(made)))
    return _written(rng, parsed(national))


def _written(rng: random.Random, number: Any) -> str:
    import phonenumbers as lib

    forms = lib.PhoneNumberFormat
    national = lib.format_number(number, forms.NATIONAL)
    international = lib.format_number(number, forms.INTERNATIONAL)
    choices = [
        international,
        lib.format_number(number, forms.E164),
        national,
        international.replace(" ", "-"),
        international.replace("+", "00", 1),
        national.replace(" ", "."),
    ]
    return str(rng.choice(choices))


def ipv4(rng: random.Random) -> str:
    """A public IPv4 address."""
    return until(
        lambda: ".".join(str(rng.randint(1, 254)) for _ in range(4)),
        lambda made: ipaddress.ip_address(made).is_global and int(made.split(".")[0]) in range(11, 224),
    )


def ipv6(rng: random.Random) -> str:
    """A public IPv6 address, whole or compressed."""
    prefix = rng.choice(("2a02:8108", "2600:1700", "2a01:cb19", "2003:e7", "2804:14d", "2409:4072"))
    groups = [pick(rng, HEX, 4).lstrip("0") or "0" for _ in range(6)]
    whole = ipaddress.ip_address(":".join((prefix, *groups)))
    host = ipaddress.ip_address(f"{prefix}:{groups[0]}::{groups[1]}")
    return str(rng.choice((whole, host)))


def mac(rng: random.Random) -> str:
    """A hardware address with colons, dashes or as routers write it."""
    value = rng.choice(_OUIS) + pick(rng, HEX, 6)
    pairs = [value[at : at + 2] for at in range(0, 12, 2)]
    dotted = ".".join(value[at : at + 4] for at in (0, 4, 8))
    return rng.choice((":".join(pairs), "-".join(pairs).upper(), ":".join(pairs).upper(), dotted))


def imei(rng: random.Random) -> str:
    """An IMEI with its Luhn digit."""
    body = f"{rng.choice(('35', '86', '01'))}{digits(rng, 12)}"
    value = body + luhn(body)
    return value if rng.random() < 0.6 else f"{value[:2]}-{value[2:8]}-{value[8:14]}-{value[14]}"


_EMAIL: Mapping[str, tuple[str, ...]] = {
    "en": ("email", "e-mail address", "contact email"),
    "de": ("E-Mail", "E-Mail-Adresse"),
    "fr": ("e-mail", "adresse mail"),
    "es": ("correo", "correo electrónico"),
    "it": ("e-mail", "indirizzo e-mail"),
    "pt": ("e-mail", "endereço de e-mail"),
    "nl": ("e-mail", "e-mailadres"),
    "pl": ("e-mail", "adres e-mail"),
    "tr": ("e-posta", "e-posta adresi"),
}
_PHONE: Mapping[str, tuple[str, ...]] = {
    "en": ("phone", "mobile number", "phone number", "cell"),
    "de": ("Telefon", "Handynummer", "Telefonnummer"),
    "fr": ("téléphone", "numéro de portable", "tél."),
    "es": ("teléfono", "móvil", "número de teléfono"),
    "it": ("telefono", "cellulare", "numero di telefono"),
    "pt": ("telefone", "telemóvel", "celular"),
    "nl": ("telefoon", "mobiel nummer", "telefoonnummer"),
    "pl": ("telefon", "numer telefonu", "komórka"),
    "tr": ("telefon", "cep telefonu", "telefon numarası"),
}
_ADDRESS: Mapping[str, tuple[str, ...]] = {
    "en": ("home address", "address", "shipping address"),
    "de": ("Adresse", "Anschrift"),
    "fr": ("adresse",),
    "es": ("dirección", "domicilio"),
    "it": ("indirizzo",),
    "pt": ("morada", "endereço"),
    "nl": ("adres",),
    "pl": ("adres",),
    "tr": ("adres",),
}
KINDS = (
    Kind("email", "pii", "contact", "email", email, _EMAIL),
    Kind("phone", "pii", "contact", "digits", phone, _PHONE),
    Kind("address", "pii", "contact", "words", people.address, _ADDRESS),
    Kind("ipv4", "pii", "network", "net", ipv4, {"en": ("IP address", "client IP")}),
    Kind("ipv6", "pii", "network", "net", ipv6, {"en": ("IPv6 address", "client IP")}),
    Kind("mac", "pii", "network", "net", mac, {"en": ("MAC address", "hardware address")}),
    Kind("imei", "pii", "network", "digits", imei, {"en": ("IMEI", "IMEI number")}),
)
