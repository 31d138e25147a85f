"""``router-ml``: readable answers, JSON that programs can read, one line instead of a traceback."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router_ml import RouteDecision, Router
from router_ml.cli import build_request, check, contract_page, logged_decision, main, write_schemas
from router_ml.config import parse_config
from router_ml.contract import json_schemas
from router_ml.errors import InvalidRequestError
from router_ml.storage.eventlog import EventLog

YAML = """\
version: 1
boundaries: [private, vendor]
regions: [eu, us]
taxonomy: {intents: [qa], domains: [legal], risks: [pii]}
lanes:
  "fast[red]":
    model: openai/gpt-4.1
    provider: openai
    failure_domain: openai
    region: us
    boundary: vendor
    price: {input_per_mtok: 2.0, output_per_mtok: 8.0}
    latency: {base_ms: 450, ms_per_output_token: 12}
    prior: {quality: 0.8}
    context_window: 100000
    max_output_tokens: 8192
  own:
    model: hosted_vllm/llama
    provider: vllm
    failure_domain: vllm
    region: eu
    boundary: private
    price: {input_per_mtok: 0.1, output_per_mtok: 0.2}
    latency: {base_ms: 100, ms_per_output_token: 9}
    prior: {quality: 0.7}
    context_window: 100000
    max_output_tokens: 8192
tools:
  refund: {version: "1", effect: write, boundary: private}
policies:
  - id: pii-private
    version: "1"
    owner: privacy
    rationale: "Personal data stays | on our machines."
    when: {risk: [pii]}
    then: {boundary: private}
traffic_classes:
  default: {floor: 0.5, quality_per_usd: 30}
