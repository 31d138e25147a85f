"""Attacks by kind: each is bytes to send on a connection of its own, and what has to come of them.

Every string that is sent holds a mark of its attack, which may come back in nothing but an answer that succeeded.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from benchmarks.serve.hostility.estate import Estate
from benchmarks.serve.hostility.strings import NUMBERS, ORGS, PATHS, STRINGS, TIMES

BODIES: dict[str, dict[str, Any]] = {
    "/v1/route": {"text": "?", "metadata": {"org": "?", "user": "?"}, "traffic_class": "?", "request_id": "?"},
    "/v1/route/batch": {"requests": [{"text": "?", "previous": {"decision_id": "?", "pin": "?"}}]},
    "/v1/chat/completions": {"model": "?", "messages": [{"role": "user", "content": "?", "name": "?"}], "user": "?"},
    "/v1/responses": {"model": "?", "input": "?", "instructions": "?", "metadata": {"org": "?"}},
    "/v1/outcomes": {"decision_id": "?", "source": "?", "executed_lane": "?", "signals": {"?": "?"}, "at": "?"},
    "/v1/executions": {"decision_id": "?", "execution_id": "?", "final_lane": "?", "hops": [{"lane": "?"}]},
    "/v1/approvals/?/grant": {"why": "?"},
    "/v1/keys": {"name": "?", "scopes": ["admin"], "org": "?", "why": "?"},
}
READ = (
    "/v1/decisions/*",
    "/v1/decisions?org=*&class=*&lane=*&since=*&cursor=*",
    "/v1/approvals/*",
    "/v1/models/*",
    "/v1/keys/*",
    "/console/*",
    "/console/static/*",
    "/console/reports/*",
    "/console/decisions/*",
    "/console/decisions?q=*",
    "/console/login?next=*",
    "/*",
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1e308, -1e308, 10**30, -(2**63), 2**64, 0.1, "", [], {}, [[]], [None], {"": None}),
    *({"$ref": "#"}, {"__proto__": {"x": 1}}, ["x"] * 1000, {str(i): i for i in range(1000)}),
)
Made = tuple[list[tuple[bytes, float]], "Expected"]


@dataclass(frozen=True)
class Expected:
    """``allowed``: whether it may succeed at all; ``patience_s``: how long an answer may take, None: there need not be
    any."""

    allowed: bool = True
    patience_s: float | None = 30.0


@dataclass(frozen=True)
class Attack:
    """``pieces``: bytes, each with a pause in seconds before it; ``mark``: what may not be repeated; ``gone``: nobody
    waits for the answer."""

    kind: str
    pieces: list[tuple[bytes, float]]
    mark: str
    expected: Expected
    gone: bool = False


class Attacker:
    """Makes attacks, the same ones for a seed."""

    def __init__(self, estate: Estate, seed: int) -> None:
        self._estate, self._rng = estate, random.Random(seed)
        self._mark = ""
        self._kinds: dict[str, tuple[Callable[[], Made], int]] = {
            "injection": (self._injection, 20),
            "path or query": (self._query, 16),
            "wrong types": (self._types, 14),
            "cross-org": (self._cross, 16),
            "keys": (self._keys, 10),
            "encoding": (self._encoding, 8),
            "nested or huge": (self._huge, 3),
            "framing": (self._framing, 9),
            "headers": (self._headers, 6),
            "reports": (self._reports, 8),
        }

    def attacks(self, count: int, *, slow: int) -> Iterator[Attack]:
        """So many, ``slow`` of which take seconds."""
        names = list(self._kinds)
        weights = [weight for _, weight in self._kinds.values()]
        slow_at = set(self._rng.sample(range(count), min(slow, count)))
        for number in range(count):
            self._mark = f"zq{self._rng.randrange(16**10):010x}qz"
            name = "slow" if number in slow_at else self._rng.choices(names, weights)[0]
            pieces, expected = self._slow() if name == "slow" else self._kinds[name][0]()
            yield Attack(name, pieces, self._mark, expected, gone=self._rng.random() < 0.05)

    def _string(self) -> str:
        return self._rng.choice(STRINGS) + self._mark

    def _filled(self, shape: Any) -> Any:
        """A body with a hostile string in one to three places, and ordinary words elsewhere."""
        places = [index for index, _ in enumerate(_places(shape))]
        chosen = set(self._rng.sample(places, min(len(places), self._rng.randint(1, 3))))
        counter = iter(range(len(places)))

        def fill(value: Any) -> Any:
            if value == "?":
                return self._string() if next(counter) in chosen else self._plain()
            if isinstance(value, dict):
                return {fill(key) if key == "?" else key: fill(inner) for key, inner in value.items()}
            return [fill(inner) for inner in value] if isinstance(value, list) else value

        return fill(shape)

    def _plain(self) -> str:
        return self._rng.choice(("fast", "auto", "default", self._estate.ours_decision, f"word {self._mark}"))

    def _post(self) -> tuple[str, Any]:
        path = self._rng.choice(list(BODIES))
        return path.replace("?", self._rng.choice(["apr_x", quote(self._string(), errors="replace")])), BODIES[path]

    def _injection(self) -> Made:
        path, shape = self._post()
        body, word = _json(self._filled(shape)), _json(f"word {self._mark}")
        if word in body and self._rng.random() < 0.2:
            body = body.replace(word, self._rng.choice(NUMBERS), 1)
        return _sent(self._request("POST", path, body))

    def _query(self) -> Made:
        shape = self._rng.choice(READ)
        raw = self._rng.random() < 0.4
        path = "".join(self._hostile(raw=raw) if piece == "*" else piece for piece in re.split(r"(\*)", shape))
        clean = "".join(char for char in path if char not in "\r\n ")
        method = self._rng.choice(
            ("GET", "GET", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT")
        )
        return _sent(self._request(method, clean.encode("utf-8", "replace")))

    def _hostile(self, *, raw: bool) -> str:
        said = self._rng.choice(PATHS) if self._rng.random() < 0.5 else self._string()
        return said if raw else quote(said, safe="%", errors="replace")

    def _types(self) -> Made:
        path, shape = self._post()
        body = self._filled(shape)
        for _ in range(self._rng.randint(1, 3)):
            self._break(body)
        return _sent(self._request("POST", path, _json(body if self._rng.random() < 0.9 else self._rng.choice(VALUES))))

    def _break(self, body: Any) -> None:
        """Put a value of another type somewhere."""
        here = body
        while True:
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            if not keys:
                return
            key = self._rng.choice(keys)
            inner = here[key]
            if isinstance(inner, dict | list) and inner and self._rng.random() < 0.6:
                here = inner
                continue
            here[key] = copy.deepcopy(self._rng.choice(VALUES))
            if isinstance(here, dict) and self._rng.random() < 0.3:
                here[self._rng.choice(("self", "extra", "org", "metadata", "constraints", "stream", "tools"))] = inner
            return

    def _cross(self) -> Made:
        """Ours, on what is theirs."""
        estate, rng, mark = self._estate, self._rng, self._mark
        decision, approval, org = rng.choice(estate.decisions), rng.choice(estate.approvals), rng.choice(ORGS)
        view, audience = rng.choice(("record", "story", "explain")), rng.choice(("user", "operator", "auditor"))
        act, start = rng.choice(("grant", "deny", "resume")), decision[: rng.randint(3, 28)]
        said = rng.choice(({"metadata": {"org": org}}, {"router": {"metadata": {"org": org}}}, {"user": org}))
        many = [{"decision_id": one, "quality": 0.0} for one in estate.decisions]
        chat = {"model": "auto", "messages": [{"role": "user", "content": mark}], **said}
        earlier = {"text": f"Hello {mark}", "previous": {"decision_id": decision, "turn": 1}}
        key = {"name": "x", "scopes": ["admin"], "org": org, "why": mark}
        found: tuple[tuple[bool, str, str, Any], ...] = (  # whether it may succeed
            (False, "GET", f"/v1/decisions/{decision}?view={view}&audience={audience}", None),
            (False, "GET", f"/v1/approvals/{approval}", None),
            (False, "POST", f"/v1/approvals/{approval}/{act}", {"why": mark}),
            (False, "POST", "/v1/outcomes", {"decision_id": decision, "quality": 0.0}),
            (False, "POST", "/v1/executions", {"decision_id": decision}),
            (False, "POST", "/v1/route", {"text": f"Hello {mark}", "metadata": {"org": org}}),
            (True, "GET", f"/v1/decisions?org={quote(org)}&limit=200", None),
            (True, "GET", f"/v1/decisions?id={start}&org={quote(org)}", None),
            (True, "GET", "/v1/approvals", None),
            (True, "POST", "/v1/route", earlier),
            (True, "POST", "/v1/chat/completions", chat),
            (not org, "POST", "/v1/keys", key),
            (True, "POST", "/v1/outcomes", {"outcomes": many}),
        )
        may, method, path, body = rng.choice(found)
        return _sent(self._request(method, path, None if body is None else _json(body)), Expected(allowed=may))

    def _keys(self) -> Made:
        """No key, half a key, another's id with our secret, keys in the wrong place."""
        estate, rng = self._estate, self._rng
        ours, theirs = estate.ours.split("_", 2), estate.theirs.split("_", 2)
        mixed = f"rml_{theirs[1]}_{ours[2]}"
        forged = (
            f"rml_{theirs[1]}_{self._mark}",
            mixed,
            f"rml_{theirs[1]}_",
            f"rml__{theirs[2]}",
            f"{estate.theirs[:-1]}{'A' if estate.theirs[-1] != 'A' else 'B'}",
            estate.theirs.upper(),
            f"{theirs[2]}",
            "A" * 5000,
            "é\x80",
            self._string().replace("\r", "").replace("\n", ""),
        )
        token = rng.choice(forged)
        value = rng.choice(
            (f"Bearer {token}", f"bearer  {token}", f"Basic {token}", token, f"Bearer {token}, Bearer x", "")
        )
        name = rng.choice(("authorization", "x-api-key", "cookie", "proxy-authorization"))
        if name == "cookie":
            value = rng.choice(
                (f"session={token}", f"router_ml={token}", f"router_ml_session={token}; a=b", f"rml={token}")
            )
        headers = {name: value.encode("utf-8", "replace").replace(b"\x00", b"").decode("latin-1")}
        path = rng.choice(
            (f"/v1/decisions/{rng.choice(estate.decisions)}", "/v1/decisions", "/v1/approvals", "/v1/keys")
        )
        if rng.random() < 0.2:
            path += f"?key={quote(token, errors='replace')}&api_key={quote(token, errors='replace')}"
        return _sent(self._request("GET", path, headers=headers, key=None), Expected(allowed=False))

    def _encoding(self) -> Made:
        path, rng = self._post()[0], self._rng
        text = json.dumps({"text": self._mark, "decision_id": self._mark})
        bodies: tuple[tuple[bytes, dict[str, str]], ...] = (
            (b'{"text":"\xff\xfe' + self._mark.encode() + b'"}', {}),
            (text.encode("utf-16"), {"content-type": "application/json; charset=utf-16"}),
            (b"\xef\xbb\xbf" + text.encode(), {}),
            (b'{"text":"a\x00' + self._mark.encode() + b'"}', {}),
            (b'{"text":"\\ud800' + self._mark.encode() + b'"}', {}),
            (b'{"metadata":{"\\udfff":"\\ud800"},"text":"' + self._mark.encode() + b'"}', {}),
            (b'{"text":"a","text":"' + self._mark.encode() + b'"}', {}),
            (b'{"text":NaN,"quality":Infinity,"decision_id":"x"}', {}),
            (b"\x1f\x8b\x08\x00" + rng.randbytes(40), {"content-encoding": "gzip"}),
            (b"text=" + self._mark.encode(), {"content-type": "application/x-www-form-urlencoded"}),
            (b"--x\r\n\r\n" + self._mark.encode(), {"content-type": "multipart/form-data; boundary=x"}),
            (
                b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
                {"content-type": "text/xml"},
            ),
            (text.encode(), {"accept": "text/event-stream", "accept-encoding": "x" * 300}),
            (rng.randbytes(300), {}),
        )
        body, headers = rng.choice(bodies)
        return _sent(self._request("POST", path, body, headers=headers))

    def _reports(self) -> Made:
        """Of a decision of the sender's own, so that they get as far as the log."""
        rng, decision = self._rng, self._estate.ours_decision
        half = f"\ud800{self._mark}"
        wrong = rng.choice(
            (*({"at": at} for at in TIMES), {"signals": {half: half}}, {"execution_id": half}, {"final_lane": half})
        )
        said = {"decision_id": decision, **wrong}
        if "signals" in wrong or ("at" in wrong and rng.random() < 0.7):
            several = {"outcomes": [said, {"decision_id": decision, "source": half}, {"decision_id": decision}]}
            return _sent(self._request("POST", "/v1/outcomes", _json(rng.choice((said, several)))))
        return _sent(self._request("POST", "/v1/executions", _json(said)))

    def _huge(self) -> Made:
        path, rng = self._post()[0], self._rng
        deep = rng.choice((50, 200, 1000, 20_000, 200_000))
        mark = f'"{self._mark}"'.encode()
        bodies = (
            b'{"text":' + b"[" * deep + mark + b"]" * deep + b"}",
            b'{"metadata":' + b'{"a":' * deep + mark + b"}" * deep + b',"text":"x"}',
            b'{"text":"' + b"A" * rng.choice((100_000, 1_900_000, 3_000_000)) + b'"}',
            b'{"decision_id":"x","quality":' + b"9" * rng.choice((400, 4299, 4301, 500_000)) + b"}",
            b'{"text":"x","metadata":{' + b",".join(b'"k%d":%d' % (i, i) for i in range(50_000)) + b"}}",
            b'{"messages":[' + b",".join([b'{"role":"user","content":"a"}'] * 20_000) + b'],"model":"auto"}',
            b'{"outcomes":[' + b",".join([b'{"decision_id":"x"}'] * 20_000) + b"]}",
            b'{"requests":[' + b",".join([b'{"text":"x"}'] * 20_000) + b"]}",
            b'{"text":"' + b"\\u0041" * 200_000 + b'"}',
        )
        return _sent(self._request("POST", path, rng.choice(bodies)))

    def _framing(self) -> Made:
        """Bytes that two servers may read differently, or none."""
        estate, rng = self._estate, self._rng
        inner = b"GET /v1/decisions/%s HTTP/1.1\r\nHost: x\r\n\r\n" % rng.choice(estate.decisions).encode()
        auth = f"Authorization: Bearer {estate.ours}\r\n".encode()
        head = b"POST /v1/route HTTP/1.1\r\nHost: 127.0.0.1\r\n" + auth
        body = _json({"text": self._mark})
        size = str(len(body)).encode()
        raw = (
            head + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
            head + b"Content-Length: " + size + b"\r\nContent-Length: 0\r\n\r\n" + body,
            head + b"Content-Length: -1\r\n\r\n" + body,
            head + b"Content-Length: +" + size + b"\r\n\r\n" + body,
            head + b"Content-Length: 1e3\r\n\r\n" + body,
            head + b"Content-Length: 99999999999999999999\r\n\r\n" + body,
            head + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n" + body,
            head + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" + body,
            head + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * 5000 + b"\r\nhello\r\n0\r\n\r\n",
            head + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner,
            head + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + inner,
            head + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + inner,
            head + b"Content-Length: " + size + b"\r\n\r\n" + body + inner,
            head.replace(b"\r\n", b"\n") + b"Content-Length: " + size + b"\n\n" + body,
            head + b"X: a\r\n b\r\n\tc\r\nContent-Length: " + size + b"\r\n\r\n" + body,
            head + b"X\x00Y: 1\r\n\r\n",
            head + b"X: \x00\x01\x7f\r\n\r\n",
            head + b"Expect: 100-continue\r\nContent-Length: " + size + b"\r\n\r\n",
            head
            + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n",
            b"GET http://169.254.169.254/latest HTTP/1.1\r\nHost: 169.254.169.254\r\n" + auth + b"\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET /v1/models\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + rng.randbytes(40),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(100),
            rng.randbytes(rng.randint(1, 2000)),
            b"\r\n" * 2000,
            b"GET " + b"/a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            (b"GET /v1/models HTTP/1.1\r\nHost: x\r\n" + auth + b"\r\n") * 50,
        )
        return _sent(rng.choice(raw), Expected(patience_s=None))

    def _headers(self) -> Made:
        estate, rng = self._estate, self._rng
        ours = f"Bearer {estate.ours}"
        some: tuple[list[tuple[str, str]], ...] = (
            [("authorization", ours), ("authorization", f"Bearer {self._mark}")],
            [("authorization", ours), ("x-api-key", f"rml_{self._mark}_x")],
            [("authorization", ours), ("host", f"{self._mark}.example"), ("host", "127.0.0.1")],
            [("authorization", ours), ("x-forwarded-for", "127.0.0.1"), ("x-forwarded-proto", "https")],
            [("authorization", ours), ("x-forwarded-host", self._mark), ("forwarded", "for=127.0.0.1;host=x")],
            [("authorization", ours), ("x-original-url", "/v1/keys"), ("x-rewrite-url", "/v1/keys")],
            [("authorization", ours), ("x-http-method-override", "DELETE")],
            [("authorization", ours), ("origin", f"https://{self._mark}.example")],
            [("authorization", ours), ("traceparent", self._string()[:500].replace("\r", "").replace("\n", ""))],
            [("authorization", ours), ("x-request-id", self._mark * 400)],
            [("authorization", ours), ("x-router-ml-deadline-ms", rng.choice(("nan", "inf", "-1", "1e400", "1", "0")))],
            [("authorization", ours), ("x-router-ml-priority", self._mark)],
            [("authorization", ours), ("x-stainless-read-timeout", rng.choice(("nan", "-5", "1e-9", self._mark)))],
            [("authorization", ours), ("content-type", "application/json;" + "a" * 3000)],
            [("authorization", ours), *((f"x-{index}", "v" * 50) for index in range(500))],
            [("authorization", ours), ("x-large", "v" * 200_000)],
        )
        lines = "".join(f"{name}: {value}\r\n" for name, value in rng.choice(some)).encode("utf-8", "replace")
        body = _json({"text": f"Hello {self._mark}"})
        head = b"POST /v1/route HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n" % len(body)
        host = b"" if b"host:" in lines else b"Host: 127.0.0.1\r\n"
        return _sent(head + host + lines + b"\r\n" + body)

    def _slow(self) -> Made:
        """A head or a body that comes a byte at a time, or not at all."""
        whole = self._request("POST", "/v1/route", _json({"text": self._mark}))
        cut = self._rng.choice((10, whole.index(b"\r\n\r\n") + 6))
        return [(whole[:cut], 0.0), *((whole[at : at + 1], 0.4) for at in range(cut, cut + 5))], Expected(
            patience_s=None
        )

    def _request(
        self,
        method: str,
        path: str | bytes,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        key: str | None = "ours",
    ) -> bytes:
        """A whole request; with our key unless there is to be none."""
        where = path if isinstance(path, bytes) else path.encode("utf-8", "replace")
        lines = {"Host": "127.0.0.1", "Connection": "close", **(headers or {})}
        if key is not None:
            lines["Authorization"] = f"Bearer {self._estate.ours}"
        if body is not None:
            lines = {"Content-Type": "application/json", **lines, "Content-Length": str(len(body))}
        said = "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode("latin-1", "replace")
        return method.encode() + b" " + where + b" HTTP/1.1\r\n" + said + b"\r\n" + (body or b"")


def _places(shape: Any) -> Iterator[None]:
    """Each place of a shape that a string goes into."""
    if shape == "?":
        yield None
    elif isinstance(shape, dict):
        for key, inner in shape.items():
            yield from _places(key if key == "?" else None)
            yield from _places(inner)
    elif isinstance(shape, list):
        for inner in shape:
            yield from _places(inner)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _sent(data: bytes, expected: Expected | None = None) -> Made:
    return [(data, 0.0)], expected or Expected()
