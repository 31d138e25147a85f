"""Recipes for the bodies of national numbers: dates, places and letters where each country puts them."""

from __future__ import annotations

import random

from training.redteam.kinds import digits, fill, pick


def day(rng: random.Random) -> tuple[int, int, int]:
    """Year, month and day of a birth between 1935 and 2005."""
    return rng.randint(1935, 2005), rng.randint(1, 12), rng.randint(1, 28)


def short(rng: random.Random) -> str:
    """A birth as yymmdd."""
    year, month, date = day(rng)
    return f"{year % 100:02d}{month:02d}{date:02d}"


def nordic(rng: random.Random) -> str:
    """A birth as ddmmyy."""
    year, month, date = day(rng)
    return f"{date:02d}{month:02d}{year % 100:02d}"


def mexican(rng: random.Random, tail: str) -> str:
    """Letters of a name, a birth and a tail by pattern."""
    vowels, letters = "AEIOU", "BCDFGHJLMNPRSTVZ"
    name = rng.choice(letters) + rng.choice(vowels) + pick(rng, letters, 2)
    return name + short(rng) + fill(rng, tail)


def curp(rng: random.Random) -> str:
    """Mexican CURP without a right check digit."""
    letters = "BCDFGHJLMNPRSTVZ"
    state = rng.choice(("AS", "BC", "DF", "GT", "JC", "MC", "NL", "OC", "PL", "VZ"))
    return mexican(rng, rng.choice("HM")) + state + pick(rng, letters, 3) + fill(rng, "##")


def codice(rng: random.Random) -> str:
    """Italian codice fiscale, its last letter random."""
    year, month, date = day(rng)
    letters = "BCDFGLMNPRSTV"
    date += rng.choice((0, 40))
    town = rng.choice(("F205", "H501", "L219", "F839", "D612", "A944", "G273"))
    return f"{pick(rng, letters, 6)}{year % 100:02d}{'ABCDEHLMPRST'[month - 1]}{date:02d}{town}{fill(rng, '@')}"


def swiss(rng: random.Random) -> str:
    """Swiss AHV number: 756 and ten digits."""
    return "756" + digits(rng, 10)


def nir(rng: random.Random) -> str:
    """French NIR: sex, year, month, town, order, two check digits."""
    year, month, _ = day(rng)
    town = f"{rng.randint(1, 95):02d}{rng.randint(1, 900):03d}"
    return f"{rng.choice('12')}{year % 100:02d}{month:02d}{town}{digits(rng, 5)}"


def chinese(rng: random.Random) -> str:
    """Chinese resident number: place, birth, order, check sign."""
    year, month, date = day(rng)
    place = rng.choice(("110105", "310115", "440305", "330106", "510107"))
    return f"{place}{year}{month:02d}{date:02d}{digits(rng, 3)}{rng.choice('0123456789X')}"


def baltic(rng: random.Random) -> str:
    """Estonian and Lithuanian code: century and sex, birth, order."""
    year, month, date = day(rng)
    first = rng.choice("34") if year < 2000 else rng.choice("56")
    return f"{first}{year % 100:02d}{month:02d}{date:02d}{digits(rng, 4)}"


def pesel(rng: random.Random) -> str:
    """Polish PESEL: the month says the century."""
    year, month, date = day(rng)
    return f"{year % 100:02d}{month + (20 if year >= 2000 else 0):02d}{date:02d}{digits(rng, 5)}"


def bulgarian(rng: random.Random) -> str:
    """Bulgarian EGN: the month says the century."""
    year, month, date = day(rng)
    return f"{year % 100:02d}{month + (40 if year >= 2000 else 0):02d}{date:02d}{digits(rng, 4)}"


def romanian(rng: random.Random) -> str:
    """Romanian CNP: sex and century, birth, county, order."""
    year, month, date = day(rng)
    first = rng.choice("12") if year < 2000 else rng.choice("56")
    return f"{first}{year % 100:02d}{month:02d}{date:02d}{rng.randint(1, 40):02d}{digits(rng, 4)}"


def yugoslav(rng: random.Random) -> str:
    """EMŠO of Slovenia: birth with three digits of the year, region 50."""
    year, month, date = day(rng)
    return f"{date:02d}{month:02d}{year % 1000:03d}50{digits(rng, 4)}"


