"""Secrets known by their own looks: keys with a vendor's prefix, tokens, private keys, connection strings."""

from __future__ import annotations

import base64
import binascii
import re

from router_ml.guardrails.detectors.detector import Detector, Span
from router_ml.guardrails.detectors.placeholders import is_placeholder, is_uuid, kinds, looks_random
from router_ml.guardrails.detectors.vendor_keys import PREFIXED, VENDORS


def _prefixed(match: re.Match[str]) -> Span | None:
    return None if is_placeholder(match["value"]) else match.span("value")


def _openai(match: re.Match[str]) -> Span | None:
    """``sk-`` also starts names of styles and packages, so the rest must look random or be one long run."""
    value = match["value"]
    run = re.fullmatch(r"sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9]{32,255}", value) is not None
    return match.span("value") if (run or looks_random(value)) and not is_placeholder(value) else None


def _connection(match: re.Match[str]) -> Span | None:
    value = match["value"]
    return None if is_placeholder(value) or value.lower() == match["user"].lower() else match.span()


def _basic_auth(match: re.Match[str]) -> Span | None:
    """RFC 7617: base64 of a user and a password."""
    try:
        plain = base64.b64decode(match["value"] + "=" * (-len(match["value"]) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = plain.partition(":")
    good = colon and plain.isprintable() and len(password) >= 4 and user.lower() != password.lower()
    return match.span("value") if good and not is_placeholder(password) else None


_HASH_WORDS = re.compile(r"commit|sha|hash|digest|checksum|deploy|build|md5|etag|revision|image", re.IGNORECASE)


def _named_vendor(match: re.Match[str]) -> Span | None:
    """Vendors whose keys have no prefix: their name, then a word for a key, then something that looks random."""
    value = match["value"]
    if _HASH_WORDS.search(match["between"]) is not None or is_placeholder(value):
        return None
    return match.span("value") if is_uuid(value) or (looks_random(value) and kinds(value) >= 2) else None


CREDENTIALS = (
    *(
        Detector(
            type=name,
            risk="secrets",
            pattern=re.compile(rf"(?<![A-Za-z0-9])(?P<value>{pattern})", re.ASCII),
            triggers=tuple(triggers.split()),
            run=True,
            accept=_prefixed,
        )
        for name, pattern, triggers in PREFIXED
    ),
    Detector(
        type="openai_key",
        risk="secrets",
        pattern=re.compile(r"(?<![A-Za-z0-9-])(?P<value>sk-[\w-]{20,255})", re.ASCII),
        triggers=("sk-",),
        run=True,
        accept=_openai,
    ),
    Detector(
        type="jwt",
        risk="secrets",
        pattern=re.compile(r"(?<![\w-])eyJ[\w-]{10,2048}\.[\w-]{10,16384}\.[\w-]{10,2048}", re.ASCII),
        triggers=("eyj",),
        run=True,
    ),
    Detector(
        type="private_key",
        risk="secrets",
        pattern=re.compile(
            r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----[\s\S]{0,300}?[A-Za-z0-9+/]{24}", re.ASCII
        ),
        triggers=("private key",),
    ),
    Detector(
        type="private_key",
        risk="secrets",
        pattern=re.compile(r"Private-Lines: \d{1,3}\s{1,2}[A-Za-z0-9+/]{24}", re.ASCII),  # PuTTY
        triggers=("private-lines",),
    ),
    Detector(
        type="private_key",
        risk="secrets",
        pattern=re.compile(r"\"d\"\s{0,2}:\s{0,2}\"(?P<value>[A-Za-z0-9_-]{40,1024})\"", re.ASCII),  # RFC 7517
        triggers=('"d"',),
    ),
    Detector(
        type="basic_auth",
        risk="secrets",
        pattern=re.compile(r"(?<![A-Za-z])(?i:basic) {1,2}(?P<value>[A-Za-z0-9+/]{8,512})={0,2}(?![A-Za-z0-9+/=])"),
        triggers=("basic ",),
        accept=_basic_auth,
    ),
    Detector(
        type="vendor_key",
        risk="secrets",
        pattern=re.compile(
            rf"(?<![A-Za-z])(?i:{VENDORS})"
            r"(?P<between>(?![A-Za-z])[\w .,:=\-\"'`/()>]{0,24}?(?i:key|token|secret|pat)s?"
            r"[\w .,:=\-\"'`/()>]{0,24}?)(?<![A-Za-z0-9_-])(?P<value>[A-Za-z0-9_-]{24,64})(?![A-Za-z0-9_-])",
            re.ASCII,
        ),
        triggers=tuple(VENDORS.split("|")),
        digits=1,
        run=True,
        accept=_named_vendor,
    ),
    Detector(
        type="connection_string",
        risk="secrets",
        pattern=re.compile(
            r"(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9+.-]{1,31}://(?P<user>[^\s:/@'\"<>]{0,128}):"
            r"(?P<value>[^\s/@'\"<>]{1,256})@[^\s'\"<>/]{1,255}"
        ),
        triggers=("://",),
        accept=_connection,
    ),
)
