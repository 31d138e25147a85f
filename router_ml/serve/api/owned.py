"""Whose records a caller may see: those of its organisation. Of others it learns nothing, not even that they exist."""

from __future__ import annotations

from router_ml.ruling.case import organisation
from router_ml.serve.access.caller import AccessError, Caller, Scope
from router_ml.serve.asked import Called
from router_ml.serve.gateway import Gateway
from router_ml.storage.views.owners import Owned

UNKNOWN = "unknown_decision"


class AnyOf:
    """Who calls, if they have one of some scopes; as ``Allowed``."""

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes

    async def __call__(self, caller: Called) -> Caller:
        """The caller.

        Raises:
            AccessError: the key has none of the scopes.
        """
        if any(caller.may(scope) for scope in self.scopes):
            return caller
        raise AccessError(403, "missing_scope", f"The key has none of the scopes {', '.join(self.scopes)}.")


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