def czech(rng: random.Random) -> str:
    """Czech and Slovak birth number; 50 more months for women."""
    year, month, date = rng.randint(1955, 2003), *day(rng)[1:]
    return f"{year % 100:02d}{month + rng.choice((0, 50)):02d}{date:02d}{digits(rng, 4)}"


def finnish(rng: random.Random) -> str:
    """Finnish code: birth, sign of the century, order, letter."""
    year, month, date = day(rng)
    sign = "-" if year < 2000 else "A"
    letter = rng.choice("0123456789ABCDEFHJKLMNPRSTUVWXY")
    return f"{date:02d}{month:02d}{year % 100:02d}{sign}{rng.randint(2, 899):03d}{letter}"


def swedish(rng: random.Random) -> str:
    """Swedish personal number."""
    return f"{short(rng)}-{digits(rng, 4)}"


def korean(rng: random.Random) -> str:
    """Korean resident number: birth, sex and century, order."""
    year, month, date = day(rng)
    return f"{year % 100:02d}{month:02d}{date:02d}{rng.choice('12' if year < 2000 else '34')}{digits(rng, 6)}"


def ssn(rng: random.Random) -> str:
    """A US number outside the areas that were never given out or were printed in samples."""
    area = rng.choice([n for n in range(1, 900) if n not in (666, 78, 219)])
    return rng.choice(("-", "-", " ", "")).join(
        (f"{area:03d}", f"{rng.randint(1, 99):02d}", f"{rng.randint(1, 9999):04d}")
    )


def nino(rng: random.Random) -> str:
    """A UK National Insurance number with a prefix that is given out."""
    prefix = rng.choice(("AB", "CE", "HL", "JM", "KR", "LX", "MW", "PY", "SR", "WE", "YA", "ZR"))
    sep = rng.choice(("", " "))
    return sep.join((prefix, *(digits(rng, 2) for _ in range(3)), rng.choice("ABCD")))


def german_pension(rng: random.Random) -> str:
    """Versicherungsnummer of the German pension insurance (weights 2 1 2 5 7 1 2 1 2 1 2 1, digit sums)."""
    letter = rng.choice("ABDEFGHKLMNPRSTW")
    body = f"{rng.choice((2, 4, 9, 12, 13, 15, 25, 53, 65)):02d}{nordic(rng)}", f"{rng.randint(0, 99):02d}"
    signs = f"{body[0]}{ord(letter) - 64:02d}{body[1]}"
    weights = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
    total = sum(sum(divmod(int(sign) * weight, 10)) for sign, weight in zip(signs, weights, strict=True))
    value = f"{body[0]}{letter}{body[1]}{total % 10}"
    return value if rng.random() < 0.5 else f"{value[:2]} {value[2:8]} {value[8]} {value[9:]}"


def taj(rng: random.Random) -> str:
    """Hungarian TAJ (weights 3 7)."""
    body = digits(rng, 8)
    check = sum(int(sign) * (3 if at % 2 == 0 else 7) for at, sign in enumerate(body)) % 10
    return f"{body[:3]} {body[3:6]} {body[6:]}{check}"


def medicare(rng: random.Random) -> str:
    """Australian Medicare number (weights 1 3 7 9) with the line on the card."""
    body = rng.choice("23456") + digits(rng, 7)
    check = sum(int(sign) * weight for sign, weight in zip(body, (1, 3, 7, 9, 1, 3, 7, 9), strict=True)) % 10
    return f"{body[:4]} {body[4:]}{check} {rng.randint(1, 9)}"


def singapore(rng: random.Random) -> str:
    """Singapore NRIC and FIN (weights 2 7 6 5 4 3 2)."""
    first, body = rng.choice("STFG"), digits(rng, 7)
    total = sum(int(sign) * weight for sign, weight in zip(body, (2, 7, 6, 5, 4, 3, 2), strict=True))
    total += 4 if first in "TG" else 0
    return first + body + ("JZIHGFEDCBA" if first in "ST" else "XWUTRQPNMLK")[total % 11]


def malay(rng: random.Random) -> str:
    """Malaysian MyKad: birth, state, order."""
    return f"{short(rng)}-{rng.choice(('01', '07', '08', '10', '14')):s}-{digits(rng, 4)}"


def indonesian(rng: random.Random) -> str:
    """Indonesian NIK: district, birth, order."""
    return f"{rng.choice(('317301', '327306', '357801', '337401'))}{nordic(rng)}{rng.randint(1, 999):04d}"
