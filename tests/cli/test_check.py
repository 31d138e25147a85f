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


def test_check_says_what_a_log_keeps(small: str, run: Run, tmp_path: Path) -> None:
    """Whoever answers for personal data reads this table, not the YAML."""
    path = tmp_path / "router.yaml"
    strict = "  legal: {floor: 0.5, quality_per_usd: 30, when: {domain: [legal]}, on_log_error: raise}\n"
    changed = small.replace("traffic_classes:\n", f"traffic_classes:\n{strict}")
    path.write_text(changed + "logging: {keep: {low: {level: text, days: 30}, restricted: {level: decision}}}\n")
    code, shown, _ = run("check", path)
    assert code == 0
    rows = {words[0]: words for words in map(str.split, shown.splitlines()) if words}
    assert rows["low"] == ["low", "text", "30", "days", "default"], "legal does not go on unlogged"
    assert rows["restricted"] == ["restricted", "decision", "good", "never"]
    kept = json.loads(run("check", path, "--json")[1])["keep"]
    assert kept[1] == {"tier": "medium", "level": "embedding", "days": None, "unlogged": ["default"]}


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


EU_ONLY = """\
  - id: in-the-us
    version: "1"
    owner: privacy
    rationale: Stays there.
    when: {region: [us]}
    then: {regions: [us]}
traffic_classes:
"""


def test_what_only_deserves_a_look_is_shown_and_fails_on_request(small: str, run: Run, tmp_path: Path) -> None:
    """Two rules that are each right leave no lane together: a person has to answer, which may be meant."""
    path = tmp_path / "router.yaml"
    path.write_text(small.replace("traffic_classes:\n", EU_ONLY))
    code, shown, _ = run("check", path)
    assert code == 0
    assert shown.count("pii-private and in-the-us fire") == 1, "said once, not again as an outage"
    code, shown, _ = run("check", path, "--strict", "--json")
    (note,) = json.loads(shown)["notes"]
    assert (code, note["kind"], note["policies"]) == (1, "no lane", ["pii-private", "in-the-us"])
    assert note["example"]["region"] == "us"


def test_a_strict_check_of_a_file_without_notes_passes(run: Run, yaml: Path) -> None:
    assert run("check", yaml, "--strict")[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "key", "fix"),
    [
        ("risk: [pii]}", "finding: [emial]}", "policies[0].when.finding", "Did you mean 'email'?"),
        ("risk: [pii]}", "language: [English]}", "policies[0].when.language", "ISO 639"),
        ("policies:\n", "guardrails: {packs: [gadgets]}\npolicies:\n", "guardrails.packs", ""),
    ],
)
def test_names_that_only_detectors_know_are_checked(
    small: str, tmp_path: Path, old: str, new: str, key: str, fix: str
) -> None:
    """A rule on a finding that nothing reports would never fire, and nobody would notice."""
    path = tmp_path / "router.yaml"
    path.write_text(small.replace(old, new))
    (problem,) = check(path).problems
    assert problem.key == key
    assert problem.line is not None
    assert fix in problem.fix
