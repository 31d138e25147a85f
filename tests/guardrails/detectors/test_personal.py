"""E-mail, social security numbers, and numbers that only their label gives away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Types = Callable[[str], list[str]]
AT = "@"


@pytest.mark.parametrize(
    "address",
    [
        f"jane.roe{AT}acme-widgets.com",
        f"j_roe+news{AT}mail.acme.co.uk",
        f"o'neill{AT}acme.io",
        f"grün.müller{AT}bücher-haus.de",
        f"info{AT}gmail.com",
        f"a{AT}b.museum",
        f"İpek{AT}acme-widgets.com",
        f"{'x' * 64}{AT}acme.io",
    ],
)
def test_an_address_is_found_whatever_stands_around_it(address: str, types_in: Types) -> None:
    """Brackets, quotes, mailto links and full stops are how addresses are pasted."""
    around = (address, f"<{address}>", f"mailto:{address}", f"'{address}'", f"write to {address}.", f"x={address}&y=1")
    assert [types_in(text) for text in around] == [["email"]] * len(around)


@pytest.mark.parametrize(
    "text",
    [
        f"user{AT}example.com",
        f"jane.roe{AT}sub.example.org",
        f"root{AT}localhost",
        f"a.b{AT}host.test",
        f"x{AT}y.invalid",
        f"you{AT}company.com",
        f"your.name{AT}domain.com",
        f"git{AT}github.com:org/repo.git",
        f"deploy{AT}web1.corp-internal.net:/srv",
        f"ssh -p 22 deploy{AT}web1.corp-internal.net",
        f"no-reply{AT}acme.com",
        f"support{AT}acme.com",
        f"icon{AT}2x.png",
        f"foo{AT}bar",
        f"{AT}decorator",
        "{{email}}",
        "<your-email>",
        f"left-pad{AT}1.3.0",
    ],
)
def test_addresses_of_nobody_are_not_findings(text: str, types_in: Types) -> None:
    """Documentation domains, placeholders, desks and logins are no private person."""
    assert types_in(text) == []


def test_a_social_security_number_needs_dashes_or_a_word(types_in: Types) -> None:
    """Nine digits alone are an order number far more often."""
    area, group, serial = "536", "90", "1234"
    assert types_in(f"{area}-{group}-{serial}") == ["us_ssn"]
    assert types_in(f"my SSN is {area}{group}{serial}") == ["us_ssn"]
    assert types_in(f"social security no. {area} {group} {serial}") == ["us_ssn"]
    assert types_in(f"ID: {area}-{group}-{serial}") == ["us_ssn"]
    for text in (f"{area}{group}{serial}", f"{area} {group} {serial}", f"part no. {area}-{group}-{serial}"):
        assert types_in(text) == []
    for wrong in (f"000-{group}-{serial}", f"666-{group}-{serial}", f"{area}-00-{serial}", f"{area}-{group}-0000"):
        assert types_in(f"ssn {wrong}") == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("DOB: 03/04/1981", "date_of_birth"),
        ("date of birth 3 April 1981", "date_of_birth"),
        ("geb. 17.06.2001", "date_of_birth"),
        ("b. 1949-08-30", "date_of_birth"),
        ("passport no. 553204817", "passport"),
        ("Reisepass C4JX8821N", "passport"),
        ("account number 40817720", "bank_account"),
        ("acct 7719024", "bank_account"),
        ("MRN 00482913", "medical_record"),
        ("Patient Nr 4471902", "medical_record"),
    ],
)
def test_labelled_numbers_are_found(text: str, kind: str, types_in: Types) -> None:
    """They have no check digit; their label is all there is."""
    assert types_in(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "Einstein was born on 14 March 1879",
        "aws account 123456789013",
        "account since 2024-10-12",
        "passport control opens at 9",
        "account number 00000000",
        "my account has 640 left",
    ],
)
def test_labels_without_such_a_number_are_not_findings(text: str, types_in: Types) -> None:
    """Words alone are no personal data, and public figures spell their month."""
    assert types_in(text) == []
