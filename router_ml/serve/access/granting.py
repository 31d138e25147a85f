"""Keys of a gateway: who calls with one, and what an administrator may do with the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from router_ml.errors import LogError
from router_ml.serve.access.caller import NOBODY, SCOPES, AccessError, Caller, Scope
from router_ml.serve.access.keys import NewKey, WantedKey, create_key, revoke_key
from router_ml.serve.access.known import KnownKeys
from router_ml.storage.service.access import AccessTable, StoredKey

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

_LIMITS = ("requests_per_minute", "usd_per_day", "expires_at")


def caller_with(key: StoredKey) -> Caller:
    """Whoever calls with a key; a scope that this release does not know opens nothing."""
    scopes = frozenset(cast("Scope", scope) for scope in key.scopes & SCOPES)
    return Caller(key.key_id, key.name, scopes, key.org, key.requests_per_minute, key.usd_per_day)


@dataclass(frozen=True)
class Keys:
    """What administrators do, in the database of a log. An administrator with an organisation sees and makes keys of
    that one alone, and nobody gives more than they have. The methods wait for the database."""

    log: Callable[[], EventLog | None]
    known: KnownKeys

    def listed(self, caller: Caller) -> list[StoredKey]:
        """All keys that a caller may see, also those that ended, oldest first.

        Raises:
            LogError: there is no log, or it cannot be read.
        """
        return [key for key in self._table().keys().values() if caller.sees(key.org)]

    def create(
        self,
        caller: Caller,
        wanted: Mapping[str, Any],
        *,
        why: str,
        now: datetime | None = None,
        key_id: str | None = None,
    ) -> NewKey:
        """Make a key; limits and organisation that are left out are those of the caller; ``key_id``: see
        ``create_key``.

        Raises:
            AccessError: it would have more than the caller has. InvalidRequestError: a field is wrong. LogError: it
                cannot be kept.
        """
        asked = self._within(caller, WantedKey.parse(wanted), now or datetime.now(UTC))
        made = create_key(self._table(), asked, who=caller.who, why=why, now=now, key_id=key_id)
        self.known.look()
        return made

    def revoke(self, caller: Caller, key_id: str, *, why: str, now: datetime | None = None) -> StoredKey:
        """End a key for good; one that ended already stays so.

        Raises:
            AccessError: there is none that the caller may see. InvalidRequestError: why is not said. LogError: the
                database fails.
        """
        self._own(caller, now or datetime.now(UTC))
        table = self._table()
        found = table.keys().get(key_id)
        if found is None or not caller.sees(found.org):
            raise AccessError(404, "not_found", "There is no key with this id.")
        ended = revoke_key(table, key_id, who=caller.who, why=why, now=now)
        self.known.look()
        return ended

    def _within(self, caller: Caller, wanted: WantedKey, now: datetime) -> WantedKey:
        if not wanted.scopes <= caller.scopes:
            missing = ", ".join(sorted(wanted.scopes - caller.scopes))
            raise AccessError(403, "missing_scope", f"Nobody gives more than they have; this key lacks: {missing}.")
        if not caller.sees(wanted.org or caller.org):
            raise AccessError(403, "wrong_org", "The new key is of another organisation than this one. Leave it out.")
        own = self._own(caller, now)
        changes: dict[str, Any] = {"org": wanted.org or caller.org}
        for name in _LIMITS if own is not None else ():
            most, asked = getattr(own, name), getattr(wanted, name)
            if most is not None and asked is not None and asked > most:
                raise AccessError(403, "beyond_limit", f"Nobody gives more than they have; lower {name}.")
            changes[name] = most if asked is None else asked
        return wanted.model_copy(update=changes)

    def _own(self, caller: Caller, now: datetime) -> StoredKey | None:
        """The key of a caller; None where there are none yet.

        Raises:
            AccessError: it has ended since.
        """
        own = self.known.get(caller.key_id, now)
        if own is None and caller is not NOBODY:
            raise AccessError(401, "invalid_api_key", "The key that asks for this is no longer in force.")
        return own

    def _table(self) -> AccessTable:
        log = self.log()
        if log is None:
            raise LogError("Keys live in the event log, and this gateway has none that is open. Start it with --log.")
        return AccessTable(log)
