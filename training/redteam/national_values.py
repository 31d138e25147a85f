"""National, tax and health numbers: each a recipe and the check of its country, drawn until the check holds."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from importlib import import_module

from training.redteam import national_recipes as recipes
from training.redteam.kinds import Kind, Make, Shape, digits, fill, grouped, until
from training.redteam.national_labels import LABELS

Recipe = Callable[[random.Random], str]


def _patterned(pattern: str) -> Recipe:
    return lambda rng: fill(rng, pattern)


_OWN: dict[str, tuple[Shape, Make]] = {
    "us_ssn": ("digits", recipes.ssn),
    "gb_nino": ("code", recipes.nino),
    "de_pension": ("code", recipes.german_pension),
    "hu_taj": ("digits", recipes.taj),
    "au_medicare": ("digits", recipes.medicare),
    "sg_nric": ("code", recipes.singapore),
}
# Recipe and the module of python-stdnum that knows the check.
CHECKED: dict[str, tuple[Shape, Recipe, str]] = {
    "us_itin": ("digits", _patterned("9##7#####"), "us.itin"),
    "ca_sin": ("digits", _patterned("#########"), "ca.sin"),
    "mx_curp": ("code", recipes.curp, "mx.curp"),
    "mx_rfc": ("code", lambda rng: recipes.mexican(rng, "***"), "mx.rfc"),
    "br_cpf": ("digits", _patterned("###########"), "br.cpf"),
    "ar_cuit": ("digits", lambda rng: rng.choice(("20", "23", "27")) + digits(rng, 9), "ar.cuit"),
    "cl_rut": ("digits", _patterned("1########"), "cl.rut"),
    "ec_ci": ("digits", lambda rng: f"{rng.randint(1, 24):02d}{rng.randint(0, 5)}{digits(rng, 7)}", "ec.ci"),
    "gb_nhs": ("digits", _patterned("##########"), "gb.nhs"),
    "gb_utr": ("digits", _patterned("##########"), "gb.utr"),
    "ie_pps": ("code", _patterned("#######@A"), "ie.pps"),
    "de_idnr": ("digits", _patterned("###########"), "de.idnr"),
    "at_vnr": ("digits", lambda rng: digits(rng, 4) + recipes.nordic(rng), "at.vnr"),
    "ch_ahv": ("digits", recipes.swiss, "ch.ssn"),
    "fr_nir": ("digits", recipes.nir, "fr.nir"),
    "be_nn": ("digits", lambda rng: recipes.short(rng) + digits(rng, 5), "be.nn"),
    "nl_bsn": ("digits", _patterned("#########"), "nl.bsn"),
    "es_dni": ("code", _patterned("########@"), "es.dni"),
    "es_nie": ("code", lambda rng: rng.choice("XYZ") + fill(rng, "#######@"), "es.nie"),
    "it_codice_fiscale": ("code", recipes.codice, "it.codicefiscale"),
    "pt_nif": ("digits", lambda rng: rng.choice("12") + digits(rng, 8), "pt.nif"),
    "pl_pesel": ("digits", recipes.pesel, "pl.pesel"),
    "pl_nip": ("digits", _patterned("##########"), "pl.nip"),
    "cz_rodne_cislo": ("digits", recipes.czech, "cz.rc"),
    "sk_rodne_cislo": ("digits", recipes.czech, "sk.rc"),
    "si_emso": ("digits", recipes.yugoslav, "si.emso"),
    "hr_oib": ("digits", _patterned("###########"), "hr.oib"),
    "ro_cnp": ("digits", recipes.romanian, "ro.cnp"),
    "bg_egn": ("digits", recipes.bulgarian, "bg.egn"),
    "gr_amka": ("digits", lambda rng: recipes.nordic(rng) + digits(rng, 5), "gr.amka"),
    "dk_cpr": ("digits", lambda rng: recipes.nordic(rng) + digits(rng, 4), "dk.cpr"),
    "se_personnummer": ("digits", recipes.swedish, "se.personnummer"),
    "no_fodselsnummer": ("digits", lambda rng: recipes.nordic(rng) + digits(rng, 5), "no.fodselsnummer"),
    "fi_hetu": ("code", recipes.finnish, "fi.hetu"),
    "is_kennitala": ("digits", lambda rng: recipes.nordic(rng) + digits(rng, 3) + "9", "is_.kennitala"),
    "ee_isikukood": ("digits", recipes.baltic, "ee.ik"),
    "lt_asmens_kodas": ("digits", recipes.baltic, "lt.asmens"),
    "tr_tckimlik": ("digits", lambda rng: rng.choice("123456789") + digits(rng, 10), "tr.tckimlik"),
    "ru_inn": ("digits", _patterned("############"), "ru.inn"),
    "ua_rnokpp": ("digits", lambda rng: f"{rng.randint(13_000, 38_000)}{digits(rng, 5)}", "ua.rntrc"),
    "il_id": ("digits", _patterned("0########"), "il.idnr"),
    "za_id": ("digits", lambda rng: recipes.short(rng) + digits(rng, 4) + "08" + digits(rng, 1), "za.idnr"),
    "in_aadhaar": ("digits", lambda rng: rng.choice("23456789") + digits(rng, 11), "in_.aadhaar"),
    "in_pan": ("code", lambda rng: fill(rng, "@@@P@####@"), "in_.pan"),
    "cn_ric": ("digits", recipes.chinese, "cn.ric"),
    "jp_my_number": ("digits", _patterned("############"), "jp.in_"),
    "kr_rrn": ("digits", recipes.korean, "kr.rrn"),
    "my_nric": ("digits", recipes.malay, "my.nric"),
    "id_nik": ("digits", recipes.indonesian, "id.nik"),
    "th_pin": ("digits", lambda rng: rng.choice("1238") + digits(rng, 12), "th.pin"),
    "au_tfn": ("digits", _patterned("#########"), "au.tfn"),
    "nz_ird": ("digits", lambda rng: f"{rng.randint(10_000_000, 149_999_999)}", "nz.ird"),
    "pk_cnic": ("digits", lambda rng: rng.choice("123456") + digits(rng, 12), "pk.cnic"),
    "co_nit": ("digits", _patterned("##########"), "co.nit"),
}


def checked(recipe: Recipe, module: str) -> Make:
    """Values of a recipe for which python-stdnum's module says valid, compact or as it is written."""

    def make(rng: random.Random) -> str:
        check = import_module(f"stdnum.{module}")
        value = until(lambda: recipe(rng), check.is_valid)
        written = check.format(value) if hasattr(check, "format") else value
        if module == "nl.bsn":
            written = grouped(value, (3, 3), " ")  # the library writes it as it was before 2007
        compact = value if len(re.findall(r"\W", value)) else check.compact(value)
        return str(rng.choice((written, written, compact)))

    return make


def _kind(name: str, shape: Shape, make: Make) -> Kind:
    return Kind(name, "pii", "health" if name in ("gb_nhs", "au_medicare") else "government", shape, make, LABELS[name])


KINDS = (
    *(_kind(name, shape, make) for name, (shape, make) in _OWN.items()),
    *(_kind(name, shape, checked(recipe, module)) for name, (shape, recipe, module) in CHECKED.items()),
)
