"""Two processes that use each other's values: plain ones are copied, all others stay where they are and are asked.

So tests can call what an answer defines without sharing a process with it: an answer cannot see what they expect, nor
change how they compare. A value of a class of the answer's own is a ``Remote`` here: it is asked over the pipe for
its attributes and results, but whether it equals a plain value, or is less, is decided here, on a copy. What tests
hand over (a function, an iterator) can be called and iterated from there, and nothing else.
"""

from __future__ import annotations

import builtins
import collections
import datetime
import decimal
import fractions
import importlib
import json
import operator
import os
import struct
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

_MOST = 1 << 24  # bytes of one message
_PLAIN = (bool, int, float, str, type(None))
_PARTS: dict[type, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    # type: what makes it of a list of parts, and that list
    **{kind: (kind, list) for kind in (list, tuple, set, frozenset, bytes, bytearray, collections.deque)},
    **{kind: (kind, lambda it: list(it.items())) for kind in (dict, collections.OrderedDict)},
    collections.defaultdict: (dict, lambda it: list(it.items())),
    collections.Counter: (lambda of: collections.Counter(dict(of)), lambda it: list(it.items())),
    range: (lambda of: range(*of), lambda it: [it.start, it.stop, it.step]),
    complex: (lambda of: complex(*of), lambda it: [it.real, it.imag]),
    decimal.Decimal: (lambda of: decimal.Decimal(*of), lambda it: [str(it)]),
    fractions.Fraction: (lambda of: fractions.Fraction(*of), lambda it: [it.numerator, it.denominator]),
    datetime.date: (lambda of: datetime.date.fromisoformat(*of), lambda it: [it.isoformat()]),
    datetime.time: (lambda of: datetime.time.fromisoformat(*of), lambda it: [it.isoformat()]),
    datetime.datetime: (lambda of: datetime.datetime.fromisoformat(*of), lambda it: [it.isoformat()]),
    datetime.timedelta: (lambda of: datetime.timedelta(*of), lambda it: [it.days, it.seconds, it.microseconds]),
}
_BASES: tuple[Any, ...] = (
    int,
    float,
    str,
    bytes,
    list,
    tuple,
    set,
    frozenset,
    dict,
    decimal.Decimal,
    fractions.Fraction,
)
"""What a class of an answer may come from: what equals it is decided on a value of these."""
_BY_NAME = {kind.__name__: make for kind, (make, _) in _PARTS.items()}
_CHANGED: dict[type, Callable[[Any, Any], None]] = {
    list: lambda it, now: it.__setitem__(slice(None), now),
    **{kind: lambda it, now: (it.clear(), it.update(now))[1] for kind in (dict, set)},
}
"""Arguments that a call may change: how the one who gave them follows."""
_COMPARED = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__")
_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor")


def _turned(do: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda it, other: do(other, it)


_DONE: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator, name) for name in _COMPARED},
    **{f"__{name.strip('_')}__": getattr(operator, name) for name in _BINARY},
    **{f"__r{name.strip('_')}__": _turned(getattr(operator, name)) for name in _BINARY},
    **{f"__{do.__name__}__": do for do in (iter, next, len, abs, bool, hash, str, repr, int, float, reversed)},
    **{name: getattr(operator, name) for name in ("__getitem__", "__setitem__", "__delitem__", "__contains__")},
    **{name: getattr(operator, name) for name in ("__neg__", "__pos__", "__invert__")},
    "__call__": lambda it, *given, **named: it(*given, **named),
    "__enter__": lambda it: type(it).__enter__(it),
    "__exit__": lambda it, *given: type(it).__exit__(it, None, None, None),
    "__instancecheck__": lambda it, one: isinstance(one, it),
    "get": getattr,
    "set": setattr,
    "plain": lambda it: next(([kind(it)] for kind in _BASES if isinstance(it, kind)), []),
}
_GIVEN = ("__call__", "__iter__", "__next__")


class GoneError(BaseException):
    """The other process has ended; not for tests to catch by ``except Exception``."""


