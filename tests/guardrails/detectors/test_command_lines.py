"""Passwords in flags, files and markup are found; references to them are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Types = Callable[[str], list[str]]
WEAK = "hunter" + "2x"


@pytest.mark.parametrize(
    "text",
    [
        f"tool --password={WEAK}",
        f"tool --password {WEAK} --verbose",
        f"mysql -u root -p{WEAK} app",
        f"sshpass -p {WEAK} ssh box",
        f"machine api.corp.net login bob password {WEAK}",
        f"db1.corp.net:5432:prod:svc:{WEAK}",
        f"<password>{WEAK}</password>",
        f'<add key="DbPassword" value="{WEAK}" />',
    ],
)
def test_a_password_is_found_where_tools_take_it(text: str, types_in: Types) -> None:
    """Shell histories and configuration files are pasted as they are."""
    assert types_in(text) == ["password"]


@pytest.mark.parametrize(
    "text",
    [
        "tool --password=$PASSWORD",
        "tool --password <your-password>",
        "tool --password-file /run/secrets/db1",
        "mysql -u root -p app1 < dump.sql",
        "mysql -u root -p",
        "<password>${env.PASSWORD}</password>",
        "<password></password>",
        "host:5432:db:user:password",
        '<input type="password" value="" />',
    ],
)
def test_flags_without_a_password_are_not_findings(text: str, types_in: Types) -> None:
    """Manuals show the flag with a variable or nothing."""
    assert types_in(text) == []
