"""``router-ml policy``: a table of examples says where rules do something else; two sets of rules are compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router_ml import Router
from router_ml.cli import policy_test
from router_ml.cli.policy_table import Expected, Given
from router_ml.config import load_config
from router_ml.config.rules import When
from router_ml.guardrails.rules.analysis import notes
from router_ml.guardrails.rules.verdict import Verdict
from router_ml.storage.eventlog import EventLog

Run = Callable[..., tuple[int, str, str]]

TABLE = """\
- name: private data stays
  facts: {risk: pii, channel: web}
  expect: {lanes: [own], action: route, tier: high, policies: [pii-private], tools: [], output_contract: null}
- name: a question goes anywhere
  request: Is 91 prime?
  expect: {includes: ["fast[red]", own], action: route, destinations: {indexes: []}}
- name: an address is found by the scan
  request: {text: Write to jane.doe@gmail.com please., channel: web}
  expect: {lanes: [own], excludes: ["fast[red]"], policies: [pii-private], log: features}
- name: facts replace what the router reads in a request
  request: Is 91 prime?
  facts: {guard_state: unknown}
  expect: {lanes: [own]}
"""


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Write a table of examples, with one text replaced by another."""

    def write(old: str = "", new: str = "") -> Path:
        assert old in TABLE
        path = tmp_path / "examples.yaml"
        path.write_text(TABLE.replace(old, new, 1) if old else TABLE, encoding="utf-8")
        return path

    return write


def test_a_table_whose_examples_hold_passes(run: Run, yaml: Path, table: Callable[..., Path]) -> None:
    code, shown, errors = run("policy", "test", table(), "--model", yaml)
    assert (code, errors) == (0, "")
    assert "4 of 4 examples hold" in shown
    record = json.loads(run("policy", "test", table(), "--model", yaml, "--json")[1])
    assert record["ok"] is True
    assert [result["line"] for result in record["results"]] == [1, 4, 7, 10]


@pytest.mark.parametrize(
    ("old", "new", "line", "key"),
    [
        ("lanes: [own], action: route", 'lanes: [own, "fast[red]"], action: route', 1, "lanes"),
        ("action: route, tier", "action: refuse, tier", 1, "action"),
        ("tier: high", "tier: low", 1, "tier"),
        ("policies: [pii-private]", "policies: []", 1, "policies"),
        ("tools: []", "tools: [refund]", 1, "tools"),
        ("output_contract: null", "output_contract: text", 1, "output_contract"),
        ("{risk: pii,", "{guard_state: clean,", 1, "lanes"),
        ("Is 91 prime?", "Write to jane.doe@gmail.com.", 4, "includes"),
        ('excludes: ["fast[red]"]', "excludes: [own]", 7, "excludes"),
        ("log: features", "log: decision", 7, "log"),
        ("log: features", "queue: hr", 7, "queue"),
        ("log: features", "approval: true", 7, "approval"),
        ("log: features", "explore: true", 7, "explore"),
        ("{guard_state: unknown}", "{guard_state: clean}", 10, "lanes"),
    ],
)
def test_an_expectation_that_does_not_hold_is_shown_with_what_was_found(
    run: Run, yaml: Path, table: Callable[..., Path], old: str, new: str, line: int, key: str
) -> None:
    path = table(old, new)
    code, shown, _ = run("policy", "test", path, "--model", yaml)
    assert code == 1
    assert f"{path}:{line}: " in shown
    assert f"\n  {key}: expected " in shown
    assert "3 of 4 examples hold" in shown


@pytest.mark.parametrize(
    ("old", "new", "key", "line", "told"),
    [
        ("lanes: [own], action", "lnes: [own], action", "[0].expect.lnes", 3, "Did you mean 'lanes'?"),
        ("facts: {risk", "facts: {rsk", "[0].facts.rsk", 2, "Did you mean 'risk'?"),
        ("please., channel", "please., chanel", "[2].request.chanel", 8, "Did you mean 'channel'?"),
        ("  expect: {lanes: [own]}\n", "", "[3].expect", 10, "Add 'expect'"),
        ("expect: {lanes: [own]}\n", "expect: {}\n", "[3].expect", 13, "always holds"),
        ("excludes: [", "excludes: [onw, ", "[2].expect.excludes", 9, "Did you mean 'own'?"),
        ("policies: [pii-private]", "policies: [pii]", "[0].expect.policies", 3, "not a known policy"),
        ("risk: pii", "risk: ppi", "[0].facts.risk", 2, "Did you mean 'pii'?"),
        ("channel: web", "finding: emial", "[0].facts.finding", 2, "Did you mean 'email'?"),
        ("request: Is 91 prime?\n", "request: {}\n", "[1].request", 5, "Give either text or messages"),
        ("  request: Is 91 prime?\n", "", "[1]", 4, "neither a request nor facts"),
    ],
)
def test_a_table_with_a_mistake_is_not_run(
    run: Run, yaml: Path, table: Callable[..., Path], old: str, new: str, key: str, line: int, told: str
) -> None:
    """A typo in an expectation would make it hold for ever."""
    path = table(old, new)
    report = policy_test(path, model=str(yaml))
    assert [(problem.key, problem.line) for problem in report.problems] == [(key, line)]
    assert told in str(report.problems[0])
    code, shown, _ = run("policy", "test", path, "--model", yaml)
    assert code == 1
    assert f"{path}:{line}: {key}: " in shown


