"""A YAML file whose every mistake can be named with its line, for ``router.yaml`` and for tables of examples."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_origin

import yaml
from pydantic import BaseModel, ValidationError

from router_ml.errors import ConfigError, Problem

_Path = tuple[str | int, ...]
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 50
_FIXES = {"string_type": "Put it in quotes.", "tuple_type": "Write a list: [first, second]."}


class Source:
    """A parsed YAML text that remembers on which line each key stands."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.lines: dict[_Path, int] = {}
        self.problems: list[Problem] = []
        try:
            root = yaml.compose(text.encode("utf-8", "replace"), Loader=_Loader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark is not None else None
            message = f"not valid YAML: {getattr(error, 'problem', None) or 'it cannot be parsed'}."
            raise ConfigError([Problem(file, line, "(file)", message, "Fix the syntax on this line.")]) from None
        self.value = self._build(root, ()) if root is not None else None

    def _build(self, node: yaml.Node, path: _Path) -> object:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if len(path) > _DEEPEST:
            message = "nested too deeply, or an alias that contains itself."
            raise ConfigError([Problem(self.file, line, dotted(path[:4]), message, "Flatten it.")])
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._build(item, (*path, index)) for index, item in enumerate(node.value)]
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ValueError):  # a date that does not exist, a tag of another program
            message = f"YAML cannot read it as {node.tag.rsplit(':', 1)[-1]}."
            self.problems.append(Problem(self.file, line, dotted(path), message, "Put it in quotes."))
            return node.value

    def _mapping(self, node: yaml.MappingNode, path: _Path) -> dict[str, object]:
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            here = (*path, key)
            if key in result:
                message = f"{key!r} is defined twice; it is first defined on line {self.lines[here]}."
                self.problems.append(Problem(self.file, line, dotted(here), message, "Rename or remove one of them."))
                continue
            self.lines[here] = line
            result[key] = self._build(value_node, here)
        return result

    def line(self, path: _Path) -> int | None:
        """The line of a key, or of the nearest key above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def dotted(path: Sequence[str | int]) -> str:
    """``("policies", 3, "when")`` as ``policies[3].when``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "(file)"


def read(path: Path, *, expected: str) -> str:
    """The text of a file; ``expected`` says which file to give.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        problem = Problem(str(path), None, "(file)", f"cannot be read: {reason}.", f"Give the path of {expected}.")
        raise ConfigError([problem]) from None


def shape_problems(error: ValidationError, source: Source, *, root: type[BaseModel]) -> Iterator[Problem]:
    """What a model does not take, with lines and fixes; ``root`` is the model, or that of the items of a list."""
    for item in error.errors(include_url=False, include_context=False):
        path = tuple(part for part in item["loc"] if part != "[key]")
        path, known = _place(path, root)
        message, fix = item["msg"] + ".", _FIXES.get(item["type"], "Correct the value.")
        if item["type"] == "extra_forbidden":
            message = "unknown key."
            close = difflib.get_close_matches(str(path[-1]), known, n=1)
            fix = f"Did you mean {close[0]!r}?" if close else f"Known keys here: {', '.join(known)}."
        elif item["type"] == "missing":
            message, fix = "a required key is missing.", f"Add {str(path[-1])!r}."
        yield Problem(source.file, source.line(path), dotted(path), message, fix)


def _place(path: _Path, root: type[BaseModel]) -> tuple[_Path, list[str]]:
    """A path as the file has it, without the tag by which pydantic names a member of a union, and the keys that the
    section of its last part knows, by walking the types of the schema."""
    model: type[BaseModel] | None = root
    members: dict[str, type[BaseModel]] = {}
    named, written = False, list[str | int]()
    known: list[str] = []
    for part in path:
        if part in members:
            model, members = members[str(part)], {}
            continue
        written.append(part)
        known = sorted(_fields(model)) if model is not None else []
        if named or isinstance(part, int) or model is None:
            named = False  # an index, or a name chosen by the user
            continue
        annotation = _fields(model).get(part)
        model, named, members = _section(annotation), get_origin(annotation) is dict, _tagged(annotation)
    return tuple(written), known


def _tagged(annotation: object) -> dict[str, type[BaseModel]]:
    """The members of a union of sections that are told apart by their ``kind``, by each kind."""
    inner = getattr(annotation, "__args__", ())
    sections = [each for each in inner if isinstance(each, type) and issubclass(each, BaseModel)]
    if len(sections) > 1 and all("kind" in each.model_fields for each in sections):
        kinds = ((each, getattr(each.model_fields["kind"].annotation, "__args__", ())) for each in sections)
        return {kind: each for each, mine in kinds for kind in mine}
    return next((found for found in map(_tagged, inner) if found), {})


def _fields(model: type[BaseModel]) -> dict[str, object]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _section(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _section(inner)
        if found is not None:
            return found
    return None
