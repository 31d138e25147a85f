"""A suite: a folder with ``suite.yaml`` and the JSONL files that it names.

name, version, title     what it is
catches                  failure -> one sentence: what it means when a case fails so
tolerated                failure -> share of the cases that may fail so (0 by default) before it is an alarm
quality                  whether passing counts for the quality of a lane (a slow answer is not a worse one)
authored                 whether all of it is made up, so that it may be sent anywhere; else the rules are asked
depends_on               what makes its results stale when it changes: lanes, indexes, prompts, tools, policies
system                   of all cases that have none of their own
streamed                 whether lanes are asked for streams, so that the first byte has a time
cases, passages          JSONL files; tools: a mapping as under ``tools`` in router.yaml
checks                   of every attempt;  across: of all attempts of a lane together
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import Field, ValidationError

from router_ml.config.execution import Tool
from router_ml.config.section import Fraction, Section
from router_ml.errors import OfflineDataError
from router_ml.execution.retrieval.passages import Passage
from router_ml.execution.tools.arguments import Checker
from training.evals.case import Case, Expect

SUITES = Path(__file__).parent / "suites"
NAMES = ("contract", "groundedness", "tools", "safety", "budgets")
Depends = Literal["lanes", "indexes", "prompts", "tools", "policies"]
Read = TypeVar("Read", bound=Section)


class SuiteFile(Section):
    """``suite.yaml``."""

    name: str
    version: str
    title: str
    catches: dict[str, str]
    tolerated: dict[str, Fraction] = Field(default_factory=dict)
    quality: bool = True
    authored: bool = False
    depends_on: tuple[Depends, ...] = ("lanes",)
    system: str | None = None
    streamed: bool = False
    cases: tuple[str, ...] = ("cases.jsonl",)
    passages: tuple[str, ...] = ()
    tools: dict[str, Tool] = Field(default_factory=dict)
    checks: tuple[Expect, ...] = ()
    across: tuple[Expect, ...] = ()


class PassageLine(Section):
    """A line of a file of passages. ``source``: the document and heading that it is from."""

    id: str
    text: str
    source: str = ""


@dataclass(frozen=True)
class Suite:
    """A suite that has been read. ``folder``: where it lies."""

    folder: Path
    file: SuiteFile
    cases: tuple[Case, ...]
    passages: dict[str, Passage]

    @property
    def name(self) -> str:
        """Its name."""
        return self.file.name

    @cached_property
    def digest(self) -> str:
        """sha256 over all that it says: results of another digest are of another suite."""
        parts = (
            self.file.model_dump(mode="json", by_alias=True),
            [case.digest for case in self.cases],
            [(one.id, one.text) for one in self.passages.values()],
        )
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @cached_property
    def checker(self) -> Checker:
        """The schemas of its tools.

        Raises:
            ConfigError: one is not valid JSON Schema. MissingExtraError: jsonschema is not installed.
        """
        return Checker(self.file)

    def passages_of(self, case: Case) -> tuple[Passage, ...]:
        """What a lane is given with a case, in its order."""
        return tuple(self.passages[name] for name in case.passages)


def load_suite(folder: str | Path) -> Suite:
    """Read a suite: one that ships by its name, or a folder.

    Raises:
        OfflineDataError: there is none, or a file of it says something that no suite can; names file and line.
    """
    where = SUITES / folder if folder in NAMES else Path(folder)
    path = where / "suite.yaml"
    if not path.is_file():
        raise OfflineDataError(
            f"{where} is not a suite: it has no suite.yaml. Give a folder that has one, or one of {', '.join(NAMES)}."
        )
    try:
        said = yaml.safe_load(_text(path))
    except yaml.YAMLError as error:
        raise OfflineDataError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    file = _parsed(SuiteFile, said, str(path))
    passages: dict[str, Passage] = {}
    for one in _lines(where, file.passages, PassageLine):
        if one.id in passages:
            raise OfflineDataError(f"{path}: found two passages {one.id!r}. Give each an id of its own.")
        passages[one.id] = Passage(one.id, one.text, source=one.source)
    cases = tuple(_lines(where, file.cases, Case))
    _check(path, file, cases, passages)
    return Suite(where, file, cases, passages)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise OfflineDataError(f"{path} is not UTF-8: byte {error.start}. Save it as UTF-8.") from None


def _lines(where: Path, names: tuple[str, ...], model: type[Read]) -> Iterator[Read]:
    for name in names:
        path = where / name
        if not path.is_file():
            raise OfflineDataError(f"{path}, which suite.yaml names, is not there.")
        for number, line in enumerate(_text(path).split("\n"), start=1):
            if line.strip():
                try:
                    said = json.loads(line)
                    json.dumps(said, ensure_ascii=False).encode()  # half a surrogate pair cannot be sent
                except ValueError as error:
                    raise OfflineDataError(f"{path}, line {number} is not JSON: {error}.") from None
                yield _parsed(model, said, f"{path}, line {number}")


def _parsed(model: type[Read], said: Any, where: str) -> Read:
    try:
        return model.model_validate(said)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'all of it'}: {one['msg']}" for one in error.errors(include_url=False)
        )
        raise OfflineDataError(f"{where}: {wrong}.") from None


def _check(path: Path, file: SuiteFile, cases: tuple[Case, ...], passages: dict[str, Passage]) -> None:
    if not cases:
        raise OfflineDataError(f"{path} has no cases. Name JSONL files with at least one line under cases.")
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise OfflineDataError(f"{path}: found two cases {case.id!r}. Give each an id of its own.")
        seen.add(case.id)
        if missing := [name for name in case.passages if name not in passages]:
            raise OfflineDataError(f"{path}: case {case.id} names passages that no file has: {', '.join(missing)}.")
        if missing := [name for name in case.tools if name not in file.tools]:
            raise OfflineDataError(f"{path}: case {case.id} names tools that suite.yaml has not: {', '.join(missing)}.")
    if stray := sorted(set(file.tolerated) - set(file.catches)):
        raise OfflineDataError(f"{path}: tolerated names failures that catches does not: {', '.join(stray)}.")