@pytest.mark.parametrize("text", ["", "name: one\n", "- name: [\n"])
def test_what_is_no_table_is_said(run: Run, yaml: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "examples.yaml"
    path.write_text(text)
    code, shown, _ = run("policy", "test", path, "--model", yaml)
    assert code == 1
    assert f"{path}:" in shown
    assert run("policy", "test", tmp_path / "absent.yaml", "--model", yaml)[0] == 1


def test_examples_are_not_logged(
    run: Run, yaml: Path, table: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are no traffic, and nothing may learn from them."""
    log = tmp_path / "log.sqlite"
    monkeypatch.setenv("ROUTER_ML_LOG", str(log))
    assert run("policy", "test", table(), "--model", yaml)[0] == 0
    assert not log.exists()


def test_facts_have_the_names_of_conditions_and_every_respect_can_be_expected() -> None:
    """Whoever can write a rule can write its test."""
    derived = {"write_tool"}
    assert set(Given.model_fields) == set(When.model_fields) - derived
    assert set(Expected.model_fields) - {"includes", "excludes"} == set(Verdict.__dataclass_fields__)


def test_the_table_that_ships_holds_for_the_configuration_that_ships(root: Path) -> None:
    report = policy_test(root / "data" / "policy_tests.yaml")
    assert report.problems == ()
    assert [(result.name, result.mismatches) for result in report.results if result.mismatches] == []
    assert len(report.results) >= 20


def test_the_example_of_a_note_can_be_pasted_into_a_table(tmp_path: Path, models: Path) -> None:
    config = load_config(models / "router.yaml")
    rows = [
        {"name": note.message, "facts": note.example, "expect": {"tier": note.example["tier"]}}
        for note in notes(config)
    ]
    assert rows
    path = tmp_path / "notes.yaml"
    path.write_text(json.dumps(rows))
    assert policy_test(path, config=models / "router.yaml").ok


@pytest.fixture
def narrowed(small: str, tmp_path: Path) -> Path:
    """The small configuration with one rule that refuses, and another that is changed under its old version."""
    rule = '  - {id: not-web, version: "1", owner: o, rationale: r, when: {channel: [web]}, then: {refuse: "No."}}\n'
    path = tmp_path / "narrowed.yaml"
    text = small.replace("then: {boundary: private}", "then: {boundary: private, log: decision}")
    path.write_text(text.replace("traffic_classes:\n", f"{rule}traffic_classes:\n"))
    return path


def test_a_diff_names_the_rules_that_differ(run: Run, yaml: Path, narrowed: Path) -> None:
    code, shown, _ = run("policy", "diff", yaml, narrowed)
    assert code == 0
    assert "added not-web, version 1" in shown
    assert "changed pii-private: then, under the same version 1" in shown
    assert "decisions" not in shown, "no log was given"
    assert "The rules are the same." in run("policy", "diff", yaml, yaml)[1]


def test_a_diff_with_a_log_says_which_decisions_change(run: Run, yaml: Path, narrowed: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.sqlite"
    router = Router.load(yaml, log=log)
    web, mail, plain = (
        router.predict_route(**request)
        for request in (
            {"request": "Is 91 prime?", "channel": "web"},
            {"request": "Write to jane.doe@gmail.com."},
            {"request": "Is 91 prime?"},
        )
    )
    code, shown, _ = run("policy", "diff", yaml, narrowed, "--log", log)
    assert code == 0
    assert "2 of 3 decisions would come out otherwise" in shown
    assert web.decision_id in shown
    assert plain.decision_id not in shown
    record: dict[str, Any] = json.loads(run("policy", "diff", yaml, narrowed, "--log", log, "--json")[1])
    assert (record["reproduced"], record["not_reproducible"]) == (3, [])
    assert record["by_kind"] == {"action": 1, "log": 1, "planned lane lost": 1}
    assert record["by_rule"] == {"not-web": 1, "pii-private": 1}
    changed = {change["decision_id"]: change["changes"] for change in record["changes"]}
    assert changed[mail.decision_id] == {"log": {"before": "features", "after": "decision"}}
    late = json.loads(run("policy", "diff", yaml, narrowed, "--log", log, "--since", "2999-01-01", "--json")[1])
    assert late["compared"] == 0
    with EventLog(log) as events:  # what a shadow decided happened to nobody
        events.log_decision(mail.model_copy(update={"decision_id": f"{mail.decision_id}.shadow"}))
    again = json.loads(run("policy", "diff", yaml, narrowed, "--log", log, "--json")[1])
    assert again["compared"] == 3


def test_a_diff_of_a_log_that_is_not_there_says_so(run: Run, yaml: Path, tmp_path: Path) -> None:
    code, _, errors = run("policy", "diff", yaml, yaml, "--log", tmp_path / "absent.sqlite")
    assert code == 2
    assert "There is no event log" in errors
    assert not (tmp_path / "absent.sqlite").exists()
