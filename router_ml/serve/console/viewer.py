"""Who looks at a page, and which pages they may open."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData

from router_ml.serve.access.browser import console_caller, csrf, form_of
from router_ml.serve.access.caller import AccessError, Caller, Scope


async def viewer(request: Request) -> Caller:
    """Who looks; kept in ``request.state.viewer`` for ``page``.

    Raises:
        AccessError: nobody has logged in, or a form does not come from a page of ours.
    """
    found = await console_caller(request)
    request.state.viewer, request.state.csrf = found, csrf(request)
    return found


Viewer = Annotated[Caller, Depends(viewer)]


class May:
    """Whoever looks, if they may. ``whole``: a page that is of no one organisation, for callers of all."""

    def __init__(self, scope: Scope, *, whole: bool = False) -> None:
        self.scope, self.whole = scope, whole

    async def __call__(self, who: Viewer) -> Caller:
        """The viewer.

        Raises:
            AccessError: the key may not see this page.
        """
        if not who.may(self.scope):
            raise AccessError(403, "missing_scope", f"This page needs a key with the scope {self.scope!r}.")
        if self.whole and who.org is not None:
            raise AccessError(
                403, "one_org", f"This page is of all organisations, and the key is of {who.org!r} alone."
            )
        return who


async def sees(who: Viewer) -> Caller:
    """Whoever looks, if they send requests or look after those who do.

    Raises:
        AccessError: they do neither.
    """
    if not (who.may("route") or who.may("admin")):
        raise AccessError(403, "missing_scope", "This page needs a key with the scope 'route' or 'admin'.")
    return who


Sees = Annotated[Caller, Depends(sees)]
Tries = Annotated[Caller, Depends(May("route"))]
Operates = Annotated[Caller, Depends(May("admin"))]
OperatesAll = Annotated[Caller, Depends(May("admin", whole=True))]


async def posted(request: Request, _: Viewer) -> FormData:
    """The form of a POST, once it is known to come from a page of ours, and whoever sent it may still.

    Raises:
        AccessError: the form is too large, or its token is missing or another's.
    """
    return await form_of(request)


Posted = Annotated[FormData, Depends(posted)]
