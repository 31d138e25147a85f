"""Whose records a caller may see: those of its organisation. Of others it learns nothing, not even that they exist."""

from __future__ import annotations

from fastapi import Request

from router_ml.case import organisation
from router_ml.serve.access.caller import AccessError, Caller, Scope
from router_ml.serve.asked import Allowed, Served
from router_ml.serve.gateway import Gateway
from router_ml.storage.owners import Owned

UNKNOWN = "unknown_decision"


class AnyOf:
    """Who calls, if they have one of some scopes; as ``Allowed``."""

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes

    async def __call__(self, request: Request, gateway: Served) -> Caller:
        """The caller.

        Raises:
            AccessError: no such key, or one without any of the scopes.
        """
        for scope in self.scopes[:-1]:
            try:
                return await Allowed(scope)(request, gateway)
            except AccessError as error:
                if error.status != 403:
                    raise
        return await Allowed(self.scopes[-1])(request, gateway)


def sees(caller: Caller, owned: Owned | None) -> bool:
    """Whether a decision is a caller's to see; one that is not known here is nobody's but of those who see all."""
    return caller.org is None or (owned is not None and owned.org is not None and owned.org == organisation(caller.org))


def checked(gateway: Gateway, caller: Caller, decision_id: str) -> None:
    """See to it that a decision is the caller's.

    Raises:
        AccessError: it is not, or it is not known here yet. LogError: the log cannot be read.
    """
    if caller.org is not None and not sees(caller, gateway.router.owners([decision_id]).get(decision_id)):
        raise unknown()


def unknown() -> AccessError:
    """Of a decision that is another's, that there never was, or that is still on its way to the log."""
    return AccessError(
        404,
        UNKNOWN,
        "No such decision is known here, or not yet: what was decided moments ago elsewhere may be on its way. Repeat, "
        "or check the id.",
        retry_after_s=1.0,
    )
