"""Dates of birth, passports, driving licences, health and account numbers: what a label in front of them gives away.

Labels in English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Swedish, Turkish, Russian, Chinese,
Japanese, Korean, Arabic and Hindi, where the document exists there.
"""

from __future__ import annotations

import re

from router_ml.guardrails.detectors import checks
from router_ml.guardrails.detectors.detector import Detector, Span, labelled_otherwise
from router_ml.guardrails.detectors.documents import Document, detector
from router_ml.guardrails.detectors.labels import labelled_rows

_FIGURES = (
    r"\d{1,2}[./-] ?\d{1,2}[./-] ?\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}|\d{4} ?[年년] ?\d{1,2} ?[月월] ?\d{1,2}"
    r"|(?:19|20)\d{6}"
)
_WRITTEN = (
    r"\d{1,2}(?:st|nd|rd|th|er|º|\.)?[ ./-]{1,2}(?:of |de |d')?[^\W\d_]{3,12}\.?[ ./,-]{1,2}(?:de |del )?\d{2,4}"
    r"|[^\W\d_]{3,12}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}"
)
_DATE = rf"(?:{_FIGURES}|{_WRITTEN})"
_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)|\d{8}", re.ASCII)
_LONG_AGO = 1900  # nobody who lives was born before


def _birth(match: re.Match[str]) -> Span | None:
    year = _YEAR.search(match["value"])
    return None if year is not None and int(year[0][:4]) < _LONG_AGO else match.span("value")


_BIRTH = (
    "dob|d\\.o\\.b\\.?|dates? of birth|birth ?dates?|geburtsdatum|geb\\.-?datum|geburtstag|fecha de nacimiento"
    "|date de naissance|data di nascita|data de nascimento|geboortedatum|data urodzenia|datę urodzenia"
    "|födelsedatum|fødselsdato"
    "|syntymäaika|datum narození|doğum tarihi|дата рождения|дата народження"
    "|生年月日|出生日期|出生年月|생년월일"
    "|تاريخ الميلاد|जन्म ?तिथि|birthday|anniversaire|cumpleaños|compleanno|aniversário|verjaardag|urodziny"
    "|생일|生日|誕生日"
)
_BORN = (
    "born(?: on)?|b\\.|geb\\.?|geboren(?: op| am)?|née?|nacid[oa]|nat[oa] il|nascid[oa]"
    "|urodzon[ya]|född|født|doğumlu|родил(?:ся|ась)|生于"
)
_I_WAS_BORN = (
    "i was born|i am born|i'm born|ich bin geboren|ich wurde geboren|je suis née?|nací|sono nat[oa]|nasci"
    "|ik ben geboren|urodził[ea]m się|jag är född|jeg er født|я родил(?:ся|ась)|我出生于|我生于"
)
_PASSPORT = (
    "passports?|reisepass|pass-?nr|passnummer|pasnummer|passeport|pasaporte|passaporto|passaporte|paspoort|paszportu?"
    "|číslo pasu|cestovní pas|passin numero|pasaport|паспорта?|旅券|パスポート|护照|護照|여권|جواز(?: السفر)?|पासपोर्ट"
)
_LICENCE = (
    "driv(?:er'?s?|ers?’?s?|ing) ?licen[cs]es?|driver’s licen[cs]es?|licen[cs]e to drive|dl|d\\.l\\.|führerschein"
    "|fahrerlaubnis|permis de conduire|licencia de conduc(?:ir|ción)|carnets? de conducir|carné de conducir"
    "|permiso de conducir|patente di guida|patente|carteira de (?:habilitação|motorista)"
    "|carta de condução|cnh|rijbewijs|prawo jazdy"
    "|prawa jazdy|körkort|førerkort|kørekort|ajokort\\w?|řidičsk\\w{1,3} průkaz|sürücü belgesi|ehliyet"
    "|водительск\\w{2,3} удостоверени\\w|права|驾驶证|驾照|駕照|運転免許|免許証|운전면허|رخصة القيادة|ड्राइविंग लाइसेंस"
)
_ACCOUNT = (
    "(?<!aws )(?<!cloud )(?<!azure )(?<!service )account|acct|a/c|bank acc|konto|bankkonto|kontonummer|compte|cuenta"
    "|conto|conto corrente|conta|conta corrente|rekening|rekeningnummer|rachunku?|konta|kontonr|tilinumero|účtu"
    "|hesap(?: no| numarası)?|счета?|рахунок|口座|账号|账户|帐号|帳號|계좌|الحساب|खाता"
)
_CUSTOMER = (
    "customer (?:no|number|id|account)|client (?:no|number)|member(?:ship)? (?:no|number|id)|loyalty (?:no|number|id)"
    "|policy (?:no|number)|kundennummer|kunden-?nr|mitgliedsnummer|versicherungsscheinnummer|numéro (?:de )?client"
    "|numéro d'adhérent|número de cliente|numero cliente|codice cliente|klantnummer|numer klienta|kundnummer|kundenr"
    "|müşteri numarası|номер клиента|客户号|お客様番号|会員番号|고객번호"
)
_TAX_OR_ID = (
    "tax (?:no|number|id|file number|ref(?:erence)?)|tin(?: no| number|:)|taxpayer (?:id|number)"
    "|national (?:id|identity|insurance)(?: card)?|identity (?:card|no|number)|id (?:card|no)"
    "|(?<!user )(?<!order )(?<!product )(?<!customer )(?<!transaction )id number|personal (?:id"
    "|identification|number|code)|citizen(?:ship)? (?:id|number)|pension (?:no|number)|insurance (?:no"
    "|number)|steuer-?(?:nummer|nr|id)|sozialversicherungs-?(?:nummer|nr)|numéro fiscal"
    "|numéro de sécurité sociale|carte d'identité|número de la seguridad social|documento de identidad"
    "|identificación fiscal|carta d'identità|partita iva|número de identificação|bilhete de identidade"
    "|identiteitskaart|sofinummer|numer dowodu|personnummer|kimlik no|vergi no|инн|удостоверени\\w|税号"
    "|身份证号|納税者番号|납세자|رقم الهوية|पहचान पत्र"
)
_MEDICAL = (
    "mrn|krankenakten?|patientenakte|nhc|hi-no|kv-?nr|medical record|medical file|hospital (?:no|number)"
    "|patient|patienten"
    "|health insurance|health card|health (?:no|number)|insured|insurance|versicherten|numéro de dossier"
    "|dossier médical|dossier patient|historia cl[ií]nica|expediente|cartella clinica|tessera sanitaria"
    "|prontu[áa]rio|cartão de saúde|zorgverzekering|polisnummer|patiëntnummer|numer pacjenta"
    "|patientnummer|journalnummer|hasta no|dosya no|номер карты пациента|медкарты|омс|病历号|住院号|診察券番号|患者番号"
    "|被保険者番号|환자번호|رقم المريض|ehic|european health insurance card|ohip|ramq"
)
_PASSPORT_NUMBER = r"[A-Z]{0,3} ?\d[A-Z0-9]{5,8}|[A-Z]{2}[A-Z0-9]{6,7}|\d\d ?\d\d ?\d{6}"
_LICENCE_NUMBER = r"[A-Z]{0,2}\d{2,4}(?:[ -]\d{2,6}){1,4}|[A-Z0-9](?:-?[A-Z0-9]){5,18}"


