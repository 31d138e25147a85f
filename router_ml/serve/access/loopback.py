"""What is on this machine: addresses and names that lead nowhere else."""

from __future__ import annotations

import ipaddress


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


def without_port(netloc: str) -> str:
    """The host of a ``Host`` header.

    >>> without_port("[::1]:8080"), without_port("localhost:8080"), without_port("127.0.0.1")
    ('::1', 'localhost', '127.0.0.1')
    """
    if netloc.startswith("["):
        return netloc[1:].partition("]")[0]
    return netloc.rpartition(":")[0] if netloc.count(":") == 1 else netloc
