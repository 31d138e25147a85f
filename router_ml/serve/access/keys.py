"""Keys: how they look, how they are made and ended, and who may make which.

A key is ``rml_<id>_<secret>``: the id is public, the secret has 256 random bits. It is shown once; what is kept is the
SHA-256 of the whole. A fast hash is right here: slow ones make up for passwords that people choose, and nobody guesses
256 random bits at any speed, while every request would pay for a slow one.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from router_ml.contract import describe
from router_ml.contract.base import At
from router_ml.errors import InvalidRequestError
from router_ml.guardrails.rules.conditions import ELSEWHERE
from router_ml.ruling.case import organisation
from router_ml.serve.access.caller import Scope
from router_ml.serve.access.words import checked_why, shown_as_written
from router_ml.state.overrides import audit_event
from router_ml.storage.service.access import AccessTable, StoredKey

PREFIX = "rml_"
_ID_BYTES = 8
_NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+$"
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_NO_CONTROLS)]


class WantedKey(BaseModel):
    """A key that somebody wants. ``org``: whose requests it makes and may see, as rules read it, None: of all;
    ``expires_at`` with its time zone."""

    model_config = ConfigDict(frozen=True, extra="forbid", regex_engine="python-re")

    name: Words
    scopes: frozenset[Scope] = Field(min_length=1)
    org: Words | None = None
    requests_per_minute: int | None = Field(default=None, ge=1, le=1_000_000)
    usd_per_day: float | None = Field(default=None, gt=0, le=1_000_000, allow_inf_nan=False)
    expires_at: At | None = None

    @field_validator("name", "org")
    @classmethod
    def _imitates_nothing(cls, word: str | None) -> str | None:
        """The audit log has an id in brackets behind a name."""
        if word is not None and (
            not shown_as_written(word) or any(one in "()" for one in unicodedata.normalize("NFKC", word))
        ):
            raise ValueError("holds brackets, marks of direction or what cannot be seen")
        return word

    @field_validator("org")
    @classmethod
    def _as_rules_read_it(cls, org: str | None) -> str | None:
        read = organisation(org)
        if read == ELSEWHERE:
            raise ValueError("is no name")
        return read

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> WantedKey:
        """Check the fields.

        Raises:
            InvalidRequestError: one is unknown or wrong.
        """
        try:
            wanted = cls.model_validate(fields)
        except ValidationError as error:
            raise InvalidRequestError(describe(error, "key")) from None
        if wanted.expires_at is not None and wanted.expires_at.tzinfo is None:
            raise InvalidRequestError("The time at which a key expires has no time zone. End it with Z or +00:00.")
        return wanted


@dataclass(frozen=True)
class NewKey:
    """A key that was made: what is kept, and the key itself, which nobody can show again."""

    stored: StoredKey
    token: str = field(repr=False)


def digest_of(token: str) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def id_of(token: str) -> str:
    """The public part of a key; empty where it is none."""
    start, _, rest = token.partition("_")
    key_id, _, secret = rest.partition("_")
    return key_id if f"{start}_" == PREFIX and secret else ""


def new_key_id() -> str:
    """An id for a key that is still to be made."""
    return secrets.token_hex(_ID_BYTES)


def is_key_id(said: str) -> bool:
    """Whether something looks like one."""
    return len(said) == 2 * _ID_BYTES and set(said) <= set("0123456789abcdef")


def create_key(
    table: AccessTable,
    wanted: WantedKey,
    *,
    who: str,
    why: str,
    now: datetime | None = None,
    key_id: str | None = None,
) -> NewKey:
    """Make a key. ``key_id``: of ``new_key_id``, for whoever may ask twice and wants one key.

    Raises:
        InvalidRequestError: it would have expired already, or who and why are not said. LogRefusedError: there is one
            with this id. LogError: it cannot be kept.
    """
    now, why = now or datetime.now(UTC), checked_why(why)
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise InvalidRequestError("The key would have expired already. Give a later time.")
    key_id = key_id or new_key_id()
    token = f"{PREFIX}{key_id}_{secrets.token_urlsafe(32)}"
    stored = StoredKey(
        key_id=key_id,
        name=wanted.name,
        digest=digest_of(token),
        scopes=frozenset(wanted.scopes),
        created_at=now,
        created_by=who,
        org=wanted.org,
        requests_per_minute=wanted.requests_per_minute,
        usd_per_day=wanted.usd_per_day,
        expires_at=wanted.expires_at,
    )
    table.add(stored, audit_event("key_created", now, who, why, _told(stored), stored.expires_at))
    return NewKey(stored, token)


def revoke_key(table: AccessTable, key_id: str, *, who: str, why: str, now: datetime | None = None) -> StoredKey:
    """End a key for good. One that has been revoked already stays so.

    Raises:
        InvalidRequestError: there is no such key, or who and why are not said. LogError: the database fails.
    """
    event = audit_event("key_revoked", now or datetime.now(UTC), who, checked_why(why), {"key_id": key_id[:32]})
    table.revoke(key_id, event)
    found = table.keys().get(key_id)
    if found is None:
        raise InvalidRequestError("There is no key with this id. router-ml keys list shows all.")
    return found


def _told(key: StoredKey) -> dict[str, Any]:
    names = ("key_id", "name", "org", "requests_per_minute", "usd_per_day")
    return {**{name: getattr(key, name) for name in names}, "scopes": sorted(key.scopes)}