def _plain(match: re.Match[str]) -> Span | None:
    return None if labelled_otherwise(match.string, match.start()) else match.span()


HEALTH = (
    Document(
        "de_health",
        checks.germany_health,
        r"[a-z] ?\d{3} ?\d{3} ?\d{3}",
        "krankenversicher|versichertennummer|versicherten|kvnr|krankenkasse|gesundheitskarte|egk",
        digits=9,
    ),
    Document("us_dea", checks.dea, r"[a-z]{2}\d{7}", "dea"),
    Document("ca_ramq", None, r"[a-z]{4} ?\d{4} ?\d{4}", "ramq|assurance[- ]maladie|carte soleil"),
)

RECORDS = (
    *(detector(document) for document in HEALTH),
    *labelled_rows("date_of_birth", _BIRTH, _DATE, accept=_birth, glued=False),
    *labelled_rows(  # "date of birth of the patient was given as": only figures, which prose rarely holds
        "date_of_birth",
        "dob|dates? of birth|birth ?date|geburtsdatum|date de naissance|fecha de nacimiento",
        _FIGURES,
        loose=5,
        accept=_birth,
        glued=False,
    ),
    # a birthday in figures is how forms write it; prose about public figures spells the month
    *labelled_rows("date_of_birth", _BORN, _FIGURES, accept=_birth, glued=False),
    *labelled_rows("date_of_birth", _I_WAS_BORN, _DATE, accept=_birth, glued=False),
    *labelled_rows("passport", _PASSPORT, _PASSPORT_NUMBER, loose=4, reverse=True, least=2),
    *labelled_rows("driving_licence", _LICENCE, _LICENCE_NUMBER, loose=2, reverse=True, least=5),
    *labelled_rows(
        "bank_account", _ACCOUNT, r"(?!\d{4}-\d\d-\d\d|\d{4}-\d{4}(?!\d))\d(?:[ -]?\d){6,16}", reverse=False, least=7
    ),
    *labelled_rows("customer_number", _CUSTOMER, r"[A-Z]{0,3}-?\d(?:[ -]?\d){4,11}", least=6),
    *labelled_rows("medical_record", _MEDICAL, r"[A-Z]{0,3}[ -]?\d(?:[ -]?\d){5,19}", least=6),
    *labelled_rows(
        "tax_or_national_id", _TAX_OR_ID, r"[A-Z]{0,3}[ -]?\d(?:[ ./-]?\d){6,15}(?:[ -]?[A-Z]{1,2})?", least=7
    ),
    Detector(  # HL7 version 2, segment PID: identifiers and the name of a patient
        type="medical_record",
        risk="pii",
        pattern=re.compile(r"(?<![A-Za-z0-9])PID\|\d{0,4}\|[^|\n]{0,80}\|(?P<value>[^|\n]{3,120})\|", re.ASCII),
        triggers=("pid|",),
    ),
    Detector(  # Centers for Medicare & Medicaid Services: positions 2, 5, 8 and 9 are letters without S, L, O, I, B, Z
        type="us_medicare",
        risk="pii",
        pattern=re.compile(
            r"(?<![A-Za-z0-9-])[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?"
            r"[AC-HJKMNP-RT-Y]{2}\d\d(?![A-Za-z0-9-])",
            re.ASCII,
        ),
        digits=5,
        accept=_plain,
    ),
    Detector(  # DVLA: five of the surname, birth date spread around, initials, check; not likely by chance
        type="driving_licence",
        risk="pii",
        pattern=re.compile(
            r"(?<![A-Za-z0-9])[A-Z][A-Z9]{4} ?\d(?:[05][1-9]|[16][0-2])(?:0[1-9]|[12]\d"
            r"|3[01])\d ?[A-Z][A-Z9]\d[A-Z]{2}"
            r"(?![A-Za-z0-9])",
            re.ASCII,
        ),
        digits=7,
        accept=_plain,
    ),
)
