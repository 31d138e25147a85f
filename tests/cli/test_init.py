"""``router-ml init``: a folder that works, whoever answers, and nothing lost that was there."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router_ml.cli.check import check
from router_ml.cli.init import worth_knowing
from router_ml.cli.starter.answers import LANES, USERS, VARIABLES, VENDORS, Answers
from router_ml.cli.starter.configuration import configuration
from router_ml.cli.starter.cutting import Shipped
from router_ml.cli.starter.writing import start
from router_ml.config import parse_config
from router_ml.errors import InvalidRequestError
from router_ml.storage.loading import shipped_bundle

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
    budgets = [one.budget_usd_per_day for one in config.traffic_classes.values()]
    assert (
        budgets == [None] * len(budgets)
        if answers.budget_usd is None
        else sum(filter(None, budgets)) == pytest.approx(answers.budget_usd)
    ), "what is spent in all is what was said, not more for each class"
    assert config.traffic_classes["default"].floor == pytest.approx(answers.floor, abs=1e-6)
    assert bool(config.tools) == answers.tools
    assert [index.folder for index in config.indexes.values()] == [one for one in [answers.documents] if one]


@pytest.mark.parametrize(
    "answers",
    [
        Answers(),
        Answers(vendors=("openai",), tools=True, regulated=False, users="eu"),
        Answers(vendors=("openai", "mistral"), users="eu"),
        Answers(vendors=("own", "google"), tools=True, documents="docs", budget_usd=20, floor=0.9),
    ],
    ids=["usual", "one vendor", "europe", "everything"],
)
def test_what_is_written_passes_its_own_check_and_policy_tests(answers: Answers, run: Run, tmp_path: Path) -> None:
    """A first configuration that is refused would be the last thing that a new user sees."""
    start(answers, tmp_path / "new")
    config, tests = tmp_path / "new" / "router.yaml", tmp_path / "new" / "policy_tests.yaml"
    assert run("check", config)[0] == 0
    assert run("policy", "test", tests, "--config", config)[0] == 0
    assert "| " + answers.lanes[0] in run("contract", config)[1]


def test_the_lines_for_a_proxy_can_be_used() -> None:
    """What a comment says to write is read as it stands."""
    text = configuration(Answers(vendors=("openai",)), SHIPPED)
    proxied = [line.replace("#   ", "  ") for line in text.splitlines() if line.startswith("  #   ")]
    config = parse_config(text.replace("    model: openai/gpt-4.1", "\n".join(proxied)))
    assert config.lanes["openai"].model == "litellm_proxy/NAME"
    assert config.lanes["openai"].endpoint.key_env == "LITELLM_PROXY_KEY"


def test_personal_data_without_a_lane_of_ones_own_waits_for_a_person(run: Run, tmp_path: Path) -> None:
    """The rule that keeps personal data on our machines must not silently vanish with the machines."""
    _, told, _ = run("init", tmp_path, "--vendor", "openai", "--yes", "--log", tmp_path / "log.sqlite")
    assert "wait for a person" in told
    asked = ("route", "Write to jane.doe@gmail.com about her parcel.", "--config", tmp_path / "router.yaml", "--json")
    assert json.loads(run(*asked)[1])["action"] == "human_review"


def test_what_will_not_work_is_said(tmp_path: Path) -> None:
    """Executing does not start without the folder of documents, so init and check say so; a password is no setting."""
    answers = Answers(vendors=("own",), documents=str(tmp_path / "docs"), log="postgresql://me:mine@db/log")
    told = " ".join(worth_knowing(answers))
    assert f"No folder {tmp_path / 'docs'} is here" in told
    assert "holds a password" in told
    for log in ("postgresql://me:mi/ne@db/log", "postgresql://me@db/log?password=mine"):
        assert "holds a password" in " ".join(worth_knowing(Answers(log=log)))
    assert "password" not in " ".join(worth_knowing(Answers(log="postgresql://me@db:5432/log")))
    file = tmp_path / "router.yaml"
    file.write_text(configuration(answers, SHIPPED), encoding="utf-8")
    assert "documents" in {note.kind for note in check(file).notes}
    (tmp_path / "docs").mkdir()
    assert "documents" not in {note.kind for note in check(file).notes}
    assert "No folder" not in " ".join(worth_knowing(answers))


def test_files_that_are_there_stay_unless_told_otherwise(run: Run, tmp_path: Path) -> None:
    (tmp_path / "policy_tests.yaml").write_text("mine", encoding="utf-8")
    code, _, said = run("init", tmp_path, "--yes")
    assert code == 2
    assert "policy_tests.yaml" in said
    assert [path.name for path in tmp_path.iterdir()] == ["policy_tests.yaml"], "nothing else was written either"
    assert run("init", tmp_path, "--yes", "--force")[0] == 0
    assert "mine" not in (tmp_path / "policy_tests.yaml").read_text(encoding="utf-8")


def test_questions_are_answered_on_the_terminal(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = (
        "Anthropic, Mistral AI\nAnthropic, Mistral\nEU\nyes please\nno\nY\ndocs\n80%\n0,8\nten\n1,000\n15\nlog.sqlite\n"
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO(said))
    code, told, _ = run("init", tmp_path)
    assert code == 0
    for wrong in (
        "Found ai,",
        "'yes please', expected yes or no",
        "'80%', expected a number",
        "'ten', expected a number",
        "'1,000', which can be read in two ways",
    ):
        assert wrong in told, "what is expected is said, and the question is asked again"
    config = parse_config((tmp_path / "router.yaml").read_text(encoding="utf-8"))
    assert list(config.lanes) == ["anthropic", "balanced"]
    assert config.traffic_classes["default"].floor == 0.8
    assert config.traffic_classes["default"].budget_usd_per_day == 12
    assert "regulated" not in config.traffic_classes


def test_nothing_is_written_where_the_answers_end(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C and the end of a pipe in the middle of the questions look the same to the command."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("openai\n"))
    code, _, said = run("init", tmp_path / "new")
    assert code == 1
    assert "Nothing was written" in said
    assert not list(tmp_path.iterdir())


def test_where_all_users_are_in_the_eu_no_request_leaves_it(run: Run, tmp_path: Path) -> None:
    """A caller that forgets to say the region must not thereby send its users' words elsewhere."""
    _, told, _ = run("init", tmp_path, "--vendor", "openai", "--users", "EU", "--yes", "--log", tmp_path / "log.sqlite")
    assert "every request waits for a person" in told
    asked = ("route", "What is the capital of Portugal?", "--config", tmp_path / "router.yaml", "--json")
    decided = json.loads(run(*asked)[1])
    assert decided["action"] == "human_review"
    assert decided["excluded"].keys() == {"openai"}


def test_a_file_in_the_way_is_named_before_anything_is_asked_or_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "evals").write_text("mine", encoding="utf-8")
    code, told, said = run("init", tmp_path)
    assert code == 2
    assert "evals is no folder" in said
    assert "Who may be called" not in told
    assert [path.name for path in tmp_path.iterdir()] == ["evals"]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(Answers(), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    written = Path.write_text

    def full(self: Path, *given: Any, **more: Any) -> int:
        if self.name.startswith(".cases.jsonl"):
            raise OSError(28, "No space left on device")
        return written(self, *given, **more)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        start(Answers(vendors=("openai",)), tmp_path, force=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_the_variables_that_lanes_need_are_those_that_are_named(run: Run, tmp_path: Path) -> None:
    """What init names is what the configuration reads, and what LiteLLM asks for by the prefix of the model."""
    for name, lane in parse_config(SHIPPED).lanes.items():
        vendor = next((one for one, lanes in LANES.items() if name in lanes), None)
        address = lane.endpoint.base_url_env
        if vendor is not None:
            key = f"{lane.model.partition('/')[0].upper()}_API_KEY"
            assert (address or key) in VARIABLES[vendor]


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
