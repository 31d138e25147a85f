"""Where a gateway may listen: without a key, nowhere that another machine can reach."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from router_ml.errors import InvalidRequestError
from router_ml.serve.access.loopback import is_loopback
from router_ml.storage.service.access import StoredKey


def may_listen(host: str, keys: Iterable[StoredKey], *, now: datetime | None = None) -> None:
    """See to it that only a gateway with keys can be reached from elsewhere.

    Args:
        host: the name or address to listen on; empty: all.
        keys: those of its event log.

    Raises:
        InvalidRequestError: others could reach it, and no key is in force.
    """
    if is_loopback(host) or any(key.active(now or datetime.now(UTC)) for key in keys):
        return
    raise InvalidRequestError(
        f"Other machines could reach {host or 'all addresses'}, and no key is in force. Make one with router-ml keys "
        "create, in the event log that the gateway uses, or listen on 127.0.0.1."
    )
