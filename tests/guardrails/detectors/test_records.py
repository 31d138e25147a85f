"""What a label gives away: births, passports, licences, health and account numbers, in the languages people write."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Types = Callable[[str], list[str]]

FOUND = {
    "date_of_birth": (
        "DOB: 03/04/1985",
        "date of birth of my son Tim is 3/4/2015",
        "tell me your date of birth. It's 6/24/1991",
        "I was born on March 3, 1985",
        "Geburtsdatum: 12. März 1985",
        "geboren am 03.04.1985",
        "date de naissance : 12 mars 1985",
        "fecha de nacimiento: 12 de marzo de 1985",
        "data di nascita 12/03/1985",
        "data de nascimento 12/03/1985",
        "geboortedatum 12-03-1985",
        "data urodzenia 12.03.1985",
        "födelsedatum 1985-03-12",
        "doğum tarihi 12.03.1985",
        "дата рождения 12.03.1985",
        "出生日期1985年3月12日",
        "生年月日：1985年3月12日",
        "생년월일 1985년 3월 12일",
        "تاريخ الميلاد 12/03/1985",
    ),
    "passport": (
        "passport number is C01X00T47",
        "mein Reisepass C01X00T47",
        "X4821765 is my passport number",
        "numéro de passeport 14AB48217",
        "pasaporte XDA482176",
        "passaporto YA4821765",
        "paspoort NX4R2B3D8",
        "paszport EH4821765",
        "pasaport U48217652",
        "паспорт 4509 482176",
        "护照号码E48217650",
        "パスポート TK4821765",
        "여권 M48217652",
        "passport_number: X4821765",
    ),
    "driving_licence": (
        "driving licence MORGA657054SM9IJ",
        "MORGA657054SM9IJ",
        "my driver's license number is D482-1765-9921",
        "Führerschein B072RRE2I55",
        "permis de conduire 13AA00482",
        "carnet de conducir 48217652X",
        "patente di guida U1K48217X2",
        "rijbewijs 4821765230",
        "körkort 4821-7652",
        "驾驶证482176520017",
    ),
    "bank_account": (
        "account 48217652",
        "Kontonummer: 4821765",
        "numéro de compte 48217652",
        "número de cuenta 48217652",
        "numero conto 48217652",
        "nr konta 48217652",
        "账号48217652",
    ),
    "customer_number": ("customer number 48217652", "Kundennummer: 48217652", "policy no. AB4821765", "客户号48217652"),
    "medical_record": (
        "MRN 48217652",
        "patient ID 48217652",
        "Patientennummer: 48217652",
        "historia clínica 448812",
        "insurance number H 410 882 937",
        "PID|1||4410927^^^STBRIDE^MR||Roe^Jane||19720613",
    ),
    "us_medicare": ("1EG4-TE5-MK73", "medicare 1EG4TE5MK73"),
    "de_health": ("A123456780 ist meine Krankenversichertennummer", "KVNR A123456780"),
    "tax_or_national_id": ("id card 04417823", "tax no. 93 815 08152"),
}
NOTHING = (
    "Einstein's date of birth was 14 March 1879",
    "the birthday party is on Saturday at 7",
    "passport photos must be 35x45 mm",
    "my passport expires in 2029",
    "a driving licence costs 43 pounds since 2024",
    "account opened on 2024-01-15",
    "aws account 482176520017",
    "accounts 4000-4999 are revenue",
    "the patient is 61 years old, 82 kg, 180 cm",
    "account number 12345678",
    "customer number 123456",
    "1EG4-TE5-MK7",
    "insurance premiums rose 12 percent to 1,482.17",
)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in FOUND.items() for text in texts])
def test_a_number_is_found_by_its_label(kind: str, text: str, types_in: Types) -> None:
    """The same document has a name in every language."""
    assert types_in(text) == [kind]


@pytest.mark.parametrize("text", NOTHING)
def test_talk_about_documents_is_not_a_document(text: str, types_in: Types) -> None:
    """Rules, prices, public figures and counting digits hold nobody's number."""
    assert types_in(text) == []
