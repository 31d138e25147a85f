"""Who calls: a key, what it may do, and whose requests it may see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from router_ml.ruling.case import organisation
from router_ml.serve.bodies import bound_request

Scope = Literal["route", "execute", "outcomes", "admin"]
SCOPES: frozenset[Scope] = frozenset(get_args(Scope))


class AccessError(Exception):
    """A call that is refused before anything is done. ``status``: of HTTP; ``code``: for programs; ``retry_after_s``:
    when it may be tried again; ``headers``: further ones of the answer."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.retry_after_s = status, code, retry_after_s
        self.headers = dict(headers or {})


@dataclass(frozen=True)
class Caller:
    """``org``: whose requests it makes and may see; None: of all. ``key_id`` never says anything of the key itself. A
    limit of None: none; the day is that of UTC."""

    key_id: str
    name: str
    scopes: frozenset[Scope]
    org: str | None = None
    requests_per_minute: int | None = None
    usd_per_day: float | None = None

    @property
    def who(self) -> str:
        """For the audit log."""
        return f"{self.name} (key {self.key_id})"

    def may(self, scope: Scope) -> bool:
        """Whether it has a scope; ``admin`` has no other one in it."""
        return scope in self.scopes

    def sees(self, org: str | None) -> bool:
        """Whether a record of an organisation is its to see."""
        return self.org is None or self.org == org

    def stamped(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a request of its: with its organisation in the metadata, if it has one.

        Raises:
            AccessError: the request says it is of another one. InvalidRequestError: it has too many texts.
        """
        bound_request(fields)
        metadata = fields.get("metadata")
        if self.org is None or not isinstance(metadata, Mapping | None):  # what is no mapping, the contract refuses
            return dict(fields)
        if organisation((metadata or {}).get("org", self.org)) != organisation(self.org):
            raise AccessError(403, "wrong_org", "The request names another organisation than the key's. Leave it out.")
        return {**fields, "metadata": {**(metadata or {}), "org": self.org}}


NOBODY = Caller("none", "anybody on this machine", SCOPES)
"""Whoever calls while no key has been made, which is only ever served on loopback."""
