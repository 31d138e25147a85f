"""Check digits that python-stdnum does not carry. Each takes a number in capitals, with or without separators."""

from __future__ import annotations

import re
from itertools import cycle

_BARE = re.compile(r"[^0-9A-Z]")
_NRIC_LETTERS = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}
_NRIC_OFFSETS = {"S": 0, "F": 0, "T": 4, "G": 4, "M": 3}
_TAIWAN_LETTERS = "ABCDEFGHJKLMNPQRSTUVXYWZIO"  # the place of a letter plus 10 is its value
_EGYPT = re.compile(r"[23]\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{7}", re.ASCII)


def bare(value: str) -> str:
    """A number without separators."""
    return _BARE.sub("", value)


def weighted(digits: str, weights: tuple[int, ...]) -> int:
    """The sum of digits, each times its weight; weights repeat where they are fewer."""
    return sum(int(digit) * weight for digit, weight in zip(digits, cycle(weights), strict=False))


def luhn(value: str) -> bool:
    """Luhn (ISO/IEC 7812-1, annex B)."""
    digits = bare(value)[::-1]
    return sum(sum(divmod(int(d) * (1 + i % 2), 10)) for i, d in enumerate(digits)) % 10 == 0


def singapore(value: str) -> bool:
    """NRIC and FIN of Singapore: a weighted sum names the last letter."""
    number = bare(value)
    total = weighted(number[1:8], (2, 7, 6, 5, 4, 3, 2)) + _NRIC_OFFSETS[number[0]]
    return _NRIC_LETTERS[number[0]][total % 11] == number[8]


def hong_kong(value: str) -> bool:
    """HKID: weights 9 to 1 modulo 11, letters from A = 10, a missing first letter is 36."""
    number = bare(value)
    prefix = number[:-7]
    letters = [36] * (2 - len(prefix)) + [ord(letter) - 55 for letter in prefix]
    body = [*letters, *map(int, number[-7:-1]), int(number[-1], 11)]
    return sum(figure * weight for figure, weight in zip(body, range(9, 0, -1), strict=True)) % 11 == 0


def taiwan(value: str) -> bool:
    """National id and resident certificate of Taiwan: weights 1, 9, 8 to 1 modulo 10."""
    letter = _TAIWAN_LETTERS.index(value[0]) + 10
    body = weighted(value[1:9], (8, 7, 6, 5, 4, 3, 2, 1)) + int(value[9])
    return (letter // 10 + letter % 10 * 9 + body) % 10 == 0


def japan(value: str) -> bool:
    """My Number: ordinance 85 of 2014 of the Ministry of Internal Affairs, article 5."""
    number = bare(value)
    remainder = weighted(number[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return int(number[11]) == (0 if remainder <= 1 else 11 - remainder)


def luxembourg(value: str) -> bool:
    """National identification number: Luhn over the first twelve, Verhoeff over the first eleven and the last digit."""
    from stdnum import verhoeff

    number = bare(value)
    return luhn(number[:12]) and bool(verhoeff.is_valid(number[:11] + number[12]))


def russia_insurance(value: str) -> bool:
    """SNILS: weights 9 to 1 modulo 101."""
    number = bare(value)
    return weighted(number[:9], (9, 8, 7, 6, 5, 4, 3, 2, 1)) % 101 % 100 == int(number[9:])


def kazakhstan(value: str) -> bool:
    """IIN: weights 1 to 11 modulo 11, or those shifted by two where that gives ten."""
    first = weighted(value[:11], (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)) % 11
    second = weighted(value[:11], (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)) % 11
    return int(value[11]) == (first if first < 10 else second)


def iran(value: str) -> bool:
    """Melli code: weights 10 to 2 modulo 11."""
    number = bare(value)
    remainder = weighted(number[:9], (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return int(number[9]) == (remainder if remainder < 2 else 11 - remainder)


def hungary_health(value: str) -> bool:
    """TAJ: weights 3 and 7 modulo 10."""
    number = bare(value)
    return weighted(number[:8], (3, 7)) % 10 == int(number[8])


def hungary_tax(value: str) -> bool:
    """Adóazonosító jel: weights 1 to 9 modulo 11."""
    return weighted(value[:9], (1, 2, 3, 4, 5, 6, 7, 8, 9)) % 11 == int(value[9])


def egypt(value: str) -> bool:
    """National id of Egypt: century and date of birth; its check digit is not published."""
    return _EGYPT.fullmatch(value) is not None


def australia_medicare(value: str) -> bool:
    """Medicare card of Australia: weights 1, 3, 7, 9 modulo 10."""
    number = bare(value)
    return weighted(number[:8], (1, 3, 7, 9)) % 10 == int(number[8])


def _digit_sums(digits: str, weights: tuple[int, ...]) -> int:
    return sum(sum(divmod(int(digit) * weight, 10)) for digit, weight in zip(digits, weights, strict=True)) % 10


def germany_health(value: str) -> bool:
    """Krankenversichertennummer: sums of digits by weights 1 and 2 (section 290 SGB V, GKV-Spitzenverband)."""
    number = bare(value)
    return _digit_sums(f"{ord(number[0]) - 64:02d}{number[1:9]}", (1, 2) * 5) == int(number[9])


def germany_pension(value: str) -> bool:
    """Versicherungsnummer of the Deutsche Rentenversicherung (section 4 VKVV)."""
    number = bare(value)
    plain = f"{number[:8]}{ord(number[8]) - 64:02d}{number[9:11]}"
    return _digit_sums(plain, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)) == int(number[11])


def clabe(value: str) -> bool:
    """CLABE of Mexico: weights 3, 7, 1 modulo 10, each product by its last digit."""
    number = bare(value)
    total = sum(int(d) * w % 10 for d, w in zip(number[:17], cycle((3, 7, 1)), strict=False))
    return -total % 10 == int(number[17])


def dea(value: str) -> bool:
    """Registration number of the United States Drug Enforcement Administration."""
    digits = bare(value)[2:]
    return (weighted(digits[0:6:2], (1,)) + weighted(digits[1:6:2], (2,))) % 10 == int(digits[6])
