"""The files of ``router-ml init``, made, tried and then written: all of them or none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from router_ml.cli.check import CheckReport, check
from router_ml.cli.policy_run import policy_test
from router_ml.cli.starter.answers import Answers
from router_ml.cli.starter.configuration import configuration
from router_ml.cli.starter.evaluations import evaluations
from router_ml.cli.starter.examples import policy_tests
from router_ml.errors import InvalidRequestError
from router_ml.storage.loading import shipped_bundle

CONFIG, TESTS, EVALS = "router.yaml", "policy_tests.yaml", "evals"
FILES = (CONFIG, TESTS, f"{EVALS}/suite.yaml", f"{EVALS}/cases.jsonl")


@dataclass(frozen=True)
class Started:
    """What was written, and what ``router-ml check`` says of the configuration."""

    files: tuple[Path, ...]
    report: CheckReport
    examples: int


def starter(answers: Answers) -> dict[str, str]:
    """The files for some answers, by name relative to their folder."""
    shipped = (shipped_bundle() / CONFIG).read_text(encoding="utf-8")
    return {CONFIG: configuration(answers, shipped), TESTS: policy_tests(answers), **evaluations(answers)}


def start(answers: Answers, folder: str | Path, *, force: bool = False) -> Started:
    """Write the files for some answers to a folder, which is made if absent.

    Args:
        force: write over files that are there.

    Raises:
        InvalidRequestError: one of them is there already, or the folder cannot be one; nothing was written.
        OSError: the folder cannot be written to; nothing was written.
    """
    target = Path(folder)
    files = starter(answers)
    refuse_what_is_there(target, force=force)
    with tempfile.TemporaryDirectory() as made:
        _put(Path(made), files)
        report, examples = _tried(Path(made))
    _put(target, files)
    return Started(tuple(target / name for name in files), report, examples)


def refuse_what_is_there(folder: Path, *, force: bool) -> None:
    """Refuse a folder that is none, and one with files that would be written over.

    Raises:
        InvalidRequestError: see above.
    """
    if stray := next(
        (path for path in (folder / EVALS, folder, *folder.parents) if path.exists() and not path.is_dir()), None
    ):
        raise InvalidRequestError(f"{stray} is no folder. Give another folder.")
    if not force and (there := [name for name in FILES if (folder / name).exists()]):
        raise InvalidRequestError(
            f"{folder} has {', '.join(there)} already. Give another folder, or --force to write over them."
        )


def _tried(folder: Path) -> tuple[CheckReport, int]:
    report = check(folder / CONFIG)
    examples = policy_test(folder / TESTS, config=folder / CONFIG)
    if not report.ok or not examples.ok:
        wrong = [*map(str, report.problems), *(one.name for one in examples.results if one.mismatches)]
        raise AssertionError(f"what init writes does not pass its own tests: {'; '.join(wrong)}")
    return report, len(examples.results)


def _put(folder: Path, files: Mapping[str, str]) -> None:
    """Write all beside where they go, then move all there: a full disk leaves what was there."""
    beside: dict[Path, Path] = {}
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            beside[path] = path.with_name(f".{path.name}.{os.getpid()}")
            beside[path].write_text(text, encoding="utf-8")
        for path, written in beside.items():
            written.replace(path)
    finally:
        for written in beside.values():
            written.unlink(missing_ok=True)
