"""An address of somebody is found as its country writes it; a street, a firm or a landmark is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Types = Callable[[str], list[str]]


@pytest.mark.parametrize(
    "text",
    [
        "742 Oak Street, Springfield, IL 62704",
        "742 oak street, springfield, il 62704",
        "728 Alison Shore\nFowlerton, ON X2K 1P4",
        "66/9 Rachel Beach\nNorth Anthonymouth, VIC, 2545",
        "Flat 43N\nAmanda Ridges\nIqbalfurt\nL3 3UY",
        "Kulhavého 212\n183 24 Dobřichovice",
        "Ασβεστοπέτρας 3,\n39161 Σάμος",
        "my address is 55/792, Bhatt Path, Bhilai 583907",
        "moje adresa je Výravská 9, 718 10 Černošín",
        "mi dirección es Cañada Macarena Rodriguez 54, Tarragona, 28772",
        "住所は青森県横浜市神奈川区丸の内5丁目11番5号 039-1234です",
        "4 Larch Hill Road, Leeds LS1 4AP",
        "18 Bank St, Toronto, ON K1P 5N4",
        "12 Wattle Ave, Carlton VIC 3053",
        "please ship it to 12 Elm Road",
        "she lives at Maple Court 12",
        "Barnaby Thistlewood, 3 Abbey Row, Wells",
        "8 Juniper Bank, Malvern WR14 3AY",
        "Lindenstraße 12, 10969 Berlin",
        "ich wohne in der Lindenstr. 12",
        "18 Kapellenstrasse, 4600 Wels is where I live",
        "Am Deich 9, 26506 Norden",
        "12 rue de la Paix, 75002 Paris",
        "j'habite au 12 bis rue des Lilas",
        "Calle Mayor 12, 28013 Madrid",
        "vivo en la Calle Mayor, 12",
        "Via Garibaldi 7, 00153 Roma",
        "Rua Augusta 150, 1100-053 Lisboa",
        "Prinsengracht 261, 1016 GV Amsterdam",
        "ul. Kwiatowa 5/7, 00-950 Warszawa",
        "mieszkam na ul. Kwiatowej 5",
        "Storgatan 12, 123 45 Stockholm",
        "проживает по адресу ул. Ленина, д. 5",
        "北京市朝阳区建国路88号",
        "東京都千代田区丸の内1-9-1",
        "서울시 강남구 테헤란로 152",
        "2224 Trenerys gate 232 Apt. 342",
        "PSC 6293, Box 8158\nAPO AP 04336",
        "my new address is P.O. Box 482, Tulsa, OK 74101",
    ],
)
def test_an_address_is_found_as_it_is_written_in_its_country(text: str, types_in: Types) -> None:
    """A postcode, a flat, or words that say who lives there make a place somebody's home."""
    assert types_in(text) == ["address"]


@pytest.mark.parametrize(
    "text",
    [
        "We walked down Oxford Street for 3 hours",
        "10 Downing Street, London SW1A 2AA",
        "1600 Pennsylvania Avenue NW, Washington, DC 20500",
        "221B Baker Street, London NW1 6XE",
        "the museum at 44 Great Russell Street, London WC1B 3DG",
        "Glasbau Feldmoor GmbH, Hauptstraße 5, 24103 Kiel",
        "add 12 drops on the way to 500",
        "what is the shortest path from node 3 to node 12",
        "the meeting moved to 4 February, spring 2025 at the latest",
        "run 3 tests in suite 2 and 5 on the drive",
        "the place in the village, 25 km out",
        "the string 12 and the ring 7 are set",
        "drive 120 miles on route 66",
        "via email 12 times",
        "my email address is missing in row 48217 of 52000",
        "the server address is 10.0.0.1:8080 in rack 12 since 2021",
        "my address book has 48217 entries, 12 of them new",
        "Revenue 212\n18324 units in Q3",
        "Table 4, 12345 rows",
        "Article 5, Paragraph 3 of the Street Law 2019",
        "Sherlock Holmes lives at 221B Baker Street",
        "Harry Potter lives at 4 Privet Drive",
    ],
)
def test_places_that_are_nobodys_home_are_not_addresses(text: str, types_in: Types) -> None:
    """Streets in prose, landmarks and firms say nothing about a private person."""
    assert types_in(text) == []
