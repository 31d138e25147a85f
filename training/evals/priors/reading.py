"""What the command is told in files: reliability of judges, and which suites there are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml
from pydantic import ValidationError

from router_ml.config.section import Fraction, Section
from router_ml.errors import OfflineDataError
from training.evals.priors.likelihood import Reliability
from training.evals.suite import NAMES, SUITES, Suite, load_suite


class _Judge(Section):
    sensitivity: Fraction | None = None
    specificity: Fraction | None = None
    agreement: Fraction | None = None


def read_reliability(path: Path) -> dict[str, Reliability]:
    """Reliability of judges by the name of their check, from YAML: ``sensitivity`` and ``specificity`` against people,
    or ``agreement`` with people, which then stands for both.

    Raises:
        OfflineDataError: the file is not there, or says something else.
    """
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        judges = {str(name): _Judge.model_validate(each) for name, each in dict(said).items()}
    except (OSError, yaml.YAMLError, ValidationError, TypeError, ValueError):
        raise OfflineDataError(
            f"{path}: expected YAML with judges by check, each with sensitivity and specificity, or agreement, in 0..1."
        ) from None
    found = {}
    for name, judge in judges.items():
        pair = judge.sensitivity, judge.specificity
        if judge.agreement is not None and pair == (None, None):
            pair = judge.agreement, judge.agreement
        if pair[0] is None or pair[1] is None:
            raise OfflineDataError(f"{path}: judge {name} needs sensitivity and specificity, or agreement alone.")
        found[name] = Reliability(pair[0], pair[1])
    return found


def known_suites(folders: Iterable[Path]) -> dict[str, Suite]:
    """The suites that ship, and those of the given folders, by name; a given one replaces one that ships.

    Raises:
        OfflineDataError: a folder is no suite.
    """
    shipped = [load_suite(name) for name in NAMES if (SUITES / name / "suite.yaml").is_file()]
    return {suite.name: suite for suite in (*shipped, *map(load_suite, folders))}


def weights(given: Iterable[str]) -> dict[str, float]:
    """Weights of suites from ``SUITE=WEIGHT``.

    Raises:
        OfflineDataError: one is written otherwise, or is below 0.
    """
    found = {}
    for one in given:
        name, _, said = one.partition("=")
        try:
            found[name] = float(said)
        except ValueError:
            found[name] = -1.0
        if not 0 <= found[name] < float("inf"):
            raise OfflineDataError(f"Found weight {one!r}, expected SUITE=WEIGHT with a weight of 0 or more.")
    return found
