"""Values as people say or retype them: number words, "at" and "dot", leet, gaps, backwards."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from training.redteam.technique import INLINE, NUMBERS, SHORT, Technique, of_value, shapes

# fmt: off
WORDS: Mapping[str, tuple[str, ...]] = {
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "de": ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"),
    "fr": ("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"),
    "es": ("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"),
}
# fmt: on
_LEET = str.maketrans("aeioAEIO", "4310" * 2)
_LOOKALIKES = str.maketrans("0158", "OlSB")
_FILLERS = (" then ", " and then ", " next ", " followed by ", " ... ")


def say(value: str, language: str) -> str:
    """Digits as words, the rest as it is, with spaces between."""
    words = WORDS[language]
    said = [words[int(sign)] if sign in "0123456789" else sign for sign in value if sign.strip()]
    return " ".join(said)


def _say_loosely(value: str, rng: random.Random) -> str:
    """As on the phone: oh for zero, double and triple for repeats."""
    runs = re.findall(r"((\d)\2{0,2}|\D)", value)
    said = []
    for run, digit in runs:
        if not digit:
            said.append(run.strip())
            continue
        word = "oh" if digit == "0" and rng.random() < 0.7 else WORDS["en"][int(digit)]
        said.append({1: word, 2: f"double {word}", 3: f"triple {word}"}[len(run)])
    return " ".join(filter(None, said))


def _hyphenated(value: str) -> str:
    return say(re.sub("[ -]", "", value), "en").replace(" ", "-")


def _at_dot(value: str, at: str, dot: str) -> str:
    return value.replace("@", at).replace(".", dot)


def _spaced(value: str, sign: str) -> str:
    """The sign between all characters, in place of the gaps that a number has."""
    return sign.join(value.replace(" ", "") if "@" in value else re.sub(r"[ -]", "", value))


def _reversed(value: str, rng: random.Random) -> str:
    return rng.choice(("{}", "{} (reversed)", "backwards: {}")).format(value[::-1])


def _leet(value: str) -> str:
    """Letters of words as digits; the top-level domain stays, or nobody could tell."""
    body, dot, end = value.rpartition(".") if "@" in value else (value, "", "")
    return body.translate(_LEET) + dot + end


def _digits_as_letters(value: str, rng: random.Random) -> str:
    places = [at for at, sign in enumerate(value) if sign in "0158"]
    chosen = set(rng.sample(places, (len(places) + 1) // 2))
    return "".join(sign.translate(_LOOKALIKES) if at in chosen else sign for at, sign in enumerate(value))


def groups(value: str, rng: random.Random) -> list[str]:
    """The groups a value is written in, or groups of three or four."""
    parts = [part for part in re.split(r"[ -]", value) if part]
    if len(parts) > 1 and all(len(part) > 1 for part in parts):
        return parts
    size = rng.choice((3, 4))
    plain = "".join(parts)
    return [plain[at : at + size] for at in range(0, len(plain), size)]


def _filled(value: str, rng: random.Random) -> str:
    filler = rng.choice(_FILLERS)
    return filler.join(groups(value, rng))


def _starts_ends(value: str, rng: random.Random) -> str:
    parts = groups(value, rng)
    half = (len(parts) + 1) // 2
    return f"(starts with {' '.join(parts[:half])} and ends with {' '.join(parts[half:])})"


def _case(value: str, rng: random.Random) -> str:
    return "".join(sign.upper() if rng.random() < 0.5 else sign.lower() for sign in value)


def _keycaps(value: str) -> str:
    return re.sub(r"([0-9])", "\\1\ufe0f\u20e3", value)


_DIGITS = shapes("digits")
_EMAIL = shapes("email")
TECHNIQUES: tuple[Technique, ...] = (
    of_value("number words", "other", NUMBERS, lambda value, _: say(value, "en")),
    of_value("number words, hyphens", "other", _DIGITS, lambda value, _: _hyphenated(value)),
    of_value("number words, spoken", "other", _DIGITS, _say_loosely),
    of_value("number words, German", "other", _DIGITS, lambda value, _: say(value, "de")),
    of_value("number words, French", "other", _DIGITS, lambda value, _: say(value, "fr")),
    of_value("number words, Spanish", "other", _DIGITS, lambda value, _: say(value, "es")),
    of_value("at and dot", "other", _EMAIL, lambda value, _: _at_dot(value, " at ", " dot ")),
    of_value("AT and DOT", "other", _EMAIL, lambda value, _: _at_dot(value, " AT ", " DOT ")),
    of_value("(at) and (dot)", "other", _EMAIL, lambda value, _: _at_dot(value, "(at)", "(dot)")),
    of_value("[at] and [dot]", "other", _EMAIL, lambda value, _: _at_dot(value, " [at] ", " [dot] ")),
    of_value("{at} and {dot}", "other", _EMAIL, lambda value, _: _at_dot(value, "{at}", "{dot}")),
    of_value("[.]", "other", _EMAIL | shapes("net"), lambda value, _: value.replace(".", "[.]").replace(":", "[:]")),
    of_value("spaces", "other", INLINE - shapes("words"), lambda value, _: _spaced(value, " ")),
    of_value("dashes", "other", SHORT - shapes("date"), lambda value, _: _spaced(value, "-")),
    of_value("dots", "other", SHORT - shapes("date", "net", "email"), lambda value, _: _spaced(value, ".")),
    of_value("underscores", "other", SHORT, lambda value, _: _spaced(value, "_")),
    of_value("reversed", "other", INLINE, _reversed),
    of_value("leet", "other", shapes("email", "words"), lambda value, _: _leet(value)),
    of_value("digits as letters", "other", _DIGITS, _digits_as_letters),
    of_value("filler words", "other", _DIGITS | shapes("code"), _filled),
    of_value("starts and ends", "other", _DIGITS | shapes("code"), _starts_ends),
    of_value("mixed case", "other", shapes("email", "code"), _case),
    of_value("keycap emoji", "other", NUMBERS, lambda value, _: _keycaps(value)),
)