"""
EMAIL = "nora.winter@posteo-mail.net"


@pytest.fixture(scope="module")
def yaml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small router.yaml: as ``--model`` it routes without any learned part, which is quick."""
    path = tmp_path_factory.mktemp("config") / "router.yaml"
    path.write_text(YAML, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROUTER_ML_MODEL", raising=False)
    monkeypatch.delenv("ROUTER_ML_LOG", raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command: exit code, standard output, standard error."""

    def command(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert isinstance(stopped.value.code, int)
        return stopped.value.code, captured.out, captured.err

    return command


Run = Callable[..., tuple[int, str, str]]


def typed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_route_with_the_bundle_that_ships_shows_why(run: Run) -> None:
    """The first thing anybody types: lane, reason, labels, every lane with its numbers or the reason it fell out."""
    asked = ("Please refund order 8812, it arrived broken.", "--region", "eu", "--tool", "refund", "--seed", 5)
    code, shown, errors = run("route", *asked)
    assert (code, errors) == (0, "")
    text, *_ = asked
    decision = Router.load().predict_route(text, metadata={"region": "eu"}, allowed_tools=["refund"], seed=5)
    assert decision.model is not None
    for said in (decision.model, decision.reason, decision.risk_tier, "eu-residency", "state_change", "no evidence"):
        assert said in " ".join(shown.replace("│", " ").split())
    for lane in (*decision.eligible, *decision.excluded):
        assert lane in shown


def test_json_is_the_decision_and_nothing_else(run: Run, yaml: Path) -> None:
    code, shown, errors = run("route", "hello", "--model", yaml, "--seed", 3, "--json")
    assert (code, errors) == (0, "")
    printed = RouteDecision.model_validate_json(shown)
    expected = Router.load(yaml).predict_route("hello", seed=3, now=printed.created_at, decision_id=printed.decision_id)
    assert printed == expected


def test_options_reach_the_request(run: Run, yaml: Path) -> None:
    """An option that is silently lost would send data where its user forbade it."""
    deny = ("--deny", "fast[red]", "--org", "acme", "--region", "eu", "--channel", "web", "--class", "default")
    decision = json.loads(run("route", "hi", "--model", yaml, *deny, "--json")[1])
    assert decision["lane"] == "own"
    assert "denied" in decision["excluded"]["fast[red]"][0]
    allow = json.loads(run("route", "hi", "--model", yaml, "--allow", "own", "--json")[1])
    assert allow["eligible"] == ["own"]
    dear = json.loads(run("route", "hi", "--model", yaml, "--max-cost", "0", "--json")[1])
    assert (dear["lane"], dear["action"]) == (None, "human_review")
    request = build_request(
        "hi", metadata={"org": "acme", "region": None}, constraints={"deny_lanes": []}, channel="web"
    )
    assert request.metadata == {"org": "acme"}
    assert request.channel == "web"


def test_no_lane_is_an_answer_too(run: Run, yaml: Path) -> None:
    code, shown, _ = run("route", "hi", "--model", yaml, "--max-cost", 0)
    assert code == 0
    assert "no lane: human_review" in shown
    assert "cost" in shown


def test_a_request_file_is_read_and_options_lie_over_it(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    record = {"text": "hi", "metadata": {"org": "acme", "region": "us"}, "constraints": {"max_cost_usd": 1}}
    file.write_text("\ufeff" + json.dumps(record), encoding="utf-8")
    request = build_request(file=file, metadata={"region": "eu"}, constraints={"deny_lanes": ["own"]})
    assert request.metadata == {"org": "acme", "region": "eu"}
    assert request.constraints.max_cost_usd == 1
    assert request.constraints.deny_lanes == ("own",)


def test_standard_input_is_read_whole_whatever_bytes_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, b"caf\xe9 \xf0\x9f\x98\x80 " + b"x" * 300_000)
    request = build_request("-")
    assert request.text is not None
    assert request.text.startswith("caf\ufffd \U0001f600")
    assert len(request.text) > 300_000
    assert build_request("caf\udce9").text == "caf\ufffd"  # how a shell hands over a byte that is no UTF-8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "list"),
        (b'{"text": "a", "metadata": 7}', "metadata"),
        (b'{"text": "secret words", "colour": 7}', "colour"),
        (b"{}", "text or messages"),
    ],
)
def test_a_wrong_request_file_is_named_without_its_content(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(content)
    with pytest.raises(InvalidRequestError, match=message) as caught:
        build_request(file=file, metadata={"org": "a"})
    assert "secret words" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ("route",),
        ("route", EMAIL, "--request", "absent.json"),
        ("route", "--request", "absent.json"),
        ("route", EMAIL, "--channel", "fax"),
        ("route", EMAIL, "--max-cost", "nan"),
        ("route", EMAIL, "--deny", "nobody"),
        ("route", EMAIL, "--tool", "nothing"),
        ("route", EMAIL, "--class", "none"),
        ("route", "   "),
        ("route", EMAIL, "--config", "absent.yaml"),
        ("route", EMAIL, "--log", "nosuch://host/name"),
        ("explain", "dec_1"),
        ("explain", "dec_1", "--log", "absent/log.db"),
        ("explain", "dec_1", "--log", "sqlite:///absent/log.db"),
        ("check", "--model", "absent"),
        ("contract", "absent.yaml"),
        ("contract", "--schema", "taken"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_what_cannot_be_done_is_one_line_on_standard_error(
    run: Run, yaml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], as_json: bool
) -> None:
    """Never a traceback, never half an answer, never the request itself: it may hold private data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file where a folder should be", encoding="utf-8")
    model = ["--model", str(yaml)] if arguments[0] == "route" else []
    code, shown, errors = run(*arguments, *model, *(["--json"] if as_json else []))
    assert (code, shown) == (2, "")
    assert errors.startswith("router-ml: ")
    assert errors.count("\n") == 1
    assert "Traceback" not in errors
    assert EMAIL not in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken"]


@pytest.mark.parametrize("arguments", [("rute", "hi"), ("route", "hi", "--sed", "1"), ("route", "hi", "--seed", "-1")])
def test_a_slip_of_the_finger_is_a_usage_error(run: Run, arguments: tuple[str, ...]) -> None:
    code, shown, errors = run(*arguments)
    assert (code, shown) == (2, "")
    assert "Usage" in errors


def test_a_broken_configuration_points_to_check(run: Run, yaml: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(
        YAML.replace("boundary: vendor", "boundary: vendr").replace("{boundary: private}\n", "{boundary: x}\n")
    )
    code, _, errors = run("route", "hi", "--model", broken)
    assert code == 2
    assert f"{broken}:11: " in errors
    assert "And 1 more: router-ml check" in errors


def test_no_finding_is_printed_with_its_value(run: Run, yaml: Path) -> None:
    """The screen is shared, the terminal is logged."""
    code, shown, _ = run("route", f"write to {EMAIL}", "--model", yaml)
    assert code == 0
    assert "1 x email" in shown
    assert "pii-private: boundary private" in shown
    assert EMAIL not in shown


def test_a_logged_decision_is_explained_to_each_audience(run: Run, yaml: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    decision = RouteDecision.model_validate_json(run("route", "hi", "--model", yaml, "--log", log, "--json")[1])
    assert logged_decision(decision.decision_id, log=str(log)) == decision
    told = {
        who: run("explain", decision.decision_id, "--log", log, "--audience", who)[1] for who in ("user", "auditor")
    }
    assert told["auditor"] == decision.explain("auditor") + "\n"
    assert told["user"] == decision.explain("user") + "\n"
    record = json.loads(run("explain", decision.decision_id, "--log", log, "--json")[1])
    assert RouteDecision.model_validate(record["decision"]) == decision
    record = json.loads(run("explain", decision.decision_id, "--log", log, "--audience", "user", "--json")[1])
    assert "decision" not in record, "a user is not shown the other lanes and the policies"
    code, _, errors = run("explain", "dec_other", "--log", log)
    assert code == 2
    assert "no decision with this id" in errors


def test_the_log_may_come_from_the_environment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_decision: Any
) -> None:
    decision = make_decision()
    with EventLog(tmp_path / "log.db") as log:
        log.log_decision(decision)
    monkeypatch.setenv("ROUTER_ML_LOG", str(tmp_path / "log.db"))
    assert decision.explain() in run("explain", decision.decision_id)[1]


def test_check_lists_every_problem_with_its_place_and_fix(run: Run, tmp_path: Path) -> None:
    path = tmp_path / ("long" * 40) / "router.yaml"  # a line must stay one line, or editors cannot jump to it
    path.parent.mkdir()
    path.write_text(YAML.replace("boundary: vendor", "boundary: vendr").replace("risk: [pii]", "risk: [ppi]"))
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


def test_the_labels_of_a_bundle_count_where_one_is_given(tmp_path: Path, models: Path) -> None:
    """A policy on a risk that no classifier predicts and no rule finds would never fire."""
    path = tmp_path / "router.yaml"
    path.write_text(YAML.replace("risks: [pii]", "risks: [gambling]").replace("risk: [pii]", "risk: [gambling]"))
    assert check(path).ok
    (problem,) = check(path, model=str(models)).problems
    assert problem.key == "policies[0].when.risk"


def test_the_contract_page_names_everything_that_is_promised(run: Run, yaml: Path) -> None:
    code, page, _ = run("contract", yaml)
    config = parse_config(YAML)
    assert code == 0
    assert page == contract_page(config)
    for name in (*config.lanes, *config.traffic_classes, "pii-private (1)", "risk pii", config.fallback.finally_):
        assert name in page
    assert "stays \\| on" in page, "a bar would start another column"
    widths = {line.replace("\\|", "").count("|") for line in page.split("## Policies")[1].splitlines() if "|" in line}
    assert len(widths) == 2, "each table keeps its number of columns: policies, classes"
    record = json.loads(run("contract", yaml, "--json")[1])
    assert list(record["lanes"]) == list(config.lanes)


def test_the_committed_schemas_are_up_to_date(root: Path) -> None:
    """Consumers in other languages generate their types from these files: router-ml contract --schema data/schemas."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (root / "data/schemas").glob("*.json")}
    assert found == json_schemas()


def test_schemas_are_written_where_asked(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "schemas"
    code, shown, _ = run("contract", "--schema", folder)
    assert code == 0
    assert shown.split() == [str(path) for path in write_schemas(folder)]
    assert {path.stem for path in folder.iterdir()} == set(json_schemas())
    assert json.loads(run("contract", "--schema", folder, "--json")[1])["written"] == shown.split()


def test_a_reader_that_goes_away_is_no_traceback(yaml: Path) -> None:
    """``router-ml contract | head -1``"""
    command = [sys.executable, "-m", "router_ml.cli", "contract", str(yaml)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_terminal_without_unicode_still_gets_its_answer(yaml: Path) -> None:
    command = [sys.executable, "-m", "router_ml.cli", "route", "hi", "--model", str(yaml)]
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin", "PYTHONPATH": ":".join(sys.path)}
    seen = subprocess.run(command, capture_output=True, env=environment, timeout=120, check=False)
    assert (seen.returncode, seen.stderr) == (0, b"")
    assert b"propensity" in seen.stdout
