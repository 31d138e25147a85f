"""Cases that may hold a user's data go where the rules let them, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router_ml import Router
from router_ml.errors import OfflineDataError
from router_ml.faults import FaultServer
from tests.training.evals.tiny import bench_on, questions, suite_at
from training.evals.bench import Bench
from training.evals.running.run import Options, run, run_in

CARD = {"id": "card", "ask": "Write to anna.berg@example.com about card 4111 1111 1111 1111."}


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that gives good answers."""
    with FaultServer() as running:
        yield running


def private(bench: Bench) -> Bench:
    """A bench whose rules keep what has a finding in it inside the private boundary."""
    from router_ml.config.rules import Policy

    rule = Policy.model_validate(
        {
            "id": "pii-stays",
            "version": "1",
            "owner": "security",
            "rationale": "Personal data stays inside.",
            "when": {"risk": ["pii"]},
            "then": {"boundary": "private"},
        }
    )
    config = bench.config.model_copy(update={"policies": (rule,)})
    return Bench(config, Router(config), judge=bench.judge)


def test_what_the_rules_keep_inside_is_not_sent_out(server: FaultServer, tmp_path: Path) -> None:
    """A lane outside is not asked the case with personal data, which is said and not judged; a lane inside is."""
    suite = suite_at(tmp_path / "theirs", [CARD, *questions(1)], authored=False)
    ran = run_in([suite], ["openai-us", "private-a"], bench=private(bench_on(server)), out=tmp_path / "out")
    made = {(one.case.id, one.arm.lane): one for one in ran.results}
    barred = made["card", "openai-us"]
    assert barred.attempt is not None
    assert (barred.attempt.error, barred.verdicts, barred.passed) == ("not_allowed", (), None)
    assert all(one.passed for key, one in made.items() if key != ("card", "openai-us"))
    assert not any("4111 1111" in str(call.body) for call in server.calls if call.model == "gpt-4.1")
    assert ran.record.not_allowed == {"openai-us": 1}


@pytest.mark.parametrize("where", ["passages", "script", "reference", "checks"])
def test_data_counts_wherever_it_stands_in_a_case(server: FaultServer, tmp_path: Path, where: str) -> None:
    """In a passage, the result of a tool, a reference that a judge would read, what a check compares with."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "passages.jsonl").write_text('{"id": "p", "text": "Card 4111 1111 1111 1111."}\n')
    card = "card 4111 1111 1111 1111"
    parts: dict[str, Any] = {
        "passages": {"passages": ["p"]},
        "script": {"tools": ["look"], "script": [{"tool": "look", "result": {"note": card}}]},
        "reference": {"reference": card},
        "checks": {"checks": [{"check": "tiny_says", "text": card}]},
    }
    tools = {"look": {"version": "1", "effect": "read"}}
    suite = suite_at(
        tmp_path / "theirs",
        [{"id": "one", "ask": "What is it?", **parts[where]}],
        authored=False,
        passages=["passages.jsonl"],
        tools=tools,
    )
    run([suite], ["openai-us"], bench=private(bench_on(server)), out=tmp_path / "out")
    assert not server.calls


def test_a_lane_that_judges_is_a_destination_too(server: FaultServer, tmp_path: Path) -> None:
    """An answer about personal data from a lane inside is not judged by one outside."""
    suite = suite_at(tmp_path / "theirs", [CARD], authored=False, checks=[{"check": "tiny_judged"}])
    bench = replace(private(bench_on(server)), judge="openai-us")
    (made,) = run([suite], ["private-a"], bench=bench, out=tmp_path / "out")
    assert [said.detail for said in made.verdicts] == ["not_allowed"]
    assert {call.model for call in server.calls} == {"llama-a"}


def test_suites_that_are_made_up_go_anywhere(server: FaultServer, tmp_path: Path) -> None:
    """Their cards and names are nobody's: to test what lanes do with them, they have to be sent."""
    suite = suite_at(tmp_path / "ours", [CARD], authored=True)
    (made,) = run([suite], ["openai-us"], bench=private(bench_on(server)), out=tmp_path / "out")
    assert made.passed


def test_without_rules_nothing_of_a_user_is_sent(server: FaultServer, tmp_path: Path) -> None:
    """No router, no permission: an error before anything is asked. A class that there is not: not allowed."""
    suite = suite_at(tmp_path / "theirs", questions(1), authored=False)
    bench = bench_on(server)
    with pytest.raises(OfflineDataError, match="authored"):
        run([suite], ["openai-us"], bench=replace(bench, router=None), out=tmp_path / "out")
    odd = suite_at(tmp_path / "odd", [{"id": "one", "ask": "?", "traffic_class": "nonsense"}], authored=False)
    (made,) = run([odd], ["openai-us"], bench=bench, out=tmp_path / "out", options=Options(anew=True))
    assert made.attempt is not None
    assert made.attempt.error == "not_allowed"
    assert not server.calls
