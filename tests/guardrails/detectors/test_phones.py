"""Phone numbers are found as people write them; dates, versions and order numbers are not phones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Types = Callable[[str], list[str]]


@pytest.mark.parametrize(
    "text",
    [
        "call me at (415) 867-5309",
        "415-867-5309",
        "415.867.5309",
        "1-415-867-5309",
        "my number is 4158675309",
        "+1 415 867 5309",
        "+44 20 7183 8750",
        "+447700 208 815-Fax",
        "0044 20 7183 8750",
        "+49 (0)30 901820",
        "+49 30 901820 12 times a day",
        "+33 6 12 34 56 78",
        "+91 98201 54321",
        "+55 11 91234-5678",
        "+81 3-1234-5670",
        "phone: 030 901820",
        "Tel. 0171-5550382",
        "Telefon 0171/5550382",
        "06 12 34 56 78",
        "01.84.17.61.18 is her mobile",
        "reach Bob on 07911 123456",
        "02 9876 5432 (home)",
        "Phone:\n467 3395",
        "Can someone call me on 9472 7916?",
        "zap 91 98144-2073",
        "(37) 788-063-Office",
        '{"phone": "9472 7916"}',
        "appelez-moi au 06 12 34 56 78",
        "llámame al 612 345 678",
        "mi teléfono es 612345678",
        "chiamami al 347 1234567",
        "ligue para 912 345 678",
        "meu celular é 11 91234-5678",
        "mijn telefoonnummer is 0612345678",
        "zadzwoń 601 234 567",
        "mój numer to 601234567",
        "ring mig på 070-123 45 67",
        "puh. 040 1234567",
        "telefonum 05321234567",
        "мой телефон 8 916 123-45-67",
        "我的电话是13812345678",
        "手机：138 1234 5678",
        "携帯は090-1264-5678です",
        "내 전화 010-1234-5679",
        "هاتف 0501234567",
        "फोन 98765 43217",
        "+971 50 123 4567",
        "+65 9123 4567",
        "+852 9123 4567",
        "+234 803 123 4567",
    ],
)
def test_a_phone_number_is_found_in_the_formats_people_use(text: str, types_in: Types) -> None:
    """A number that is missed goes to whichever vendor is cheapest."""
    assert types_in(text) == ["phone"]


@pytest.mark.parametrize(
    "text",
    [
        "order number 415-867-5309",
        "tracking: 4158675309",
        "call 555-0134",
        "phone 212-555-0187",
        "+1 555 555 0100",
        "call 1-800-555-1234",
        "Tel. 0800 000 000",
        "hotline 0848 000 222",
        "phone: 123-456-7890",
        "tel 0000000000",
        "ISBN 978-3-16-148410-0",
        "isbn 0-306-40615-2",
        "version 10.4.2.1034",
        "phone home from 192.168.100.200",
        "call me on 2024-11-29 18:00",
        "call me on 29.11.2024",
        "call between 2019-2023",
        "call back 3.14159265358979",
        "call 112",
        "1700000000",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "550e8400-e29b-41d4-a716-446655440000",
        "$1,234,567.89",
        "1 234 567 890",
        "the phone has 6.7 inches and 1080x2400 pixels",
        "1 2 3 4 5 6 8 1 2 are on the phone screen",
    ],
)
def test_digits_that_are_something_else_are_not_phones(text: str, types_in: Types) -> None:
    """Hard negatives; the numbers kept free for fiction (555-01xx) and toll-free lines belong to nobody."""
    assert types_in(text) == []
