"""Passports, licences, dates of birth, record numbers and people joined with a private fact."""

from __future__ import annotations

import random
import string

from training.redteam import people
from training.redteam.kinds import Kind, digits, fill, pick
from training.redteam.national_recipes import day

_GERMAN = "CFGHJKLMNPRTVWXYZ0123456789"
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def _polish_passport(rng: random.Random) -> str:
    series, body = pick(rng, string.ascii_uppercase, 2), digits(rng, 6)
    values = [int(sign, 36) for sign in series] + [int(sign) for sign in body]
    total = sum(value * weight for value, weight in zip(values, (7, 3, 1, 7, 3, 1, 7, 3), strict=True))
    return f"{series}{-total * 9 % 10}{body}"


def passport(rng: random.Random) -> str:
    """A passport number in the form of one of ten countries."""
    makers = (
        lambda: fill(rng, "#########"),  # US, GB
        lambda: f"{rng.choice('AXY')}{digits(rng, 8)}",  # US, next generation
        lambda: f"C{pick(rng, _GERMAN, 7)}{digits(rng, 1)}",  # DE
        lambda: fill(rng, "##@@#####"),  # FR
        lambda: f"Y{fill(rng, '@#######')}",  # IT
        lambda: f"{rng.choice('PX')}{pick(rng, 'AB', 1)}{fill(rng, '@######')}",  # ES
        lambda: f"N{pick(rng, 'ABCDEFGHJKLMNPRSTUVWXYZ0123456789', 7)}{digits(rng, 1)}",  # NL
        lambda: fill(rng, "@@######"),  # CA
        lambda: f"P{pick(rng, 'ABE', 1)}{digits(rng, 7)}",  # AU
        lambda: fill(rng, "@#######"),  # IN
        lambda: _polish_passport(rng),
    )
    return rng.choice(makers)()


def _british_licence(rng: random.Random) -> str:
    year, month, date = day(rng)
    surname = (rng.choice(people.LAST).upper() + "9999")[:5]
    middle = f"{year // 10 % 10}{month + rng.choice((0, 50)):02d}{date:02d}{year % 10}"
    return f"{surname}{middle}{fill(rng, '@')}{rng.choice(('9', 'J', 'M'))}{fill(rng, '#@@')}"


def driving_licence(rng: random.Random) -> str:
    """A licence number in the form of US states, Great Britain, Germany, France, Italy, the Netherlands or Ontario."""
    makers = (
        lambda: fill(rng, "@#######"),  # California
        lambda: fill(rng, "#########"),  # New York, Georgia
        lambda: fill(rng, "########"),  # Texas
        lambda: fill(rng, "@###-###-##-###-#"),  # Florida
        lambda: fill(rng, "@###-####-####"),  # Illinois
        lambda: fill(rng, "WDL*********"),  # Washington
        lambda: _british_licence(rng),
        lambda: f"{fill(rng, '@###')}{pick(rng, _GERMAN, 6)}{digits(rng, 1)}",  # Germany
        lambda: fill(rng, "############"),  # France
        lambda: fill(rng, "U1#######@"),  # Italy
        lambda: fill(rng, "##########"),  # Netherlands
        lambda: fill(rng, "@####-#####-#####"),  # Ontario
    )
    return rng.choice(makers)()


def birth(rng: random.Random) -> str:
    """A date of birth, in figures or with the month written out."""
    year, month, date = day(rng)
    forms = (
        f"{year}-{month:02d}-{date:02d}",
        f"{date:02d}/{month:02d}/{year}",
        f"{month}/{date}/{year % 100:02d}",
        f"{date:02d}.{month:02d}.{year}",
        f"{_MONTHS[month - 1]} {date}, {year}",
        f"{date} {_MONTHS[month - 1][:3]} {year}",
    )
    return rng.choice(forms)


def medical_record(rng: random.Random) -> str:
    """A hospital's number of a patient."""
    return fill(rng, rng.choice(("########", "#######", "@#######", "###-##-###", "MR######")))


_PASSPORT = {
    "en": ("passport number", "passport no.", "passport"),
    "de": ("Reisepassnummer", "Passnummer"),
    "fr": ("numéro de passeport", "passeport"),
    "es": ("número de pasaporte", "pasaporte"),
    "it": ("numero di passaporto", "passaporto"),
    "pt": ("número do passaporte", "passaporte"),
    "nl": ("paspoortnummer",),
    "pl": ("numer paszportu", "paszport"),
    "tr": ("pasaport numarası", "pasaport no"),
}
_LICENCE = {
    "en": ("driver's license", "driving licence number", "driver license number", "DL number"),
    "de": ("Führerscheinnummer",),
    "fr": ("numéro de permis de conduire",),
    "es": ("permiso de conducir",),
    "it": ("numero di patente", "patente di guida"),
    "pt": ("carta de condução", "CNH"),
    "nl": ("rijbewijsnummer",),
    "pl": ("numer prawa jazdy",),
    "tr": ("ehliyet numarası",),
}
_BIRTH = {
    "en": ("date of birth", "DOB", "birth date"),
    "de": ("Geburtsdatum", "geboren am"),
    "fr": ("date de naissance", "né le"),
    "es": ("fecha de nacimiento", "nacido el"),
    "it": ("data di nascita", "nato il"),
    "pt": ("data de nascimento", "nascido em"),
    "nl": ("geboortedatum", "geboren op"),
    "pl": ("data urodzenia",),
    "tr": ("doğum tarihi",),
}
_RECORD = {
    "en": ("MRN", "medical record number", "patient ID", "hospital number"),
    "de": ("Patientennummer", "Krankenaktennummer"),
    "fr": ("numéro de dossier médical",),
    "es": ("número de historia clínica",),
    "nl": ("patiëntnummer",),
}
KINDS = (
    Kind("passport", "pii", "government", "code", passport, _PASSPORT),
    Kind("driving_licence", "pii", "government", "code", driving_licence, _LICENCE),
    Kind("date_of_birth", "pii", "birth", "date", birth, _BIRTH),
    Kind("medical_record", "pii", "health", "code", medical_record, _RECORD),
    Kind("person_joined", "pii", "person", "words", people.name, {"en": ("name",)}),
    Kind("person_alone", "pii", "name", "words", people.name, {"en": ("name",)}, soft=True),
)
