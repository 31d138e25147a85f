"""Rarer kinds of personal data, as packs that a configuration turns on.

They are off by default because most of these numbers name things, not persons, and because their shapes are those of
parts, test devices and public examples. A fleet operator, a telephone company or an exchange needs them.
"""

from __future__ import annotations

import hashlib
import re
from itertools import pairwise

from router_ml.guardrails.detectors import checks
from router_ml.guardrails.detectors.detector import Accept, Detector, Span, labelled_otherwise, near, words
from router_ml.guardrails.detectors.documents import Document, detector
from router_ml.guardrails.detectors.labels import labelled_rows
from router_ml.guardrails.detectors.placeholders import is_counting

_UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"

DEVICES = (
    detector(Document("imei", checks.luhn, r"\d{2}[- ]?\d{6}[- ]?\d{6}[- ]?\d", "imei|imei number", digits=15)),
    *labelled_rows("imsi", "imsi", r"\d{14,15}", least=14, accept=lambda match: match.span("value")),
    *labelled_rows("iccid", "iccid|sim card number|sim number", r"89\d{16,18}", least=18),
    *labelled_rows(
        "advertising_id", "idfa|idfv|gaid|aaid|advertising|ad id|advertising identifier|device id|android id|udid",
        rf"{_UUID}|[0-9a-f]{{40}}|[0-9a-f]{{16}}", loose=1, least=2, accept=lambda match: match.span("value"),
    ),
)  # fmt: skip

_VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", map(int, "123456781234579234567890123456789"), strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN_WORDS = words(
    "vin", "vehicle identification", "chassis", "fahrgestell\\w{0,10}", "fin", "numéro de série", "bastidor", "telaio"
)


def _vin(match: re.Match[str]) -> Span | None:
    """ISO 3779; the check digit is North American, so that without it a word is needed."""
    value = match[0].upper()
    if value.isdigit() or value.isalpha() or len(set(value)) < 6:
        return None
    rest = sum(_VIN_VALUES[character] * weight for character, weight in zip(value, _VIN_WEIGHTS, strict=True)) % 11
    checked = value[8] == ("X" if rest == 10 else str(rest))
    named = near(_VIN_WORDS, match.string, match.span())
    return match.span() if named or (checked and not labelled_otherwise(match.string, match.start())) else None


_PLATE = (
    "licen[cs]e plate|number ?plate|plate|plates|registration|reg|vehicle reg|kennzeichen|kfz-kennzeichen"
    "|immatriculation"
    "|plaque|matrícula|matricula|targa|placa|kenteken|rejestracyjny\\w?|registreringsnummer|plaka|госномер\\w?"
    "|车牌|車牌|ナンバープレート"
)

VEHICLES = (
    Detector(
        type="vin",
        risk="pii",
        pattern=re.compile(r"(?<![A-Za-z0-9-])[A-HJ-NPR-Z0-9]{17}(?![A-Za-z0-9-])", re.ASCII),
        digits=4,
        accept=_vin,
    ),
    *labelled_rows(
        "licence_plate",
        _PLATE,
        r"(?-i:[A-Z\u00c4\u00d6\u00dc]{1,3}[ -]{0,1}[A-Z]{0,2}[ -]?\d{1,4}[A-Z]{0,3}"
        r"|\d{1,4}[ -]?[A-Z]{1,3}[ -]?\d{0,3})",
        least=1,
        accept=lambda match: match.span("value"),
    ),
)

_STAFF = "|".join(
    rf"{who}[ _-]?(?:no\.?|nr|num|number|id|code)"
    for who in ["employee", "emp", "personnel", "staff", "payroll", "worker", "badge"]
)

WORKPLACE = (
    *labelled_rows(
        "employee_number",
        f"{_STAFF}|personalnummer|personal-?nr|mitarbeiternummer|matricule|empleado"
        "|matricola|funcionário|personeelsnummer|numer pracownika|anställningsnummer|sicil no|табельный"
        "|工号|社員番号|사번",
        r"[A-Z]{0,3}-?\d{3,10}",
        least=3,
    ),
    *labelled_rows(
        "student_number",
        "student|matric(?:ulation)?|matric\\.|pupil|matrikelnummer|matrikel-?nr|étudiant|estudiante|studentnummer|matricola"
        "|aluno|numer albumu|numer indeksu|öğrenci no|студенческ\\w{2,4}"
        "|学号|學號|学籍番号|학번",
        r"[A-Z]{0,3}-?\d{4,10}",
        least=4,
    ),
)

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_WALLET_WORDS = words(
    "wallet", "eth", "ether\\w{0,4}", "crypto\\w{0,10}", "usd[ct]", "address", "metamask", "erc-?20", "deposit"
)


def _base58(match: re.Match[str]) -> Span | None:
    """Base58Check: the last four bytes are the double sha256 of the others."""
    number = 0
    for character in match[0]:
        number = number * 58 + _BASE58.index(character)
    if number.bit_length() > 200:
        return None
    raw = number.to_bytes(25, "big")
    digest = hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()
    return match.span() if raw[21:] == digest[:4] else None


def _bech32(match: re.Match[str]) -> Span | None:
    """Bech32 and Bech32m (BIP 173, BIP 350)."""
    prefix, _, data = match[0].lower().rpartition("1")
    values = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + [_BECH32.index(c) for c in data]
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_BECH32_GENERATORS):
            checksum ^= generator if top >> bit & 1 else 0
    return match.span() if checksum in (1, 0x2BC830A3) else None


def _ethereum(match: re.Match[str]) -> Span | None:
    """Forty hexadecimal digits are also hashes: mixed case (EIP-55) or a word near by, and not all alike."""
    body = match[0][2:]
    burnt = len(set(body.lower())) < 8 or is_counting("".join(filter(str.isdigit, body)))
    mixed = body != body.lower() and body != body.upper() and any(a.isupper() != b.isupper() for a, b in pairwise(body))
    return match.span() if not burnt and (mixed or near(_WALLET_WORDS, match.string, match.span())) else None


def _wallet(pattern: str, triggers: tuple[str, ...], accept: Accept) -> Detector:
    edges = rf"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z0-9])"
    return Detector(
        type="crypto_wallet",
        risk="pii",
        pattern=re.compile(edges, re.ASCII),
        triggers=triggers,
        digits=1,
        accept=accept,
    )


CRYPTO = (
    _wallet(rf"[13][{_BASE58}]{{25,34}}", (), _base58),
    _wallet(rf"(?:bc|tb|ltc)1[{_BECH32}]{{20,87}}", ("bc1", "tb1", "ltc1"), _bech32),
    _wallet(r"0x[0-9A-Fa-f]{40}", ("0x",), _ethereum),
)

PACKS: dict[str, tuple[Detector, ...]] = {
    "crypto": CRYPTO,
    "devices": DEVICES,
    "vehicles": VEHICLES,
    "workplace": WORKPLACE,
}
