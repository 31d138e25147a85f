"""Whoever sends a request: the key in its headers, looked up and counted once."""

from __future__ import annotations

from starlette.requests import Request

from router_ml.serve.access.caller import NOBODY, AccessError, Caller, Scope
from router_ml.serve.access.granting import caller_with
from router_ml.serve.access.guard import EXTRA, check_local
from router_ml.serve.gateway import Gateway
from router_ml.serve.shedding import take_place

CALLER = "router_ml.caller"  # in a scope: who it is, once that is known; logs read it as well
_SAID = "There is no such key, or it is not in force. Send a key as Authorization: Bearer rml_..."


async def caller_of(request: Request, gateway: Gateway) -> Caller:
    """Who calls. While no key has been made, anybody on this machine, whatever key they send.

    Raises:
        AccessError: no key that is in force, one that calls too often, or keys cannot be looked up.
    """
    found: Caller | None = request.scope.get(CALLER)
    if found is None:
        found = request.scope[CALLER] = await _look_up(request, gateway)
        admit(request, gateway, found)
    return found


def admit(request: Request, gateway: Gateway, caller: Caller) -> None:
    """Let a caller in that is known by now: the request takes a place, and counts as a call.

    Raises:
        AccessError: too much is under way, or the key calls too often.
    """
    take_place(request.scope)
    rate = gateway.limits.admit(caller)
    if rate is not None:
        request.scope[EXTRA].update(rate.headers())


def check_still(request: Request, gateway: Gateway) -> None:
    """See to it that a caller may still call: the key may have ended while the body was on its way.

    Raises:
        AccessError: it may not.
    """
    known, caller = gateway.keys.known, request.scope.get(CALLER)
    if caller is None or (known.open if caller is NOBODY else known.get(caller.key_id) is not None):
        return
    if not known.ready:
        raise _away()
    raise AccessError(401, "invalid_api_key", _SAID)


def must_have(caller: Caller, scope: Scope) -> Caller:
    """The caller.

    Raises:
        AccessError: it lacks a scope.
    """
    if not caller.may(scope):
        raise AccessError(403, "missing_scope", f"This key lacks the scope {scope}. Use one that has it.")
    return caller


async def _look_up(request: Request, gateway: Gateway) -> Caller:
    known, token = gateway.keys.known, _token(request)
    if token:
        key = known.check(token)
        if key is None:  # perhaps it was made a moment ago
            await known.sooner()
            key = known.check(token)
        if key is not None:
            return caller_with(key)
    if known.open:
        check_local(request.scope, request.headers, gateway.settings.origins)
        return NOBODY
    if not known.ready:
        raise _away()
    raise AccessError(401, "invalid_api_key", _SAID)


def must_be_of_all(caller: Caller) -> Caller:
    """The caller.

    Raises:
        AccessError: it is of one organisation, and this is of all of them.
    """
    if caller.org is not None:
        raise AccessError(403, "wrong_org", "This is of all organisations. Use a key that is of none.")
    return caller


def _away() -> AccessError:
    said = "Keys cannot be looked up: the database of the event log is away. Try again."
    return AccessError(503, "keys_unavailable", said, retry_after_s=5.0)


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("x-api-key", "").strip()