class Peer:
    """One end. ``opens``: its values may be asked for anything, not only be called and iterated."""

    def __init__(self, reads: int, writes: int, *, opens: bool) -> None:
        self._reads, self._writes, self._opens = reads, writes, opens
        self._kept: list[Any] = []
        self._places: dict[int, int] = {}
        self._errors: dict[int, type[Exception]] = {}

    def send(self, message: object) -> None:
        """One message, as JSON."""
        raw = json.dumps(message).encode()
        if len(raw) > _MOST:
            raise ValueError("too much for one message")
        raw = struct.pack("=I", len(raw)) + raw
        try:
            while raw:
                raw = raw[os.write(self._writes, raw) :]
        except OSError:
            raise GoneError from None

    def receive(self) -> Any:
        """The next message.

        Raises:
            GoneError: there is none any more, or it is none.
        """
        (size,) = struct.unpack("=I", self._exactly(4))
        try:
            return json.loads(self._exactly(size if size <= _MOST else 0))
        except (ValueError, RecursionError):
            raise GoneError from None

    def _exactly(self, size: int) -> bytes:
        raw = b""
        while len(raw) < size and (more := os.read(self._reads, size - len(raw))):
            raw += more
        if len(raw) < size:
            raise GoneError
        return raw

    def ask(self, do: str, on: int, *given: Any, **named: Any) -> Any:
        """What comes of something done to a value of the other side, which may ask back meanwhile."""
        self.send(
            {
                "do": do,
                "on": on,
                "given": list(map(self.pack, given)),
                "named": [[k, self.pack(named[k])] for k in named],
            }
        )
        while "do" in (said := self.receive()):
            self.serve(said)
        if "raised" in said:
            raise self._error(said["raised"], said["args"])
        for one, now in zip((*given, *named.values()), said["now"], strict=False):
            if type(one) in _CHANGED and now is not None:
                _CHANGED[type(one)](one, self.unpack(now))
        return self.unpack(said["value"])

    def serve(self, asked: Any) -> None:
        """Do what was asked, and say what came of it."""
        try:
            do, on = asked["do"], self._kept[asked["on"]]
            given, named = list(map(self.unpack, asked["given"])), {k: self.unpack(v) for k, v in asked["named"]}
            if not self._opens and do not in _GIVEN:
                raise AttributeError(do)
            value = self.pack(_DONE[do](on, *given, **named))
            now = [self.pack(one) if type(one) in _CHANGED else None for one in (*given, *named.values())]
            self.send({"value": value, "now": now})
        except GoneError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it raises is raised on the other side
            plain = [one for one in error.args if type(one) in _PLAIN]
            self.send({"raised": self._chain(type(error)), "args": plain})

    def pack(self, value: Any) -> Any:
        """A value as JSON: its parts, or where it is kept."""
        if type(value) in _PLAIN:
            return value
        if type(value) in _PARTS:
            return {"kind": type(value).__name__, "of": list(map(self.pack, _PARTS[type(value)][1](value)))}
        if isinstance(value, Remote):
            return {"yours": object.__getattribute__(value, "_at")}
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return {"named": [type(value).__name__, list(value._fields)], "of": list(map(self.pack, value))}
        if isinstance(value, type) and issubclass(value, BaseException):
            return {"error": self._chain(value)}
        is_module = isinstance(value, types.ModuleType)
        return {"module": value.__name__} if is_module else {"mine": self._keep(value)}

    def unpack(self, value: Any) -> Any:
        """The value of ``pack``; what is kept there is a ``Remote`` here."""
        if not isinstance(value, dict):
            return value
        if "kind" in value:
            return _BY_NAME[value["kind"]]([self.unpack(one) for one in value["of"]])
        if "named" in value:
            name, fields = value["named"]
            return collections.namedtuple(name, fields, rename=True)(*map(self.unpack, value["of"]))
        if "module" in value and value["module"].partition(".")[0] in sys.stdlib_module_names:
            return importlib.import_module(value["module"])
        if "error" in value:
            return self._error_class(value["error"])
        return self._kept[value["yours"]] if "yours" in value else Remote(self, value["mine"])

    def _keep(self, value: Any) -> int:
        if id(value) not in self._places:
            self._places[id(value)] = len(self._kept)
            self._kept.append(value)
        return self._places[id(value)]

    def _chain(self, kind: type) -> list[tuple[str, int | None]]:
        """An exception class with those that it comes from, up to the first one of Python's own."""
        own = [one for one in kind.__mro__ if one.__module__ != "builtins"]
        first = next(one for one in kind.__mro__ if one.__module__ == "builtins")
        return [*((one.__name__, self._keep(one)) for one in own), (first.__name__, None)]

    def _error_class(self, chain: Sequence[Any]) -> type[Exception]:
        (name, at), *rest = chain
        if at is None:
            found = getattr(builtins, name, None)
            return found if isinstance(found, type) and issubclass(found, Exception) else Exception
        if at not in self._errors:
            self._errors[at] = type(name, (self._error_class(rest),), {})
        return self._errors[at]

    def _error(self, chain: Sequence[Any], given: Sequence[Any]) -> Exception:
        kind = self._error_class(chain)
        try:
            return kind(*given)
        except TypeError:  # some want arguments that are not plain
            return Exception(kind.__name__)


class Remote:
    """A value that is kept by the other process."""

    __slots__ = ("_at", "_peer")

    def __init__(self, peer: Peer, at: int) -> None:
        object.__setattr__(self, "_peer", peer)
        object.__setattr__(self, "_at", at)

    def __getattr__(self, name: str) -> Any:
        return self._peer.ask("get", self._at, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._peer.ask("set", self._at, name, value)


def _asks(name: str) -> Callable[..., Any]:
    def asks(self: Remote, *given: Any, **named: Any) -> Any:
        if name in _COMPARED and not isinstance(given[0], Remote):  # never its own word
            plain = self._peer.ask("plain", self._at)
            return _DONE[name](plain[0], given[0]) if plain else NotImplemented
        return self._peer.ask(name, self._at, *given, **named)

    return asks


for _name in _DONE:
    if _name.startswith("__"):
        setattr(Remote, _name, _asks(_name))
