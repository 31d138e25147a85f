"""Read ``router.yaml`` and say exactly where it is wrong."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_origin

import yaml
from pydantic import ValidationError

from router_ml.config.checks import check
from router_ml.config.schema import RouterConfig
from router_ml.config.section import Section
from router_ml.errors import ConfigError, Problem

_Path = tuple[str | int, ...]
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 50
_RULES = (
    *("policies", "guardrails", "output_policies", "notices", "boundaries", "regions"),
    *("tools", "indexes", "rerankers", "judges", "trace_sinks"),
)
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


def load_config(path: str | Path, taxonomy: Mapping[str, Sequence[str]] | None = None) -> RouterConfig:
    """Read and check a ``router.yaml``.

    Args:
        path: the file.
        taxonomy: labels a bundle's classifier knows (``intents``, ``domains``, ``risks``); replaces the file's own.

    Raises:
        ConfigError: with every problem found, each with file, line, key and fix.
    """
    return parse_config(read(path), file=str(path), taxonomy=taxonomy)


def read(path: str | Path) -> str:
    """The text of a configuration file.

    Raises:
        ConfigError: it cannot be read, or is not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        fix = "Give the path of a router.yaml."
        raise ConfigError([Problem(str(path), None, "(file)", f"cannot be read: {reason}.", fix)]) from None


def parse_config(
    text: str, *, file: str = "router.yaml", taxonomy: Mapping[str, Sequence[str]] | None = None
) -> RouterConfig:
    """Like ``load_config``, from text."""
    source = Source(text, file)
    if not isinstance(source.value, dict):
        message = f"expected a mapping of sections, found {type(source.value).__name__}."
        raise ConfigError([Problem(file, 1, "(file)", message, "Start from the router.yaml that ships.")])
    if taxonomy is not None:
        source.value["taxonomy"] = {key: list(labels) for key, labels in taxonomy.items()}
    problems = list(source.problems)
    try:
        config = RouterConfig.model_validate(source.value)
    except ValidationError as error:
        raise ConfigError([*problems, *shape_problems(error, source)]) from None
    problems += [
        Problem(file, source.line(issue.path), dotted(issue.path), issue.message, issue.fix) for issue in check(config)
    ]
    if problems:
        raise ConfigError(problems)
    return config


def shape_problems(error: ValidationError, source: Source) -> Iterator[Problem]:
    """What pydantic found, with the line of each key and how to mend it."""
    for item in error.errors(include_url=False, include_context=False):
        path = tuple(part for part in item["loc"] if part != "[key]")
        message, fix = item["msg"] + ".", _FIXES.get(item["type"], "Correct the value.")
        if item["type"] == "extra_forbidden":
            message = "unknown key."
            known = _known_keys(path[:-1])
            close = difflib.get_close_matches(str(path[-1]), known, n=1)
            fix = f"Did you mean {close[0]!r}?" if close else f"Known keys here: {', '.join(known)}."
        elif item["type"] == "missing":
            message, fix = "a required key is missing.", f"Add {str(path[-1])!r}."
        yield Problem(source.file, source.line(path), dotted(path), message, fix)


def _known_keys(path: _Path) -> list[str]:
    """Keys that the section at a path knows, by walking the types of the schema."""
    model: type[Section] | None = RouterConfig
    named = False
    for part in path:
        if named or isinstance(part, int) or model is None:
            named = False  # an index, or a name chosen by the user
            continue
        annotation = _fields(model).get(part)
        model, named = _section(annotation), get_origin(annotation) is dict
    return sorted(_fields(model)) if model is not None else []


def _fields(model: type[Section]) -> dict[str, object]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _section(annotation: object) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _section(inner)
        if found is not None:
            return found
    return None


def config_sha256(config: RouterConfig) -> str:
    """sha256 of the canonical form of a whole configuration."""
    return _digest(config.model_dump(mode="json", by_alias=True))


def policy_sha256(config: RouterConfig) -> str:
    """sha256 of all that hard rules decide by: rules on requests and answers, places, limits, and lanes without their
    prices."""
    whole = config.model_dump(mode="json", by_alias=True)
    learned = {"price", "prior", "latency", "outcomes", "decoding"}
    lanes = {name: {k: v for k, v in lane.items() if k not in learned} for name, lane in whole["lanes"].items()}
    limits = {name: [item["when"], item["limits"]] for name, item in whole["traffic_classes"].items()}
    rules = {key: whole[key] for key in _RULES}
    return _digest({**rules, "lanes": lanes, "limits": limits})


def prices_sha256(config: RouterConfig) -> str:
    """sha256 of the price list."""
    return _digest({name: lane.price.model_dump(mode="json") for name, lane in config.lanes.items()})


def _digest(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
