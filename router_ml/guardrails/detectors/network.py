"""Network addresses that point at one connection or machine: public IPv4 and IPv6, and MAC.

Private, loopback, link-local, multicast, reserved and documentation ranges say nothing about a person; neither do the
resolvers that everyone uses, networks in CIDR notation, nor versions and section numbers of four parts.
"""

from __future__ import annotations

import ipaddress
import re

from router_ml.guardrails.detectors.detector import Detector, Span, label, labelled, near, words

_RESOLVERS = frozenset({
    "8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "1.1.1.2", "1.1.1.3", "9.9.9.9", "9.9.9.10", "149.112.112.112",
    "208.67.222.222", "208.67.220.220", "4.2.2.1", "4.2.2.2", "4.2.2.3", "4.2.2.4", "64.6.64.6", "64.6.65.6",
    "94.140.14.14", "94.140.15.15", "76.76.2.0", "76.76.10.0", "185.228.168.9", "185.228.169.9",
    "114.114.114.114", "223.5.5.5", "223.6.6.6", "77.88.8.8", "77.88.8.1", "2001:4860:4860::8888",
    "2001:4860:4860::8844", "2606:4700:4700::1111", "2606:4700:4700::1001", "2620:fe::fe", "2620:fe::9",
})  # fmt: skip
_NOT_ADDRESSES = label(
    "version|versions|ver|v|rev|revision|release|build|firmware|driver|kernel|patch|update|upgrade|section|sec|chapter"
    "|clause|article|paragraph|appendix|annex|figure|table|oid|rfc|item|step|rule|requirement|abschnitt|kapitel|artikel"
    "|ziffer|section|chapitre|sección|capítulo|sezione",
    "no|nr|num|number|is|from|to|was|and",
)
_CONTEXT = words(
    "ips?|ipv4|ip-?address(?:es)?|address|addr|host|hosts|hostname|server|client|remote|peer|src|dst|source|destination|login"
    "|logged|connect(?:ed|ion|ions)?|ping|ssh|curl|traceroute|nmap|firewall|proxy|vpn|router|dns|request|requests|get|post"
    "|user|session|blocked|banned|adresse|dirección|indirizzo|endereço|адрес|アドレス|地址"
)
_SMALL = 32  # parts below it are how versions and sections are numbered


def _ipv4(match: re.Match[str]) -> Span | None:
    text, value = match.string, match["value"]
    parts = [int(part) for part in value.split(".")]
    if max(parts) > 255 or value in _RESOLVERS or any(len(part) > 1 and part[0] == "0" for part in value.split(".")):
        return None
    address = ipaddress.IPv4Address(value)
    if not address.is_global or address.is_multicast or labelled(_NOT_ADDRESSES, text, match.start("value")):
        return None
    likely = max(parts) >= _SMALL and parts[1:] != [0, 0, 0]
    return match.span("value") if likely or near(_CONTEXT, text, match.span("value")) else None


def _ipv6(match: re.Match[str]) -> Span | None:
    """Global unicast only (2000::/3, RFC 4291)."""
    value = match["value"]
    if sum(map(bool, value.split(":"))) < 3:
        return None
    try:
        address = ipaddress.IPv6Address(value)
    except ValueError:
        return None
    known = address.compressed in _RESOLVERS
    return match.span("value") if int(address) >> 125 == 1 and address.is_global and not known else None


_EXAMPLES = re.compile(
    r"(.)\1{11}|00005e0053..|001122334455|0123456789ab|123456789abc|aabbccddeeff|deadbeef....|001a2b3c4d5e|01005e......"
    r"|3333........|0180c2......|1a2b3c4d5e6f|a1b2c3d4e5f6",
    re.IGNORECASE,
)


def _mac(match: re.Match[str]) -> Span | None:
    """Not all alike, multicast, for documentation (RFC 7042), nor one that everyone writes as an example."""
    value = re.sub(r"[:.-]", "", match["value"])
    return None if _EXAMPLES.fullmatch(value) or value.isalpha() else match.span("value")


NETWORK = (
    Detector(
        type="ip_address",
        risk="pii",
        pattern=re.compile(
            r"(?<![\w.+-])(?<![A-Za-z]/)(?P<value>\d{1,3}(?:\.\d{1,3}){3})(?![\w%]|\.\d|/\d|[-+][A-Za-z0-9])", re.ASCII
        ),
        triggers=(".",),
        digits=4,
        accept=_ipv4,
    ),
    Detector(
        type="ip_address",
        risk="pii",
        pattern=re.compile(
            r"(?<![\w:.])(?P<value>[23][0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w:]|\.\d|/\d)", re.ASCII
        ),
        triggers=(":",),
        digits=2,
        accept=_ipv6,
    ),
    Detector(
        type="mac_address",
        risk="pii",
        pattern=re.compile(
            r"(?<![A-Za-z0-9])(?<![0-9A-Fa-f][:.-])(?P<value>[0-9A-F]{2}(?:(?::[0-9A-F]{2}){5}|(?:-[0-9A-F]{2}){5})"
            r"|[0-9A-F]{4}\.[0-9A-F]{4}\.[0-9A-F]{4})(?![A-Za-z0-9]|[:.-][0-9A-Fa-f])",
            re.ASCII | re.IGNORECASE,
        ),
        digits=2,
        accept=_mac,
    ),
)
