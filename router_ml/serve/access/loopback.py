"""What is on this machine: addresses and names that lead nowhere else."""

from __future__ import annotations

import ipaddress
import re

_NETLOC = re.compile(r"(\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[0-9A-Za-z._-]+))(:[0-9]{1,5})?")


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own; a name other than ``localhost`` may lead anywhere.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("localhost.example.com")
    (True, True, False, False)
    """
    host = host.strip("[]").rstrip(".").lower()
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def host_of(netloc: str) -> str:
    """The host of a ``Host`` header or of an origin, without its port; empty where it is anything but those two.

    >>> host_of("[::1]:8080"), host_of("localhost:8080"), host_of("127.0.0.1"), host_of("localhost:1@evil.example")
    ('::1', 'localhost', '127.0.0.1', '')
    """
    found = _NETLOC.fullmatch(netloc)
    return "" if found is None else found["v6"] or found["name"]
