"""Whoever sends a request: the key in its headers, looked up and counted once."""

from __future__ import annotations

from starlette.requests import Request

from router_ml.serve.access.caller import NOBODY, AccessError, Caller, Scope
from router_ml.serve.access.granting import caller_with
from router_ml.serve.access.guard import EXTRA, check_local
from router_ml.serve.gateway import Gateway

_CALLER = "router_ml.caller"  # in a scope: who it is, once that is known
_SAID = "There is no such key, or it is not in force. Send a key as Authorization: Bearer rml_..."


async def caller_of(request: Request, gateway: Gateway) -> Caller:
    """Who calls. While no key has been made, anybody on this machine, whatever key they send.

    Raises:
        AccessError: no key that is in force, one that calls too often, or keys cannot be looked up.
    """
    found: Caller | None = request.scope.get(_CALLER)
    if found is None:
        found = await _look_up(request, gateway)
        rate = gateway.limits.admit(found)
        if rate is not None:
            request.scope[EXTRA].update(rate.headers())
        request.scope[_CALLER] = found
    return found


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
        said = "Keys cannot be looked up: the database of the event log is away. Try again."
        raise AccessError(503, "keys_unavailable", said, retry_after_s=5.0)
    raise AccessError(401, "invalid_api_key", _SAID)


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("x-api-key", "").strip()
