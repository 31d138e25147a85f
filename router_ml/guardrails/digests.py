"""Keyed digests of what was found: two records can be matched on a value that neither of them holds.

A digest is HMAC-SHA256 (RFC 2104) over the type of a finding and its bare value, keyed by ``$ROUTER_ML_MATCH_KEY``.
Without the key nothing can be matched, and nobody who has only the log can test a guess. Whoever has both can: there
are few enough phone numbers to try them all. So the key is kept apart from the log, and a new key ends all matching
with what was logged before.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os

from pydantic import JsonValue

from router_ml.errors import ConfigError, Problem
from router_ml.guardrails.views import normalize

KEY_VARIABLE = "ROUTER_ML_MATCH_KEY"
MIN_KEY_BYTES = 16
_LENGTH = 32  # of 64 hexadecimal digits: 128 bits, which no log comes near to exhausting


def bare(value: str) -> str:
    """What makes two spellings of a value one: its letters and digits, undisguised."""
    return "".join(filter(str.isalnum, normalize(value))).casefold()


def digest(type: str, value: str, key: bytes | None) -> str | None:
    """The digest of a value found, 32 hexadecimal digits; None without a key, or where no letter or digit is left.

    Spellings that differ only in case, spaces, punctuation or disguise give the same digest; two types never do.
    """
    plain = bare(value)
    if not key or not plain:
        return None
    said = f"{type}|{plain}".encode("utf-8", "surrogatepass")
    return hmac.new(key, said, hashlib.sha256).hexdigest()[:_LENGTH]


def json_digest(what: str, value: JsonValue, key: bytes | None) -> str | None:
    """The digest of a whole JSON value, as what it was (``arguments`` or ``result`` of a tool); None without a key. The
    order of keys does not count."""
    if not key:
        return None
    said = f"{what}|{json.dumps(value, sort_keys=True, separators=(',', ':'))}"
    return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()[:_LENGTH]


def key_from_environment() -> bytes | None:
    """The key of ``$ROUTER_ML_MATCH_KEY``; None where it is not set.

    Raises:
        ConfigError: it is too short to be a key.
    """
    key = os.fsencode(os.environ.get(KEY_VARIABLE, ""))
    if key and len(key) < MIN_KEY_BYTES:
        message = f"found a key of {len(key)} bytes, expected at least {MIN_KEY_BYTES}."
        fix = "Make one with: openssl rand -hex 32. Keep it apart from the log."
        raise ConfigError([Problem(f"${KEY_VARIABLE}", None, "(environment)", message, fix)])
    return key or None
