"""Cards, IBANs and bank accounts, with their checksums (ISO/IEC 7812, ISO 13616 and national rules)."""

from __future__ import annotations

import random
import string

from training.redteam.kinds import Kind, digits, fill, grouped, until

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "tr")
_NETWORKS = (
    (("4",), 16, (4, 4, 4)),
    (("51", "52", "53", "54", "55", "2223", "2401", "2650", "2719"), 16, (4, 4, 4)),
    (("34", "37"), 15, (4, 6)),
    (("6011", "644", "648", "65"), 16, (4, 4, 4)),
    (("300", "305", "36", "38", "39"), 14, (4, 6)),
    (("3528", "3544", "3570", "3589"), 16, (4, 4, 4)),
    (("6221", "6250", "6282"), 16, (4, 4, 4)),
    (("6304", "6759", "5018", "5038"), 16, (4, 4, 4)),
)
# BBAN by country: # digit, @ letter, * either.
_BBAN = {
    "AT": "################",
    "CZ": "####################",
    "DE": "##################",
    "DK": "##############",
    "FI": "##############",
    "GB": "@@@@##############",
    "GR": "#######################",
    "HU": "########################",
    "IE": "@@@@##############",
    "LU": "################",
    "NL": "@@@@##########",
    "PL": "########################",
    "RO": "@@@@****************",
    "SE": "####################",
    "TR": "#####0****************",
    "CH": "#################",
    "AE": "###################",
}
_CIN = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def luhn(body: str) -> str:
    """The Luhn check digit that completes a body of digits."""
    total = 0
    for at, sign in enumerate(reversed(body)):
        number = int(sign) * (2 if at % 2 == 0 else 1)
        total += number - 9 if number > 9 else number
    return str(-total % 10)


def card(rng: random.Random) -> str:
    """A card number of one of eight networks: plain, spaced or dashed as printed."""
    prefixes, length, sizes = rng.choice(_NETWORKS)
    prefix = rng.choice(prefixes)
    body = prefix + digits(rng, length - 1 - len(prefix))
    return grouped(body + luhn(body), sizes, rng.choice(("", " ", " ", "-")))


def iban(rng: random.Random) -> str:
    """An IBAN of 23 countries, with the national check digits of those that have them; plain or in fours."""
    from stdnum import iban as standard  # knows which bank codes Belgium has given out

    country = rng.choice(_IBAN_COUNTRIES)
    value = until(lambda: _iban(country, _bban(rng, country)), standard.is_valid)
    return value if rng.random() < 0.4 else grouped(value, [4] * 8, " ")


def _iban(country: str, bban: str) -> str:
    rest = "".join(str(int(sign, 36)) for sign in f"{bban}{country}00")
    return f"{country}{98 - int(rest) % 97:02d}{bban}"


def _bban(rng: random.Random, country: str) -> str:
    return _NATIONAL[country](rng) if country in _NATIONAL else fill(rng, _BBAN[country])


def _french(rng: random.Random) -> str:
    bank, branch, account = digits(rng, 5), digits(rng, 5), digits(rng, 11)
    return f"{bank}{branch}{account}{97 - (89 * int(bank) + 15 * int(branch) + 3 * int(account)) % 97:02d}"


def _italian(rng: random.Random) -> str:
    body = digits(rng, 22)
    total = sum(_CIN[int(sign)] if at % 2 == 0 else int(sign) for at, sign in enumerate(body))
    return string.ascii_uppercase[total % 26] + body


def _belgian(rng: random.Random) -> str:
    body = digits(rng, 10)
    return f"{body}{int(body) % 97 or 97:02d}"


def _portuguese(rng: random.Random) -> str:
    body = digits(rng, 19)
    return f"{body}{98 - int(body) * 100 % 97:02d}"


def _spanish_bban(rng: random.Random) -> str:
    bank, account = digits(rng, 8), digits(rng, 10)
    return bank + _spanish("00" + bank) + _spanish(account) + account


def _norwegian(account: str) -> bool:
    weights = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
    return sum(int(sign) * weight for sign, weight in zip(account, weights, strict=True)) % 11 == 0


def _spanish(ten: str) -> str:
    check = 11 - sum(int(sign) * (2**at % 11) for at, sign in enumerate(ten)) % 11
    return str(check if check < 10 else 11 - check)


_NATIONAL = {
    "ES": _spanish_bban,
    "FR": _french,
    "IT": _italian,
    "BE": _belgian,
    "NO": lambda rng: until(lambda: digits(rng, 11), _norwegian),
    "PT": _portuguese,
}
_IBAN_COUNTRIES = (*_BBAN, *_NATIONAL)


def aba(rng: random.Random) -> str:
    """A US routing number: Federal Reserve prefix, weights 3 7 1."""
    body = f"{rng.choice((*range(1, 13), *range(21, 33))):02d}{digits(rng, 6)}"
    total = sum(int(sign) * weight for sign, weight in zip(body, (3, 7, 1, 3, 7, 1, 3, 7), strict=True))
    return f"{body}{-total % 10}"


def uk_account(rng: random.Random) -> str:
    """A UK sort code with an account number."""
    code = f"{rng.randint(1, 98):02d}-{digits(rng, 2)}-{digits(rng, 2)}"
    return f"{code} {rng.choice(('', 'account ', '/ '))}{digits(rng, 8)}"


def us_routing(rng: random.Random) -> str:
    """A US routing number with an account number."""
    return f"{aba(rng)} {rng.choice(('account ', 'acct ', '/ '))}{digits(rng, rng.randint(9, 12))}"


def bank_account(rng: random.Random) -> str:
    """An account number without a checksum: only its label says what it is."""
    return digits(rng, rng.randint(8, 12))


KINDS = (
    Kind(
        "card",
        "pii",
        "finance",
        "digits",
        card,
        {
            "en": ("card number", "credit card", "Visa card", "debit card number"),
            "de": ("Kreditkartennummer", "Kreditkarte"),
            "fr": ("numéro de carte bancaire", "carte de crédit"),
            "es": ("número de tarjeta", "tarjeta de crédito"),
            "it": ("numero di carta", "carta di credito"),
            "pt": ("número do cartão", "cartão de crédito"),
            "nl": ("creditcardnummer", "creditcard"),
            "pl": ("numer karty", "karta kredytowa"),
            "tr": ("kart numarası", "kredi kartı"),
        },
    ),
    Kind(
        "iban",
        "pii",
        "finance",
        "code",
        iban,
        dict.fromkeys(LANGUAGES, ("IBAN",)),
    ),
    Kind("us_routing", "pii", "finance", "digits", us_routing, {"en": ("routing number", "ABA routing number")}),
    Kind("uk_sort_code", "pii", "finance", "digits", uk_account, {"en": ("sort code", "sort code and account")}),
    Kind(
        "bank_account",
        "pii",
        "finance",
        "digits",
        bank_account,
        {
            "en": ("account number", "bank account number", "checking account number"),
            "de": ("Kontonummer",),
            "es": ("número de cuenta",),
            "fr": ("numéro de compte",),
            "it": ("numero di conto",),
            "pt": ("número da conta",),
            "nl": ("rekeningnummer",),
            "pl": ("numer konta",),
            "tr": ("hesap numarası",),
        },
    ),
)
