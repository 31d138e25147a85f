"""Browsers of people with a key: a signed cookie in its place, and tokens that show a form to be one of ours.

The cookie names the key, and is signed (HMAC-SHA256, RFC 2104) with a secret that all processes of a log share and
with the digest of the key; it holds for eight hours and dies with the key. A session that was ended is counted, which
all processes of a log hear of within seconds. The token of a form is a keyed digest of the cookie. Without a log there
are no keys: then whoever is on this machine gets a cookie that says nothing, and a form is known by both it and its
origin.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime

from router_ml.serve.access.caller import AccessError
from router_ml.serve.access.known import KnownKeys
from router_ml.state.sharing.counts import Counts
from router_ml.storage.service.access import StoredKey

HOURS = 8
ENDED = "console_ended"
"""Kind of a counter: sessions that were ended, by the day on which they would have been over."""
_FIELDS = 4


class Sessions:
    """``secret``: what to sign with, read from the database once; ``clock``: seconds since 1970."""

    def __init__(
        self,
        secret: Callable[[], bytes],
        known: KnownKeys,
        *,
        counts: Counts | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._read, self._known, self._clock = secret, known, clock
        self._counts = Counts() if counts is None else counts
        self._secret = b"" if known.without_log else None

    def prepare(self) -> None:
        """Have the secret at hand; asks the database the first time.

        Raises:
            LogError: it cannot be read.
        """
        if self._secret is None:
            self._secret = self._read()

    def log_in(self, token: str) -> str | None:
        """The cookie of whoever has a key; None where it is not in force."""
        key = self._known.check(token.strip())
        if key is None:
            return None
        said = f"{key.key_id}.{int(self._clock()) + HOURS * 3600}.{secrets.token_hex(16)}"
        return f"{said}.{self._signature(said, key)}"

    def key_of(self, cookie: str) -> StoredKey | None:
        """The key that a cookie stands for; None where it was not made here, is over, or the key is."""
        said, _, signature = cookie.rpartition(".")
        parts = cookie.split(".")
        key = self._known.get(parts[0]) if len(parts) == _FIELDS else None
        if key is None or not hmac.compare_digest(signature.encode(), self._signature(said, key).encode()):
            return None
        over = int(parts[1])  # what is signed has a number there
        ended = self._counts.total(ENDED, parts[2], _day(over)) > 0
        return key if self._clock() < over and not ended else None

    def log_out(self, cookie: str) -> None:
        """End a session before its time."""
        if self.key_of(cookie) is None:
            return
        _, over, name, _ = cookie.split(".")
        self._counts.forget(kind=ENDED, before=_day(self._clock() - 86_400))
        self._counts.add(ENDED, name, _day(int(over)), 1.0)

    def form_token(self, cookie: str) -> str:
        """What a form has to say that whoever has this cookie was shown."""
        return hmac.digest(self._key(), b"form." + cookie.encode("utf-8", "replace"), "sha256").hex()

    def _signature(self, said: str, key: StoredKey) -> str:
        payload = b"session." + said.encode("utf-8", "replace") + b"." + key.digest
        return hmac.digest(self._key(), payload, "sha256").hex()

    def _key(self) -> bytes:
        if self._secret is None:
            raise AccessError(503, "keys_unavailable", "The database of the event log is away. Try again.")
        return hashlib.sha256(b"console." + self._secret).digest()


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
