"""Which passages an answer names, and which of those it was never given.

A citation is an id in square brackets, several separated by commas or "and", or what the lane reports apart. Most
brackets in a text are none ("[sic]", a link, an index in code), so an unknown one is held against an answer only where
it looks like an id: less is enough between words than behind one, as in ``5[x1]``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from router_ml.execution.lanes.reply import Reply
from router_ml.execution.validation.brackets import Named, in_brackets, shape, telling

CITING = frozenset("citations citation sources source_ids citation_ids context_ids passages passage_ids".split())
"""Names of fields of a JSON answer whose strings are ids."""

_ID = re.compile(r"(?=.{0,200}[a-z])(?=.{0,200}[\d#])[a-z0-9][\w./:#-]{1,150}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Cited:
    """``known``: ids that were given, in the order in which they are named; ``invented``: others that look like ids;
    ``odd``: how many more the lane says it cites that look like nothing known."""

    known: tuple[str, ...] = ()
    invented: tuple[str, ...] = ()
    odd: int = 0


def citations_of(reply: Reply, given: Collection[str], *, value: JsonValue = None, required: bool = False) -> Cited:
    """The passages that a reply names.

    Args:
        given: ids of the passages that the lane was given.
        value: the parsed answer, where it is JSON: ids stand in its strings, or in a field such as ``citations``.
        required: whether it had to cite. If not, only what is made like the ids that were given counts as invented.

    >>> citations_of(Reply(text="Ten days [hr/leave.md#2], see [hr/leave.md#9]."), ["hr/leave.md#2"])
    Cited(known=('hr/leave.md#2',), invented=('hr/leave.md#9',), odd=0)
    """
    ids, shapes = frozenset(given), frozenset(map(shape, given))
    known: dict[str, None] = {}
    invented: dict[str, None] = {}
    odd = 0
    texts = [reply.text] if value is None or isinstance(value, str) else list(_strings(value))
    for one in (one for text in texts for one in in_brackets(text, ids)):
        if one.name in ids:
            known[one.name] = None
        elif _poses(one, shapes, required=required):
            invented[one.name] = None
    read = {
        one.name for text in {reply.text, *texts} for one in in_brackets(text, ids)
    }  # judged above, where it counts
    for name in (*(name for name in reply.citations if name not in read), *_listed(value)):
        if name in ids:
            known[name] = None
        elif _ID.fullmatch(name) and (required or shape(name) in shapes):
            invented[name] = None
        else:
            odd += required
    return Cited(tuple(known), tuple(invented), odd)


def _poses(one: Named, shapes: Collection[str], *, required: bool) -> bool:
    """Whether a name that is not known looks like the id of a passage."""
    if " " in one.name:
        return False
    made = shape(one.name)
    if made in shapes and telling(made):
        return True
    if not one.alone or one.place == "link":
        return False
    if made in shapes:
        return required or one.place == "free"
    return required and one.place == "free" and _ID.fullmatch(one.name) is not None


def broken(cited: Cited, *, required: bool, given: Collection[str]) -> tuple[str, ...]:
    """What is wrong with the citations of an answer; empty where nothing is.

    Args:
        required: whether it has to cite something.
    """
    if not given and not required:
        return ()  # it was not asked to cite; a bracket is a bracket
    errors = [f"cites {name}, which is none of the passages that were given" for name in cited.invented[:5]]
    if len(cited.invented) > 5 or cited.odd:
        count = max(len(cited.invented) - 5, 0) + cited.odd
        errors.append(f"cites {count} {'more ' if errors else ''}sources that are none of the passages that were given")
    if required and not cited.known:
        errors.append("cites none of the passages that were given" if given else "no passage was given to cite")
    return tuple(errors)


def _strings(value: JsonValue) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack.extend(reversed(item.values()))
        elif isinstance(item, list):
            stack.extend(reversed(item))


def _listed(value: JsonValue) -> Iterator[str]:
    """The strings of fields that hold citations, wherever they stand."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            for name, inner in item.items():
                if name.casefold() in CITING:
                    yield from (one.strip().removeprefix("[").removesuffix("]") for one in _strings(inner))
                else:
                    stack.append(inner)
        elif isinstance(item, list):
            stack.extend(item)
