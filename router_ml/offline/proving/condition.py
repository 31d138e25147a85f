"""A small language for questions about logged decisions: ``finding=pii and not region in (us, apac)``.

    or     any of
    and    all of                                     binds tighter than or
    not    the opposite                               binds tighter than and
    =  !=  in (a, b)  not in (a, b)                   a field against values; case does not count

Values that hold anything but letters, digits and ``_ . : / @ + * -`` stand in quotes. A field may have several values
(findings, tools): ``=`` asks whether one of them is it, ``!=`` whether none is. An answer may also be "not known", as
after an incomplete scan; then it is neither true nor false (Kleene's three-valued logic).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from router_ml.errors import InvalidRequestError

_TOKEN = re.compile(r"\s*(?:(?P<mark>!=|=|\(|\)|,)|(?P<quoted>\"[^\"]*\"|'[^']*')|(?P<word>[\w.:/@+*-]+))")
_RESERVED = ("and", "or", "not", "in")
_DEEPEST = 50
_LONGEST = 10_000


@dataclass(frozen=True)
class Values:
    """What is known of a field; not ``complete``: there may be others."""

    known: frozenset[str]
    complete: bool = True


@dataclass(frozen=True)
class Is:
    """A field has one of some values, all in lower case."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Not:
    """The opposite."""

    part: Condition


@dataclass(frozen=True)
class Joined:
    """All or any of some parts."""

    how: Literal["and", "or"]
    parts: tuple[Condition, ...]


Condition = Is | Not | Joined


def parse(text: str, *, fields: Mapping[str, Sequence[str] | None], name: str = "condition") -> Condition:
    """Read a condition.

    Args:
        fields: those that may be named, each with the values that it can have, None for any.
        name: of the condition, for errors.

    Raises:
        InvalidRequestError: it cannot be read; says at which character, and what was expected there.
    """
    parser = _Parser(text, fields, name)
    found = parser.any_of(0)
    if parser.at < len(parser.tokens):
        raise parser.error("'and', 'or' or the end")
    return found


def holds(condition: Condition, values: Callable[[str], Values]) -> bool | None:
    """Whether a condition holds; None where that is not known. ``values`` says what is known of a field."""
    if isinstance(condition, Is):
        found = values(condition.field)
        return True if not found.known.isdisjoint(condition.values) else False if found.complete else None
    if isinstance(condition, Not):
        inner = holds(condition.part, values)
        return None if inner is None else not inner
    decisive = condition.how == "or"
    answers = [holds(part, values) for part in condition.parts]
    return decisive if decisive in answers else None if None in answers else not decisive


def comparisons(condition: Condition) -> Iterator[Is]:
    """Every comparison in a condition."""
    if isinstance(condition, Is):
        yield condition
    else:
        for part in (condition.part,) if isinstance(condition, Not) else condition.parts:
            yield from comparisons(part)


def to_text(condition: Condition) -> str:
    """A condition as text that ``parse`` reads again.

    >>> to_text(parse("not (a=1 or b in (2, 3))", fields={"a": None, "b": None}))
    'not (a=1 or b in (2, 3))'
    """
    if isinstance(condition, Is):
        written = [_quoted(value) for value in condition.values]
        return (
            f"{condition.field}={written[0]}" if len(written) == 1 else f"{condition.field} in ({', '.join(written)})"
        )
    if isinstance(condition, Not):
        return (
            f"not ({to_text(condition.part)})"
            if isinstance(condition.part, Joined)
            else f"not {to_text(condition.part)}"
        )
    shown = (f"({to_text(part)})" if isinstance(part, Joined) else to_text(part) for part in condition.parts)
    return f" {condition.how} ".join(shown)


def _quoted(value: str) -> str:
    plain = re.fullmatch(r"[\w.:/@+*-]+", value) and value not in _RESERVED
    return value if plain else f"'{value}'" if '"' in value else f'"{value}"'


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int


@dataclass
class _Parser:
    text: str
    fields: Mapping[str, Sequence[str] | None]
    name: str
    tokens: list[_Token] = field(init=False)
    at: int = 0

    def __post_init__(self) -> None:
        if len(self.text) > _LONGEST:
            raise InvalidRequestError(f"The {self.name} has {len(self.text)} characters, at most {_LONGEST} are read.")
        self.tokens, end = [], 0
        while self.text[end:].strip():
            match = _TOKEN.match(self.text, end)
            if match is None:
                start = end + len(self.text[end:]) - len(self.text[end:].lstrip())
                what = "a quote that does not end" if self.text[start] in "\"'" else repr(self.text[start])
                raise self._at(start, what, "a field, a value, = != , ( or )")
            self.tokens.append(
                _Token(str(match.lastgroup), match[str(match.lastgroup)], match.start(match.lastgroup or 0))
            )
            end = match.end()

    def any_of(self, depth: int) -> Condition:
        return self._joined("or", lambda: self._joined("and", lambda: self._opposite(depth)))

    def _joined(self, how: Literal["and", "or"], part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self._take(how):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(how, tuple(parts))

    def _opposite(self, depth: int) -> Condition:
        if depth > _DEEPEST:
            raise self.error(f"at most {_DEEPEST} levels of 'not' and parentheses")
        if self._take("not"):
            return Not(self._opposite(depth + 1))
        if self._take("("):
            inner = self.any_of(depth + 1)
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        name = self._next_word()
        if name not in self.fields:
            raise self.error(f"a field: {', '.join(self.fields)}")
        self.at += 1
        if self._take("="):
            return Is(name, (self._value(name),))
        if self._take("!="):
            return Not(Is(name, (self._value(name),)))
        negated = self._take("not")
        if not self._take("in"):
            raise self.error("'in'" if negated else "=, !=, 'in' or 'not in'")
        found = Is(name, self._values(name))
        return Not(found) if negated else found

    def _values(self, name: str) -> tuple[str, ...]:
        self._expect("(")
        values = [self._value(name)]
        while self._take(","):
            values.append(self._value(name))
        self._expect(")")
        return tuple(values)

    def _value(self, name: str) -> str:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        if token is None or token.kind == "mark" or (token.kind == "word" and token.text.casefold() in _RESERVED):
            raise self.error("a value (in quotes, where it is one of and, or, not, in)")
        value = (token.text[1:-1] if token.kind == "quoted" else token.text).casefold()
        allowed = self.fields[name]
        if allowed is not None and value not in allowed:
            raise self.error(f"a {name}: {', '.join(allowed)}")
        self.at += 1
        return value

    def _next_word(self) -> str:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        return token.text.casefold() if token is not None and token.kind == "word" else ""

    def _take(self, text: str) -> bool:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        if token is None or token.kind == "quoted" or token.text.casefold() != text:
            return False
        self.at += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self.error(repr(text))

    def error(self, expected: str) -> InvalidRequestError:
        if self.at >= len(self.tokens):
            return self._at(len(self.text), "the end", expected)
        return self._at(self.tokens[self.at].start, repr(self.tokens[self.at].text), expected)

    def _at(self, place: int, found: str, expected: str) -> InvalidRequestError:
        return InvalidRequestError(f"The {self.name}, character {place + 1}: found {found}, expected {expected}.")
