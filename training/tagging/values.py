"""Values for the slots of entity templates: Faker in many locales, and a vocabulary of our own.

Names are split by a hash: a third of all first and last names is never used for training, so that what is measured on
it is what a tagger makes of names that it has not seen.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faker import Faker

ROOT = Path(__file__).parents[1]
VOCABULARY = ROOT / "data" / "entities" / "vocabulary.json"
_LOCALES = (  # the first ones several times: most requests are in them
    *("en_US", "en_GB", "de_DE", "fr_FR", "es_ES") * 2,
    *(
        "en_AU",
        "en_CA",
        "en_IE",
        "en_NZ",
        "en_IN",
        "en_PH",
        "en_NG",
        "de_AT",
        "de_CH",
        "fr_CA",
        "es_MX",
        "es_AR",
        "it_IT",
        "nl_NL",
        "nl_BE",
        "pl_PL",
        "sv_SE",
    ),
    *(
        "da_DK",
        "no_NO",
        "fi_FI",
        "pt_BR",
        "pt_PT",
        "tr_TR",
        "cs_CZ",
        "sk_SK",
        "hu_HU",
        "ro_RO",
        "hr_HR",
        "et_EE",
        "lt_LT",
        "lv_LV",
        "sl_SI",
        "id_ID",
        "vi_VN",
    ),
    *("yo_NG", "sw", "tw_GH", "az_AZ", "el_GR", "ru_RU", "uk_UA", "bg_BG"),
)
_OTHER_SCRIPTS = ("ja_JP", "zh_CN", "ko_KR", "hi_IN", "ar_AA")
_NO_LATER = datetime(2026, 1, 1, tzinfo=UTC)  # up to now, Faker would say, and every run would differ
_OTHER_SCRIPT, _OWN_NAME, _RETRIES = 0.03, 0.3, 60


def is_held_out(name: str) -> bool:
    """Whether a first or last name belongs to the third that nothing is trained on."""
    return hashlib.sha256(name.casefold().encode()).digest()[0] % 3 == 0


class Values:
    """Values for slots; one object is one repeatable sequence.

    Args:
        held_out: only names that nothing is trained on; else only the others.
        more: further values by slot that are taken half of the time, where there are any.
    """

    def __init__(self, seed: int, *, held_out: bool = False, more: Mapping[str, Sequence[str]] | None = None) -> None:
        self._fakers = [Faker(locale) for locale in _LOCALES]
        self._foreign = [Faker(locale) for locale in _OTHER_SCRIPTS]
        for number, faker in enumerate([*self._fakers, *self._foreign]):
            faker.seed_instance(seed * 1000 + number)
        self._dice = random.Random(seed)
        self._held_out = held_out
        self._more = dict(more or {})
        self._words: dict[str, list[str]] = json.loads(VOCABULARY.read_text(encoding="utf-8"))
        self._faker: Any = self._fakers[0]
        self._italian = self._fakers[_LOCALES.index("it_IT")]

    def __call__(self, slot: str) -> str:
        """A value for one slot.

        Raises:
            ValueError: the slot is unknown.
        """
        dice = self._dice
        self._faker = dice.choice(self._foreign if dice.random() < _OTHER_SCRIPT else self._fakers)
        more = self._more.get(slot)
        if more and dice.random() < 0.5:
            return dice.choice(more)
        if slot in ("public_figure", "product", "job", "title"):
            return dice.choice(self._words[slot])
        makers = {**self._entities(), **self._others()}
        if slot not in makers:
            raise ValueError(f"Unknown slot {{{{{slot}}}}}. Expected one of: {', '.join(sorted(makers))}.")
        return makers[slot]()

    def _entities(self) -> dict[str, Callable[[], str]]:
        return {
            "person": self._person,
            "first_name": lambda: self._name("first_name"),
            "last_name": lambda: self._name("last_name"),
            "address": self._address,
            "street": self._street,
            "organization": self._organization,
        }

    def _others(self) -> dict[str, Callable[[], str]]:
        faker, dice = self._fakers[0], self._dice
        return {
            "city": lambda: self._made("city"),
            "country": lambda: self._made("country"),
            "month": lambda: self._made("month_name"),
            "email": lambda: self._made("email"),
            "phone": lambda: self._made("phone_number"),
            "date_of_birth": lambda: faker.date(dice.choice(("%d.%m.%Y", "%Y-%m-%d", "%m/%d/%Y")), _NO_LATER),
            "national_id": lambda: self._made("ssn"),
            "account": lambda: faker.numerify(dice.choice(("##########", "DE####################", "AC-#######"))),
            "medical_record": lambda: faker.numerify(dice.choice(("MRN ######", "P-#####", "########"))),
            "date": lambda: faker.date(dice.choice(("%d.%m.%Y", "%Y-%m-%d", "%d %B", "%B %d, %Y")), _NO_LATER),
            "order_id": lambda: faker.bothify(dice.choice(("#####", "??-######", "ORD-####-###"))).upper(),
            "amount": lambda: dice.choice(("${}", "{} EUR", "{}", "€{}", "£{}")).format(dice.randint(5, 9000)),
            "url": lambda: self._made("url"),
        }

    def _made(self, kind: str) -> str:
        """A value of the locale drawn, or, where Faker has none for it, of American English."""
        if self._faker is self._italian and kind in ("city", "address", "postcode"):
            return self._made_italian(kind)
        result: str = getattr(self._faker if hasattr(self._faker, kind) else self._fakers[0], kind)()
        return result

    def _made_italian(self, kind: str) -> str:
        """Faker draws Italian towns from a set, whose order changes with every process."""
        town, code = self._dice.choice(self._words["italian_town"]), f"{self._dice.randint(10, 98100):05d}"
        return {"city": town, "postcode": code}.get(kind) or f"{self._faker.street_address()}\n{code}, {town}"

    def _name(self, part: str) -> str:
        """A first or last name of the right third."""
        for _ in range(_RETRIES):
            own = self._faker in self._fakers and self._dice.random() < _OWN_NAME
            name: str = self._dice.choice(self._words[part]) if own else self._made(part)
            if is_held_out(name) == self._held_out:
                return name
            if self._dice.random() < 0.1:
                self._faker = self._dice.choice(self._fakers)
        return name

    def _person(self) -> str:
        dice = self._dice
        first, last = self._name("first_name"), self._name("last_name")
        form = dice.choices(
            (
                "{f} {l}",
                "{f} {i}. {l}",
                "{i}. {l}",
                "{f} {m} {l}",
                "{f} {l}-{k}",
                "{f} {l} {k}",
                "{l}, {f}",
                "{f} {i} {l}",
            ),
            (70, 6, 4, 5, 4, 5, 3, 3),
        )[0]
        more = {"m": self._name("first_name"), "k": self._name("last_name")} if "{m}" in form or "{k}" in form else {}
        return form.format(f=first, l=last, i=dice.choice("ABCDEFGHJKLMNPRSTW"), **more)

    def _address(self) -> str:
        """A whole address, over lines or in one; sometimes without its town."""
        dice = self._dice
        kind = dice.random()
        if kind < 0.6:
            whole = self._made("address")
        elif kind < 0.85:
            return self._street()
        else:
            whole = f"{self._street()}\n{self._made('postcode')} {self._made('city')}"
        return whole.replace("\n", dice.choice((", ", "\n", "\n ", " ", ",")))

    def _street(self) -> str:
        """Street and number."""
        dice = self._dice
        if dice.random() < 0.75:
            street = self._made("street_address")
        else:
            parts = {"n": self._made("building_number"), "s": self._made("street_name")}
            street = dice.choice(("{n} {s}", "{s} {n}")).format(**parts)
        street += dice.choices(("", " Apt. {}", " Suite {}", ", Unit {}", " #{}"), (80, 5, 5, 5, 5))[0].format(
            dice.randint(1, 999)
        )
        return street.replace("\n", " ")

    def _organization(self) -> str:
        dice, words = self._dice, self._words
        kind = dice.random()
        if kind < 0.3:
            return self._made("company")
        if kind < 0.6:
            parts = {"city": self._made("city"), "first": self._name("first_name"), "last": self._name("last_name")}
            return dice.choice(words["institution"]).format(**parts)
        brand = dice.choice(words["brand"])
        brand = dice.choice(
            (brand, f"{brand}{dice.choice(words['brand']).lower()}", f"{brand} {dice.choice(words['brand'])}")
        )
        ending = dice.choice(words["trade"]), dice.choice(words["suffix"])
        return f"{brand} {dice.choice((ending[0], ending[1], ' '.join(ending)))}"
