"""``router-ml init``: a folder that works, whoever answers, and nothing lost that was there."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router_ml.cli.starter.answers import USERS, VENDORS, Answers
from router_ml.cli.starter.configuration import configuration
from router_ml.cli.starter.cutting import Shipped
from router_ml.cli.starter.writing import start
from router_ml.config import parse_config
from router_ml.errors import InvalidRequestError
from router_ml.loading import shipped_bundle

Run = Callable[..., tuple[int, str, str]]

SHIPPED = (shipped_bundle() / "router.yaml").read_text(encoding="utf-8")
ANSWERS = st.builds(
    Answers,
    vendors=st.sets(st.sampled_from(VENDORS), min_size=1).map(tuple),
    users=st.sampled_from(USERS),
    regulated=st.booleans(),
    tools=st.booleans(),
    documents=st.none() | st.text("ab /\\'\"#:{}é", min_size=1, max_size=12),
    floor=st.floats(0, 1),
    budget_usd=st.none() | st.floats(0.01, 1e6),
    log=st.none() | st.text("ab /\\'\"#:{}é", min_size=1, max_size=12),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ANSWERS)
def test_whatever_is_answered_makes_a_configuration_of_just_these_lanes(answers: Answers) -> None:
    config = parse_config(configuration(answers, SHIPPED))
    assert tuple(config.lanes) == answers.lanes
    assert config.logging.url == answers.log
    assert config.traffic_classes["default"].budget_usd_per_day == answers.budget_usd
    assert bool(config.tools) == answers.tools
    assert [index.folder for index in config.indexes.values()] == [one for one in [answers.documents] if one]


@pytest.mark.parametrize(
    "answers",
    [
        Answers(),
        Answers(vendors=("openai",), tools=True, regulated=False, users="eu"),
        Answers(vendors=("own", "google"), tools=True, documents="docs", budget_usd=20, floor=0.9),
    ],
    ids=["usual", "one vendor", "everything"],
)
def test_what_is_written_passes_its_own_check_and_policy_tests(answers: Answers, run: Run, tmp_path: Path) -> None:
    """A first configuration that is refused would be the last thing that a new user sees."""
    start(answers, tmp_path / "new")
    config, tests = tmp_path / "new" / "router.yaml", tmp_path / "new" / "policy_tests.yaml"
    assert run("check", config)[0] == 0
    assert run("policy", "test", tests, "--config", config)[0] == 0
    assert "| " + answers.lanes[0] in run("contract", config)[1]


def test_personal_data_without_a_lane_of_ones_own_waits_for_a_person(run: Run, tmp_path: Path) -> None:
    """The rule that keeps personal data on our machines must not silently vanish with the machines."""
    _, told, _ = run("init", tmp_path, "--vendor", "openai", "--yes", "--log", tmp_path / "log.sqlite")
    assert "wait for a person" in told
    asked = ("route", "Write to jane.doe@gmail.com about her parcel.", "--config", tmp_path / "router.yaml", "--json")
    assert json.loads(run(*asked)[1])["action"] == "human_review"


def test_files_that_are_there_stay_unless_told_otherwise(run: Run, tmp_path: Path) -> None:
    (tmp_path / "policy_tests.yaml").write_text("mine", encoding="utf-8")
    code, _, said = run("init", tmp_path, "--yes")
    assert code == 2
    assert "policy_tests.yaml" in said
    assert [path.name for path in tmp_path.iterdir()] == ["policy_tests.yaml"], "nothing else was written either"
    assert run("init", tmp_path, "--yes", "--force")[0] == 0
    assert "mine" not in (tmp_path / "policy_tests.yaml").read_text(encoding="utf-8")


def test_questions_are_answered_on_the_terminal(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "anthropic mistral\neu\nn\ny\ndocs\n0.8\n15\nlog.sqlite\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(said))
    code, told, _ = run("init", tmp_path)
    assert code == 0
    assert "Who may be called" in told
    config = parse_config((tmp_path / "router.yaml").read_text(encoding="utf-8"))
    assert list(config.lanes) == ["anthropic", "balanced"]
    assert config.traffic_classes["default"].floor == 0.8
    assert config.traffic_classes["default"].budget_usd_per_day == 15
    assert "regulated" not in config.traffic_classes


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (("--vendor", "acme"), "acme"),
        (("--users", "moon"), "moon"),
        (("--floor", "7"), "7"),
        (("--budget", "-1"), "-1"),
    ],
)
def test_an_answer_that_is_none_is_named(said: tuple[str, str], named: str, run: Run, tmp_path: Path) -> None:
    code, _, wrong = run("init", tmp_path, "--yes", *said)
    assert code == 2
    assert named in wrong
    assert "expected" in wrong
    assert not list(tmp_path.iterdir())


def test_a_cut_section_keeps_its_comment_and_nothing_else() -> None:
    text = "# Above\na: 1\n\n# Of b\nb:\n  # no entry\n  one: 1\n  two:\n    x: 2\n\nc:\n  - id: r\n    y: 3\n"
    shipped = Shipped(text)
    assert shipped.section("a") == "# Above\na: 1"
    assert shipped.some("b", ["two"]) == "# Of b\nb:\n  # no entry\n  two:\n    x: 2"
    assert shipped.some("c", ["r"]) == "c:\n  - id: r\n    y: 3"
    with pytest.raises(KeyError):
        shipped.some("b", ["three"])


def test_a_floor_is_a_quality() -> None:
    with pytest.raises(InvalidRequestError, match=r"0\.7"):
        Answers(floor=1.5)
