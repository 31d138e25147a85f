"""Tools behind an HTTP interface: one operation of one server, and no way to reach another one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import JsonValue

from router_ml.config.tool_files import HttpCall, ToolContract
from router_ml.errors import InvalidRequestError, MissingExtraError
from router_ml.execution.tools.failures import ToolFailure
from router_ml.execution.tools.results import cut

_LARGEST = 1_000_000  # bytes of an answer that are read
_TRANSIENT = frozenset((408, 425, 429, 500, 502, 503, 504))
_IN_DOUBT = frozenset((408, 409, 425))  # of the 4xx: what may have been done all the same


class HttpTool:
    """A function of a tool that makes one HTTP call, for ``ConfiguredTools``.

    The server is the one that is configured: arguments cannot change it, redirects are not followed, proxies and
    passwords of the environment are not used. Secrets are read from the environment at each call.

    Args:
        base_url: address of the server, with a path where it has one. Addresses of this machine and of private
            networks are reached where they stand here, and not otherwise.
        key_env: environment variable with the key. auth: header of the key; ``bearer`` sends it as a bearer token.
        headers: sent with each call, such as the version of an interface.
        timeout_s: of connecting, and of each wait for a part of the answer; the contract limits the whole.
        proxy: address of a proxy that the call goes through.

    Raises:
        InvalidRequestError: the address is not one of HTTP, or holds a password.
        MissingExtraError: httpx is not installed.
    """

    def __init__(
        self,
        call: HttpCall,
        *,
        base_url: str,
        key_env: str | None = None,
        auth: str = "bearer",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        proxy: str | None = None,
    ) -> None:
        self._httpx = _httpx()
        parts = urlsplit(base_url)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.username
            or parts.query
            or parts.fragment
        ):
            raise InvalidRequestError(
                "Found a base_url that is not http(s)://HOST[:PORT][/PATH]. Keys go into key_env."
            )
        self._base = base_url.rstrip("/")
        self._call = call
        self._key_env, self._auth = key_env, auth
        self._headers = dict(headers or {})
        self._options = {
            "verify": self._httpx.create_ssl_context() if parts.scheme == "https" else False,
            "trust_env": False,
            "follow_redirects": False,
            "timeout": timeout_s,
            "proxy": proxy,
        }

    async def __call__(self, idempotency_key: str | None = None, /, **arguments: JsonValue) -> JsonValue:
        """The answer of the server: parsed JSON, or its text. An argument may be called ``idempotency_key``, too.

        Raises:
            ToolFailure: there is none; ``nothing_done`` where the server cannot have acted on the call.
        """
        request = self._request(arguments, idempotency_key)
        try:
            async with (
                self._httpx.AsyncClient(**self._options) as client,
                client.stream(self._call.method, **request) as answer,
            ):
                _raise_for(answer)
                body, whole = await _read(answer)
                return _parsed(answer.headers.get("content-type", ""), body, whole=whole)
        except (self._httpx.ConnectError, self._httpx.ConnectTimeout, self._httpx.PoolTimeout) as error:
            raise ToolFailure(type(error).__name__, nothing_done=True, transient=True) from None
        except self._httpx.TransportError as error:
            raise ToolFailure(type(error).__name__, transient=True) from None

    def _request(self, arguments: Mapping[str, JsonValue], key: str | None) -> dict[str, Any]:
        call, left = self._call, dict(arguments)
        path = call.path
        for name in list(left):
            if f"{{{name}}}" in path:
                path = path.replace(f"{{{name}}}", _segment(name, left.pop(name)))
        if "{" in path:
            raise ToolFailure("an argument of the path is missing", nothing_done=True)
        query = [
            (wire, _plain(item)) for name, wire in call.query.items() if name in left for item in _items(left.pop(name))
        ]
        # without regard to case, so that no argument stands beside what is configured
        headers = self._httpx.Headers(
            {wire: _header(left.pop(name)) for name, wire in call.headers.items() if name in left}
        )
        headers.update({**self._headers, **self._secret()})
        if key is not None:
            headers["Idempotency-Key"] = key
        return {"url": self._base + path, "params": query or None, "headers": headers, **self._body(left)}

    def _body(self, left: dict[str, JsonValue]) -> dict[str, Any]:
        whole = self._call.whole_body
        if whole is not None and whole not in left:
            return {}
        if whole is not None:
            return {"data": dict(_fields(left[whole]))} if self._call.body == "form" else {"json": left[whole]}
        if self._call.method in ("GET", "HEAD"):
            return {}
        if self._call.body == "form":
            return {"data": dict(_fields(left))}
        return {"json": left} if left else {}

    def _secret(self) -> dict[str, str]:
        if self._key_env is None:
            return {}
        key = os.environ.get(self._key_env)
        if not key:
            raise ToolFailure(f"the environment variable {self._key_env} is not set", nothing_done=True)
        return {"Authorization": f"Bearer {key}"} if self._auth == "bearer" else {self._auth: key}


def http_tools(contracts: Mapping[str, ToolContract], **server: Any) -> dict[str, HttpTool]:
    """A function for each contract that says how it is called over HTTP.

    Args:
        **server: as for ``HttpTool``.
    """
    return {name: HttpTool(each.http, **server) for name, each in contracts.items() if each.http is not None}


def _httpx() -> Any:
    try:
        import httpx
    except ImportError:
        raise MissingExtraError("httpx", "execute") from None
    return httpx


def _raise_for(answer: Any) -> None:
    status: int = answer.status_code
    if status < 300:
        return
    if status < 400:
        raise ToolFailure(f"HTTP {status}: the server sends elsewhere, which is not followed")
    raise ToolFailure(
        f"HTTP {status}",
        nothing_done=400 <= status < 500 and status not in _IN_DOUBT,
        transient=status in _TRANSIENT,
        retry_after_ms=_retry_after(answer.headers.get("retry-after")),
    )


async def _read(answer: Any) -> tuple[bytes, bool]:
    """The body, as much of it as is read, and whether that is all."""
    body = bytearray()
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > _LARGEST:
            return bytes(body[:_LARGEST]), False
    return bytes(body), True


def _retry_after(said: str | None) -> float | None:
    """Milliseconds; a date says nothing without the server's clock."""
    return float(said) * 1000 if said is not None and said.strip().isdecimal() else None


