"""Sticky pins: once a session held private data, its later turns stay on private lanes.

A pin is signed, so that a caller can carry it between processes but not forge a clean one. Without a key in
``ROUTER_ML_PIN_KEY`` nothing can be signed, and a pin from outside counts as pinned.
"""

from __future__ import annotations

import hashlib
import hmac
import os

KEY_VARIABLE = "ROUTER_ML_PIN_KEY"
MIN_KEY_BYTES = 16
CLEAN = "clean"
UNKNOWN = frozenset({"pii"})
"""What an earlier turn that nobody vouches for counts as."""


def sign(decision_id: str, *, risks: frozenset[str], key: bytes | None = None) -> str | None:
    """A pin for ``previous.pin`` that says which risks the session holds; None without a key."""
    key = _key() if key is None else key
    if not key:
        return None
    state = "+".join(sorted(risks)) or CLEAN
    return f"{state}.{_signature(decision_id, state, key)}"


def risks_of(decision_id: str, pin: str | None, *, key: bytes | None = None) -> frozenset[str]:
    """The risks that a session holds; only a pin with a valid signature for this very decision is believed."""
    key = _key() if key is None else key
    if not key or pin is None:
        return UNKNOWN
    state, _, signature = pin.partition(".")
    expected = _signature(decision_id, state, key)
    if not hmac.compare_digest(signature.encode("utf-8", "replace"), expected.encode()):
        return UNKNOWN
    return frozenset() if state == CLEAN else frozenset(state.split("+"))


def _key() -> bytes:
    key = os.fsencode(os.environ.get(KEY_VARIABLE, ""))
    return key if len(key) >= MIN_KEY_BYTES else b""  # what could be guessed signs nothing


def _signature(decision_id: str, state: str, key: bytes) -> str:
    return hmac.new(key, f"{decision_id}|{state}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
