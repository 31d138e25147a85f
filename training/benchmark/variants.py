"""Rewordings and noise for measuring: not the errors and scribbles of ``training/labelled/augment.py``."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

_OPENERS = (
    "good morning! ",
    "Question from the train: ",
    "one more thing - ",
    "sry for typing on my phone, ",
    "Dear all, ",
)
_CLOSERS = (
    " Best regards, Kim",
    " (no rush)",
    " -- sent from my phone",
    " appreciate it",
    " and sorry for the long day",
)
_SPELLINGS = (
    ("you", "u"),
    ("are", "r"),
    ("please", "plz"),
    ("and", "&"),
    ("for", "4"),
    ("because", "cuz"),
    ("with", "w/"),
)
_SOUNDS = (
    ("ie", "ei"),
    ("ee", "ea"),
    ("ck", "k"),
    ("ph", "f"),
    ("ll", "l"),
    ("ss", "s"),
    ("tion", "shun"),
    ("ou", "uo"),
)
THANKS = {
    "en": "ok thanks",
    "de": "ok danke",
    "fr": "ok merci",
    "es": "vale, gracias",
    "it": "ok grazie",
    "pt": "ok obrigado",
    "nl": "oké bedankt",
    "pl": "ok dzięki",
    "tr": "tamam teşekkürler",
    "sv": "okej tack",
    "ru": "ок спасибо",
    "uk": "добре дякую",
    "ja": "わかりました、ありがとう",
    "zh": "好的，谢谢",
    "ko": "네 감사합니다",
    "ar": "حسنا شكرا",
    "hi": "ठीक है धन्यवाद",
    "el": "εντάξει ευχαριστώ",
    "vi": "vâng cảm ơn",
    "id": "oke terima kasih",
}


def misspelt(text: str, rng: random.Random) -> str:
    """Words written as they sound, short forms, and a letter lost inside one word in twelve."""
    words = re.split(r"(\s+)", text)
    for at, word in enumerate(words):
        if word.isalpha() and rng.random() < 1 / 12:
            change = rng.choice((*_SPELLINGS, *_SOUNDS))
            changed = word.replace(*change) if change in _SOUNDS else dict(_SPELLINGS).get(word.lower(), word)
            drop = rng.randrange(1, len(word)) if len(word) > 3 else 0
            words[at] = changed if changed != word else word[:drop] + word[drop + 1 :] if drop else word
    return "".join(words)


def recased(text: str, rng: random.Random) -> str:
    """A caps-lock slip: the first half of the words, or every second one, in the other case."""
    words = text.split(" ")
    half = rng.random() < 0.5
    return " ".join(
        word.swapcase() if (at < len(words) / 2 if half else at % 2) else word for at, word in enumerate(words)
    )


def respaced(text: str, rng: random.Random) -> str:
    """Tabs, no-break spaces and blank lines where there was one space; indentation."""
    parts = text.split(" ")
    gaps = (rng.choice((" ", " ", " ", "\t", "\u00a0", "   ", "\n\n")) for _ in parts)
    return "    " + "".join(part + gap for part, gap in zip(parts, gaps, strict=True)).rstrip()


def padded(text: str, rng: random.Random) -> str:
    """Small talk around the request."""
    return rng.choice(_OPENERS) + text + rng.choice(_CLOSERS)


def repunctuated(text: str, rng: random.Random) -> str:
    """Without commas and full stops, or with dashes for them."""
    return re.sub(r"[,.;](?=\s|$)", rng.choice(("", " -")), text)


VARIANTS: dict[str, Callable[[str, random.Random], str]] = {
    "misspelt": misspelt,
    "recased": recased,
    "respaced": respaced,
    "padded": padded,
    "repunctuated": repunctuated,
}


def scribble(rng: random.Random) -> str:
    """Keyboard noise of other kinds than training sees: rolls over neighbouring keys, reversed and shuffled letters of
    words, hexadecimal, consonants only, repeated fragments."""
    kind, size = rng.randrange(5), rng.randint(2, 12)
    if kind == 0:
        runs = ("asdf", "jklö", "qwer", "uiop", "yxcv", "sdfg", "hjkl", "dsaf", "fdsa", "lkjh")
        return "".join(rng.choices(runs, k=size)) + rng.choice(("", " ", " ;;"))
    if kind == 1:
        words = (
            "refund",
            "contract",
            "python",
            "holiday",
            "summary",
            "doctor",
            "invoice",
            "translate",
            "garden",
            "market",
        )
        return " ".join("".join(rng.sample(word, len(word))) for word in rng.choices(words, k=size))
    if kind == 2:
        return " ".join("".join(rng.choices("0123456789abcdef", k=rng.randint(4, 16))) for _ in range(size))
    if kind == 3:
        return " ".join("".join(rng.choices("bcdfghjklmnpqrstvwxz", k=rng.randint(2, 9))) for _ in range(size))
    return rng.choice(("lala ", "xoxo", "blub-", "zz zz ", "hgh hgh ", "tatü ")) * size
