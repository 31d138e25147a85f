"""Public addresses are found; private and documentation ranges, resolvers and version numbers are not."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_ml.guardrails.detectors.detector import find
from router_ml.guardrails.detectors.network import NETWORK

Types = Callable[[str], list[str]]


@pytest.mark.parametrize(
    "text",
    [
        "client 81.2.69.142 connected",
        "http://81.2.69.142:8080/login",
        "the IP is 5.6.7.8",
        "from 2a02:8108:8ac0:1::5 port 22",
        "[2a02:8108:8ac0:1:0:0:0:5]",
    ],
)
def test_a_public_address_is_found(text: str, types_in: Types) -> None:
    """An address of a connection points at a household."""
    assert types_in(text) == ["ip_address"]


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.1 192.168.178.20 172.16.9.1 127.0.0.1 169.254.3.4",
        "192.0.2.7 198.51.100.9 203.0.113.5 224.0.0.251 255.255.255.0 0.0.0.0",
        "::1 fe80::1 fd00::1:2:3 2001:db8::1:2 ff02::1",
        "ping 8.8.8.8 or 1.1.1.1 or 9.9.9.9, or 2606:4700:4700::1111",
        "the route 52.10.0.0/16 is announced",
        "version 4.12.33.1 fixes it",
        "Chrome/120.0.6099.109 Safari/537.36",
        "see section 4.12.3.1 of the manual",
        "1.2.3.4 is how headings are numbered",
        "v10.44.33.1-beta and 81.2.69.142-rc1",
        "999.2.69.142 and 81.2.69.142.7",
        "at 12:34:56:78 std::vector<int>::iterator",
    ],
)
def test_ranges_of_nobody_and_versions_are_not_addresses(text: str, types_in: Types) -> None:
    """Logs, manuals and release notes are full of dotted numbers."""
    assert types_in(text) == []


def test_a_hardware_address_is_found_unless_it_is_an_example(types_in: Types) -> None:
    """A MAC names one device; manuals use a handful of made-up ones."""
    for text in ("3c:22:fb:9a:1e:07", "3C-22-FB-9A-1E-07", "mac 3c22.fb9a.1e07"):
        assert types_in(text) == ["mac_address"]
    for text in (
        "00:00:00:00:00:00",
        "ff:ff:ff:ff:ff:ff",
        "00:11:22:33:44:55",
        "00:00:5e:00:53:af",
        "aa:bb:cc:dd:ee:ff",
    ):
        assert types_in(text) == []
    assert types_in("3c:22:fb:9a:1e:07:aa:bb:cc:dd") == []


@given(st.ip_addresses(v=4))
def test_no_private_address_is_ever_a_finding(address: ipaddress.IPv4Address) -> None:
    """Whatever the standard library does not call global says nothing about a person."""
    text = f"host {address} answered"
    found = [row.type for row in NETWORK for _ in find(row, text)]
    assert not found or address.is_global
