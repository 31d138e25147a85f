"""``router-ml outage``: an answer for people, a page for customers, JSON for programs; and drills."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from router_ml import Router, RouteRequest
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog

Run = Callable[..., tuple[int, str, str]]
WHO = ("--who", "on-call", "--why", "quarterly drill")


@pytest.fixture(scope="module")
def log(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some logged requests, one of which has personal data."""
    path = tmp_path_factory.mktemp("outage") / "log.sqlite"
    with EventLog(path) as events:
        private = "What does the IBAN DE89370400440532013000 stand for?"
        texts = ("What is the capital of Peru?", private, "How many moons has Jupiter?")
        Router(bundle.config, bundle=bundle, log=events).predict_routes(
            [RouteRequest(text=text, metadata={"region": region}) for text in texts for region in ("eu", "us")]
        )
    return path


def test_it_answers_in_words(run: Run, log: Path) -> None:
    code, out, err = run("outage", "vllm", "--log", log, "--hours", 12)
    assert (code, err) == (0, "")
    assert "If provider vllm were dark for 12 hours" in out
    assert "of traffic stops" in out
    assert "Smallest change that keeps it up: a second vendor" in out
    assert "as logged from" in out
    assert "--log" not in out


def test_programs_get_json_and_customers_a_page(run: Run, log: Path, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    code, out, _ = run("outage", "mistral", "--log", log, "--json", "--html", file, "--per-day", 1200)
    found = json.loads(out)
    assert code == 0
    assert (found["place"], found["stops"], found["demand"]) == (
        "provider mistral",
        0.0,
        "1,200 requests a day, as stated",
    )
    assert found["verdict"].startswith("Traffic goes on")
    assert found["classes"][0]["situations"][0]["after"]["quality"]["low"] > 0
    assert "Traffic goes on" in file.read_text(encoding="utf-8")


def test_all_tells_which_vendor_hurts_most(run: Run, log: Path) -> None:
    code, out, _ = run("outage", "all", "--log", log, "--json")
    assert code == 0
    assert json.loads(out)[0]["name"] == "vllm"
    assert "Each provider dark" in run("outage", "all", "--log", log)[1]


def test_requests_of_ones_own(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_text('{"text": "hello", "metadata": {"region": "eu", "org": "acme"}, "channel": "web"}\n', "utf-8")
    code, out, _ = run("outage", "mistral", "--requests", file, "--json")
    assert code == 0
    assert json.loads(out)["stops"] == 0


def test_rules_alone_answer_about_a_log(run: Run, log: Path) -> None:
    """A log has the estimates, so that no bundle is needed."""
    rules = "models/default/router.yaml"
    code, out, _ = run("outage", "vllm", "--model", rules, "--log", log, "--json")
    assert code == 0
    assert json.loads(out)["stops"] > 0
    code, _, err = run("outage", "vllm", "--model", rules)
    assert code == 2
    assert "ask about a --log" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Say what goes dark"),
        (("opnai",), "There is provider vllm"),
        (("vllm", "--requests", "a", "--pack", "b"), "one of them"),
        (("all", "--drill", 0.1, *WHO), "of one place"),
        (("mistral", "--drill", 0.1), "--who and --why"),
        (("vllm", "--drill", 0.1, *WHO), "--even-if-it-stops"),
        (("mistral", "--drill", 1.5, *WHO), "up to 1"),
        (("mistral", "--drill", 0.21, *WHO), "Say --yes"),
        (("--end-drill", "aud_1", *WHO), "No drill aud_1 runs"),
        (("--drill-report", "aud_1"), "holds no drill aud_1"),
    ],
)
def test_what_cannot_be_answered_says_what_can(run: Run, log: Path, arguments: tuple[object, ...], says: str) -> None:
    code, _, err = run("outage", *arguments, *(() if "--requests" in arguments else ("--log", log)))
    assert code == 2
    assert says in err


def test_a_drill_from_its_beginning_to_its_report(run: Run, log: Path, bundle: Bundle) -> None:
    code, out, _ = run("outage", "mistral", "--log", log, "--drill", 0.5, "--minutes", 5, *WHO, "--json", "--yes")
    drill = json.loads(out)["event_id"]
    assert code == 0
    with EventLog(log) as events:
        router = Router(bundle.config, bundle=bundle, log=events)
        made = [router.predict_route("What is the capital of Peru?", metadata={"session": str(n)}) for n in range(12)]
    assert {one.state.drill.drill for one in made if one.state.drill} == {drill}
    assert all(one.lane != "balanced" for one in made if one.state.drill and one.state.drill.inside)
    code, out, _ = run("outage", "--drill-report", drill, "--log", log)
    assert code == 0
    assert "kept: No request of the drill goes to what counts as down" in out
    assert json.loads(run("outage", "--drill-report", drill, "--log", log, "--json")[1])["to_dark"] == 0
    assert f"{drill} drill (provider mistral for 0.5 of sessions)" in run("audit", "--log", log)[1]
    assert f"Drill {drill} has ended" in run("outage", "--end-drill", drill, "--log", log, *WHO)[1]
    assert run("outage", "--end-drill", drill, "--log", log, *WHO)[0] == 2


def test_a_drill_says_first_what_it_expects(run: Run, log: Path, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    code, out, _ = run("outage", "mistral", "--log", log, "--drill", 0.05, *WHO, "--html", file)
    assert code == 0
    assert out.index("Traffic goes on") < out.index("counts as down for 5.0% of sessions")
    assert "Traffic goes on" in file.read_text(encoding="utf-8")
    drill = out.split("Drill ")[1].split(":")[0]
    run("outage", "--end-drill", drill, "--log", log, *WHO)
    code, out, _ = run("outage", "vllm", "--log", log, "--drill", 0.05, *WHO)
    assert (code, "Without a lane: " in out) == (2, True)


def test_a_drill_is_checked_by_the_rules_of_the_routers(run: Run, log: Path, bundle: Bundle, tmp_path: Path) -> None:
    """One more rule there may leave lanes out that are needed here."""
    file = tmp_path / "log.sqlite"
    rule = {"id": "contract", "version": "1", "owner": "legal", "rationale": "signed"}
    rule |= {"when": {"org": ["bank"]}, "then": {"lanes": {"allow": ["balanced"]}}}  # type: ignore[dict-item]
    with EventLog(file) as events:
        router = Router(bundle.config, bundle=bundle, log=events)
        router.predict_route("What is the capital of Peru?", metadata={"region": "eu"})
        router.override(rule, who="ada", why="new contract")
        router.predict_route("What is the capital of Peru?", metadata={"region": "eu"})
    drill = ("outage", "mistral", "--log", file, "--drill", 0.05, *WHO)
    code, _, err = run(*drill)
    assert code == 2
    assert "of the newest 2 decisions of the last day 1 are not of configuration" in err
    assert "--even-if-rules-differ" in err
    code, out, _ = run(*drill, "--even-if-rules-differ", "--json")
    assert code == 0
    assert json.loads(out)["detail"]["rules_compared"] is False
