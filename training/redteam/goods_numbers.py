"""Check digits of numbers that name goods, books, parcels and substances, never people.

Each maker takes the characters before the check digit and returns the whole number.
"""

from __future__ import annotations


def gtin(body: str) -> str:
    """``body`` with the check digit of EAN, UPC and ISBN-13 (GS1 General Specifications, 7.9)."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return body + str(-total % 10)


def isbn10(body: str) -> str:
    """Nine digits with the check digit of ISO 2108 before 2007 (mod 11, X for ten)."""
    rest = -sum(int(digit) * (10 - place) for place, digit in enumerate(body)) % 11
    return body + ("X" if rest == 10 else str(rest))


def ups(body: str) -> str:
    """Fifteen characters of a UPS number with ``1Z`` and the check digit."""
    values = [int(each) if each.isdigit() else (ord(each) - 63) % 10 for each in body]
    return f"1Z{body}{-(sum(values[0::2]) + 2 * sum(values[1::2])) % 10}"


def fedex(body: str) -> str:
    """Eleven digits of a FedEx Express number with the check digit (weights 1, 3, 7 from the right, mod 11)."""
    total = sum(int(digit) * (1, 3, 7)[place % 3] for place, digit in enumerate(reversed(body)))
    return body + str(total % 11 % 10)


def dhl(body: str) -> str:
    """Digits of a DHL air waybill with the check digit (mod 7)."""
    return body + str(int(body) % 7)


def s10(body: str) -> str:
    """Eight digits with the check digit of the postal standard UPU S10."""
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(body, (8, 6, 4, 2, 3, 5, 9, 7), strict=True)) % 11
    return body + str({10: 0, 11: 5}.get(rest, rest))


def issn(body: str) -> str:
    """Seven digits with the check digit of ISO 3297."""
    rest = -sum(int(digit) * (8 - place) for place, digit in enumerate(body)) % 11
    return f"{body[:4]}-{body[4:]}{'X' if rest == 10 else rest}"


def cas(first: str, second: str) -> str:
    """A number of the CAS Registry with its check digit."""
    total = sum(int(digit) * place for place, digit in enumerate(reversed(first + second), start=1))
    return f"{first}-{second}-{total % 10}"