def _parsed(content_type: str, body: bytes, *, whole: bool) -> JsonValue:
    text = body.decode("utf-8", "replace")
    if not whole:
        return cut(text, len(text))
    if not body:
        return None
    if "json" in content_type:
        try:
            found: JsonValue = json.loads(text)
        except (ValueError, RecursionError):
            raise ToolFailure("the answer says that it is JSON and is not") from None
        return found
    return text


def _segment(name: str, value: JsonValue) -> str:
    """A value as one segment of a path: it cannot climb, nor leave it."""
    text = _plain(value)
    if not text or text in (".", ".."):
        raise ToolFailure(f"{name} cannot be a part of a path", nothing_done=True)
    return quote(text, safe="")


def _plain(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _items(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [value]


def _header(value: JsonValue) -> str:
    text = _plain(value)
    if not text.isprintable() or not text.isascii():
        raise ToolFailure("an argument cannot be sent in a header", nothing_done=True)
    return text


def _fields(value: JsonValue, name: str = "") -> list[tuple[str, str]]:
    """A form, with what is nested in brackets: ``metadata[order]``."""
    if isinstance(value, dict):
        pairs = ((f"{name}[{key}]" if name else key, inner) for key, inner in value.items())
    elif isinstance(value, list):
        pairs = ((f"{name}[{index}]", inner) for index, inner in enumerate(value))
    else:
        return [(name, _plain(value))]
    return [field for key, inner in pairs for field in _fields(inner, key)]
