"""National and tax ids: one row per document, checked by the validators of python-stdnum.

Digits with a check digit are still matched by one number in ten or in a hundred, so a shape that is only digits needs
a word near it that says what it is; shapes with letters, a date or fixed punctuation stand alone.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass

from router_ml.guardrails.detector import (
    Accept,
    Detector,
    Span,
    ascii_digits,
    label,
    labelled,
    labelled_otherwise,
    near,
)
from router_ml.guardrails.placeholders import is_counting


@dataclass(frozen=True)
class Document:
    """``shape`` proposes, ``module`` of stdnum checks, ``names`` are words that must be near unless it is ``alone``."""

    type: str
    module: str
    shape: str
    names: str
    alone: str | None = None


_ANY = "national id|national identity|personal id|identity number|identity card|identification number|tax id|tax number"
_CLEAR_NAME = 5  # shorter names are also words ("tin", "sin", "run") unless written in capitals
_BALTIC = "isikukood|asmens kod|personal code|personas kod"

DOCUMENTS = (
    Document("at_vnr", "at.vnr", r"\d{4} ?\d{6}", "svnr|vsnr|sozialversicherungs|versicherungsnummer"),
    Document("au_tfn", "au.tfn", r"\d{3} ?\d{3} ?\d{2,3}", "tfn|tax file"),
    Document(
        "be_nn",
        "be.nn",
        r"\d\d\.?\d\d\.?\d\d-?\d{3}[.-]?\d\d",
        "rijksregister|registre national|niss|insz",
        alone=r"\d\d\.\d\d\.\d\d-\d{3}[.-]\d\d",
    ),
    Document("bg_egn", "bg.egn", r"\d{10}", "egn|егн"),
    Document("br_cpf", "br.cpf", r"\d{3}\.?\d{3}\.?\d{3}-?\d\d", "cpf", alone=r"\d{3}\.\d{3}\.\d{3}-\d\d"),
    Document("ca_sin", "ca.sin", r"\d{3}[ -]?\d{3}[ -]?\d{3}", "sin|nas|social insurance"),
    Document("ch_ahv", "ch.ssn", r"756[. ]?\d{4}[. ]?\d{4}[. ]?\d\d", "ahv|avs", alone=r"756\.\d{4}\.\d{4}\.\d\d"),
    Document("cl_rut", "cl.rut", r"\d{1,2}\.?\d{3}\.?\d{3}-[\dk]", "rut|run", alone=r"\d{1,2}\.\d{3}\.\d{3}-[\dk]"),
    Document(
        "cn_ric",
        "iso7064.mod_11_2",  # stdnum.cn.ric also looks the district up and fails on retired ones
        r"[1-9]\d{5}(?:19|20)\d\d(?:0\d|1[0-2])[0-3]\d{4}[\dx]",
        "身份证|id card|resident id|identity",
    ),
    Document("cz_rc", "cz.rc", r"\d{6}/?\d{3,4}", "rodné|rodne|birth number"),
    Document("de_idnr", "de.idnr", r"\d{2}(?: ?\d{3}){3}", "steuer-?id|steueridentifikation|idnr|tin"),
    Document("dk_cpr", "dk.cpr", r"\d{6}[- ]?\d{4}", "cpr|personnummer"),
    Document("ee_ik", "ee.ik", r"[1-6]\d{10}", _BALTIC),
    Document("es_dni", "es.dni", r"\d{8}-?[a-z]", "dni|nif|documento", alone=r"\d{8}-?[A-Z]"),
    Document("es_nie", "es.nie", r"[xyz]-?\d{7}-?[a-z]", "nie", alone=r"[XYZ]-?\d{7}-?[A-Z]"),
    Document("fi_hetu", "fi.hetu", r"\d{6}[-+a]\d{3}[\da-z]", "hetu|henkilötunnus", alone=r"\d{6}[-+A]\d{3}[\dA-Z]"),
    Document(
        "fr_nir",
        "fr.nir",
        r"[12] ?\d\d ?\d\d ?\d[\dab] ?\d{3} ?\d{3} ?\d\d",
        "nir|sécu|secu|sécurité sociale|securite sociale|insee",
        alone=r"[12] \d\d \d\d \d[\dAB] \d{3} \d{3} \d\d",
    ),
    Document("gr_amka", "gr.amka", r"\d{11}", "amka|αμκα"),
    Document("hr_oib", "hr.oib", r"\d{11}", "oib"),
    Document("ie_pps", "ie.pps", r"\d{7}[a-w][a-iw]?", "pps"),
    Document("il_id", "il.idnr", r"\d{9}", "teudat zehut|israeli id"),
    Document("in_aadhaar", "in_.aadhaar", r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}", "aadha|aadhar|uidai|आधार"),
    Document("in_pan", "in_.pan", r"[a-z]{5}\d{4}[a-z]", "pan|permanent account", alone=r"[A-Z]{5}\d{4}[A-Z]"),
    Document(
        "it_codice_fiscale",
        "it.codicefiscale",
        r"[a-z]{6}\d\d[a-z]\d\d[a-z]\d{3}[a-z]",
        "codice fiscale",
        alone=r"\w{16}",
    ),
    Document("kr_rrn", "kr.rrn", r"\d{6}-?[1-8]\d{6}", "rrn|주민등록|resident registration", alone=r"\d{6}-\d{7}"),
    Document("lt_asmens", "lt.asmens", r"[3-6]\d{10}", _BALTIC),
    Document("mx_curp", "mx.curp", r"[a-z]{4}\d{6}[hm][a-z]{5}[\da-z]\d", "curp", alone=r"\w{18}"),
    Document("nl_bsn", "nl.bsn", r"\d{3}[. ]?\d{3}[. ]?\d{3}|\d{4}\.\d{2}\.\d{3}", "bsn|burgerservice|sofi"),
    Document("no_fnr", "no.fodselsnummer", r"\d{6}[ -]?\d{5}", "fødselsnummer|fodselsnummer|personnummer|fnr"),
    Document("pl_pesel", "pl.pesel", r"\d{11}", "pesel"),
    Document("pt_nif", "pt.nif", r"\d{3} ?\d{3} ?\d{3}", "nif|contribuinte"),
    Document("ro_cnp", "ro.cnp", r"[1-9]\d{12}", "cnp|cod numeric"),
    Document(
        "se_personnummer",
        "se.personnummer",
        r"(?:19|20)?\d{6}[-+]?\d{4}",
        "personnummer|pnr|personal number",
        alone=r"(?:19|20)?\d{6}-\d{4}",
    ),
    Document("yu_jmbg", "si.emso", r"\d{13}", "jmbg|emšo|emso|embg|јмбг"),
    Document("tr_tc", "tr.tckimlik", r"[1-9]\d{10}", "tc|tckn|kimlik"),
    Document("uk_nhs", "gb.nhs", r"\d{3}[ -]?\d{3}[ -]?\d{4}", "nhs"),
    Document("us_itin", "us.itin", r"9\d\d-?\d\d-?\d{4}", "itin|taxpayer", alone=r"9\d\d-\d\d-\d{4}"),
    Document("za_id", "za.idnr", r"\d{13}", "sa id|south african id|id number|rsa id"),
)


def _is_valid(module: str, value: str) -> bool:
    return bool(importlib.import_module(f"stdnum.{module}").is_valid(value))


def _accept(document: Document, near_by: re.Pattern[str]) -> Accept:
    """Valid and named near by; or valid and unmistakable in shape; or mistyped, which is still personal, and named."""
    alone = re.compile(document.alone, re.ASCII) if document.alone is not None else None
    right_before = label(document.names)

    def accept(match: re.Match[str]) -> Span | None:
        text, value = match.string, match[0]
        if _is_valid(document.module, value.upper()):
            if near(near_by, text, match.span()):
                return match.span()
            fits = alone is not None and alone.fullmatch(value) is not None
            return match.span() if fits and not labelled_otherwise(text, match.start()) else None
        name = labelled(right_before, text, match.start())
        clear = name is not None and (len(name["name"]) >= _CLEAR_NAME or name["name"].isupper())
        return match.span() if clear and not is_counting(ascii_digits(value)) else None

    return accept


def _detector(document: Document) -> Detector:
    names = f"{document.names}|{_ANY}"
    return Detector(
        type=document.type,
        risk="pii",
        pattern=re.compile(
            rf"(?<![^\W_])(?<!\d[-./,])(?:{document.shape})(?![^\W_]|[-./,]\d)", re.ASCII | re.IGNORECASE
        ),
        triggers=tuple(re.split(r".?\?", name)[0] for name in names.split("|")) if document.alone is None else (),
        digits=4,
        accept=_accept(document, re.compile(rf"(?<![^\W\d_])(?:{names})", re.IGNORECASE)),
    )


def _uk_nino(match: re.Match[str]) -> Span | None:
    return None if labelled_otherwise(match.string, match.start()) else match.span()


NATIONAL_IDS = (
    *map(_detector, DOCUMENTS),
    Detector(  # no check digit, but a shape of its own (HM Revenue & Customs, National Insurance manual NIM39110)
        type="uk_nino",
        risk="pii",
        pattern=re.compile(
            r"(?<![^\W_])(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?:[ -]?\d\d){3}[ -]?[A-D]"
            r"(?![^\W_])",
            re.ASCII,
        ),
        digits=6,
        accept=_uk_nino,
    ),
)
