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
_CLEAN, _PINNED = "clean", "pinned"


def sign(decision_id: str, *, pinned: bool, key: bytes | None = None) -> str | None:
    """A pin for ``previous.pin``; None without a key."""
    key = _key() if key is None else key
    if not key:
        return None
    state = _PINNED if pinned else _CLEAN
    return f"{state}.{_signature(decision_id, state, key)}"


def is_pinned(decision_id: str, pin: str | None, *, key: bytes | None = None) -> bool:
    """Whether a session is pinned. Only a clean pin with a valid signature for this very decision says no."""
    key = _key() if key is None else key
    if not key or pin is None:
        return True
    expected = f"{_CLEAN}.{_signature(decision_id, _CLEAN, key)}"
    return not hmac.compare_digest(pin.encode("utf-8", "replace"), expected.encode())


def _key() -> bytes:
    key = os.fsencode(os.environ.get(KEY_VARIABLE, ""))
    return key if len(key) >= MIN_KEY_BYTES else b""  # what could be guessed signs nothing


def _signature(decision_id: str, state: str, key: bytes) -> str:
    return hmac.new(key, f"{decision_id}|{state}".encode(), hashlib.sha256).hexdigest()
