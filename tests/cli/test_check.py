"""``router-ml check``: every problem with its place and fix; of a valid file, what it promises."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from router_ml.cli import check

Run = Callable[..., tuple[int, str, str]]


def test_check_lists_every_problem_with_its_place_and_fix(small: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / ("long" * 40) / "router.yaml"  # a line must stay one line, or editors cannot jump to it
    path.parent.mkdir()
    path.write_text(small.replace("boundary: vendor", "boundary: vendr").replace("risk: [pii]", "risk: [ppi]"))
    code, shown, _ = run("check", path)
    assert code == 1
    assert f"{path}:11: lanes.fast[red].boundary: 'vendr' is not a known boundary. Did you mean 'vendor'?\n" in shown
    assert "2 problem(s)" in shown
    code, shown, _ = run("check", path, "--json")
    record = json.loads(shown)
    assert (code, record["ok"]) == (1, False)
    assert [(p["line"], p["key"]) for p in record["problems"]] == [
        (11, "lanes.fast[red].boundary"),
        (35, "policies[0].when.risk"),
    ]
    assert all(problem["fix"] for problem in record["problems"])


def test_check_of_a_file_that_is_not_there_is_a_problem_of_that_file(run: Run, tmp_path: Path) -> None:
    code, shown, _ = run("check", tmp_path / "absent.yaml")
    assert code == 1
    assert "No such file" in shown


def test_check_of_a_valid_file_says_what_it_promises(run: Run, yaml: Path) -> None:
    code, shown, errors = run("check", yaml)
    assert (code, errors) == (0, "")
    assert "fast[red]" in shown, "names are not markup"
    assert "default when pii-private fires: only own, all of failure domain vllm" in shown
    record = json.loads(run("check", yaml, "--json")[1])
    assert record["ok"] is True
    assert record["policies"] == [{"policy": "pii-private", "effect": "boundary private", "lanes": ["own"]}]


def test_check_without_a_file_checks_what_would_route(
    yaml: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check().file == str(models / "router.yaml")
    assert check().ok
    monkeypatch.setenv("ROUTER_ML_MODEL", str(yaml))
    assert check().file == str(yaml)


def test_the_labels_of_a_bundle_count_where_one_is_given(small: str, tmp_path: Path, models: Path) -> None:
    """A policy on a risk that no classifier predicts and no rule finds would never fire."""
    path = tmp_path / "router.yaml"
    path.write_text(small.replace("risks: [pii]", "risks: [gambling]").replace("risk: [pii]", "risk: [gambling]"))
    assert check(path).ok
    (problem,) = check(path, model=str(models)).problems
    assert problem.key == "policies[0].when.risk"
