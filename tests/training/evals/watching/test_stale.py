"""A change triggers the suites that depend on it, says what it was, and triggers no others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from router_ml.config.execution import Index, Tool
from router_ml.faults import FaultServer
from router_ml.faults.fault import Fault
from tests.training.evals.tiny import bench_on, questions, suite_at
from training.evals.__main__ import build
from training.evals.bench import Bench
from training.evals.commands.changed import look as look_at
from training.evals.reporting.runs import folders
from training.evals.running.record import read_record
from training.evals.running.run import run_in
from training.evals.suite import Suite
from training.evals.watching.dependencies import Fingerprints, dependencies_of
from training.evals.watching.stale import stale

EVERYTHING = ["lanes", "indexes", "prompts", "tools", "policies"]
TOOL = {"version": "1", "effect": "read", "description": "Looks an order up.", "parameters": {"type": "object"}}


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """Where lanes are."""
    with FaultServer() as running:
        yield running


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """The folder of an index."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for name in ("leave.md", "travel.md", "notes.pdf"):
        (folder / name).write_text(f"# {name}\n\nWhat is said about it.\n")
    return folder


@pytest.fixture
def bench(server: FaultServer, documents: Path) -> Bench:
    """Lanes, one index in a folder and one tool."""
    tools = {"order_lookup": Tool.model_validate(TOOL)}
    return bench_on(server, indexes={"policies": Index(folder=str(documents))}, tools=tools)


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """A suite that depends on everything."""
    return suite_at(tmp_path / "tiny", questions(2), depends_on=EVERYTHING)


def look(suite: Suite, before: Fingerprints, bench: Bench) -> tuple[str, ...]:
    """What has changed of what a suite depends on."""
    now = dependencies_of(bench.config, [suite], bench.router)
    kept = json.loads(json.dumps(before))  # as run.json holds it
    return stale(suite, before=kept, now=now, lanes=["openai-us"])


def test_nothing_changed_is_nothing_stale(bench: Bench, suite: Suite) -> None:
    """Fingerprints of the same things are the same."""
    assert look(suite, dependencies_of(bench.config, [suite], bench.router), bench) == ()


def test_documents_of_an_index_are_counted(bench: Bench, suite: Suite, documents: Path) -> None:
    """One changed, one new; what the index does not read changes nothing."""
    before = dependencies_of(bench.config, [suite], bench.router)
    (documents / "notes.pdf").write_text("another")
    assert look(suite, before, bench) == ()
    (documents / "leave.md").write_text("# Leave\n\nThirty days.\n")
    (documents / "sick.md").write_text("# Sick\n\nCall before nine.\n")
    assert look(suite, before, bench) == ("index policies changed: 2 documents",)


def test_a_tool_says_its_versions(bench: Bench, suite: Suite) -> None:
    """A new version, with another description."""
    before = dependencies_of(bench.config, [suite], bench.router)
    tool = Tool.model_validate({**TOOL, "version": "2", "description": "Finds an order."})
    changed = Bench(bench.config.model_copy(update={"tools": {"order_lookup": tool}}), bench.router)
    assert look(suite, before, changed) == ("tool order_lookup changed: description and schema, version 1 to 2",)


def test_only_lanes_that_were_asked_count(bench: Bench, suite: Suite) -> None:
    """Another temperature of one of them does; of another one it does not."""
    before = dependencies_of(bench.config, [suite], bench.router)
    for name, expected in (("private-a", ()), ("openai-us", ("lane openai-us changed",))):
        lane = bench.config.lanes[name].model_copy(update={"version": "9"})
        changed = bench.config.model_copy(update={"lanes": {**bench.config.lanes, name: lane}})
        assert look(suite, before, Bench(changed, bench.router)) == expected


def test_a_prompt_of_a_suite_concerns_that_suite_alone(bench: Bench, tmp_path: Path) -> None:
    """Its system prompt is part of what its results depend on, and of no other's."""
    one, other = (suite_at(tmp_path / name, questions(2), depends_on=["prompts"]) for name in ("one", "other"))
    before = dependencies_of(bench.config, [one, other])
    again = suite_at(tmp_path / "one", questions(2), depends_on=["prompts"], system="Be brief.")
    now = dependencies_of(bench.config, [again, other])
    assert stale(again, before=before, now=now, lanes=[]) == (
        "the suite itself changed",
        "prompt suite one changed",
    )
    assert stale(other, before=before, now=now, lanes=[]) == ()


def test_what_a_suite_does_not_depend_on_does_not_trigger_it(bench: Bench, tmp_path: Path, documents: Path) -> None:
    """An index is none of the business of a suite of contracts."""
    narrow = suite_at(tmp_path / "narrow", questions(2), depends_on=["lanes"])
    before = dependencies_of(bench.config, [narrow], bench.router)
    (documents / "leave.md").write_text("another")
    assert look(narrow, before, bench) == ()


def test_no_fingerprint_holds_what_it_is_of(bench: Bench, suite: Suite) -> None:
    """Neither addresses nor prompts nor documents: digests, versions and names of files."""
    text = json.dumps(dependencies_of(bench.config, [suite], bench.router))
    assert "127.0.0.1" not in text
    assert "What is said" not in text
    assert "Looks an order up" not in text


def test_the_command_runs_exactly_what_is_stale(
    bench: Bench, server: FaultServer, tmp_path: Path, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two suites the one that depends on the index; exit code 1 before, nothing stale after; an alarm is heard."""
    import training.evals.commands.changed as module

    monkeypatch.setattr(module, "open_bench", lambda model, config: bench)
    suites = [
        suite_at(tmp_path / "asks", questions(2), depends_on=["indexes"]),
        suite_at(tmp_path / "shapes", questions(2), depends_on=["lanes"]),
    ]
    out, names = tmp_path / "runs", [str(one.folder) for one in suites]
    never = CliRunner().invoke(build(), ["changed", *names, "--out", str(out), "--json"])
    assert [one["reasons"] for one in json.loads(never.stdout)] == [["it was never run"]] * 2
    run_in(suites, ["openai-us"], bench=bench, out=out)
    (documents / "leave.md").write_text("another")
    found = CliRunner().invoke(build(), ["changed", *names, "--out", str(out)])
    assert found.exit_code == 1
    assert found.stdout == "asks: index policies changed: 1 document.\n"
    again = CliRunner().invoke(build(), ["changed", *names, "--out", str(out), "--run"])
    assert again.exit_code == 0, again.output
    after = CliRunner().invoke(build(), ["changed", *names, "--out", str(out)])
    assert (after.exit_code, after.stdout) == (0, "Nothing has changed that a suite depends on.\n")
    (documents / "leave.md").write_text("what misleads")
    server.script("gpt-4.1", [Fault("good", text="Something else."), "good"])
    assert CliRunner().invoke(build(), ["changed", *names, "--out", str(out), "--run"]).exit_code == 1


def test_all_that_is_run_again_has_one_budget(
    bench: Bench, tmp_path: Path, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Suites whose results are of other lanes are runs of their own: what one has spent the next one has not."""
    import training.evals.commands.changed as module

    monkeypatch.setattr(module, "open_bench", lambda model, config: bench)
    out, lanes = tmp_path / "runs", ("openai-us", "private-a")
    suites = [suite_at(tmp_path / name, questions(1), depends_on=["indexes"]) for name in "ab"]
    for suite, lane in zip(suites, lanes, strict=True):
        run_in([suite], [lane], bench=bench, out=out)
    (documents / "leave.md").write_text("another")
    names = [str(one.folder) for one in suites]
    made = CliRunner().invoke(build(), ["changed", *names, "--out", str(out), "--run", "--budget", "0.5"])
    assert made.exit_code == 0, made.output
    first, second = [read_record(folder) for folder in folders(out)][-2:]
    assert first.spent_usd > 0
    assert (first.budget_usd, second.budget_usd) == (0.5, 0.5 - first.spent_usd)


def test_each_lane_is_compared_with_its_own_last_run(bench: Bench, tmp_path: Path, documents: Path) -> None:
    """A run of one lane alone, as after a change of that lane, does not make the other's results new."""
    suite, out = suite_at(tmp_path / "asks", questions(1), depends_on=["indexes"]), tmp_path / "runs"
    run_in([suite], ["openai-us", "private-a"], bench=bench, out=out)
    (documents / "leave.md").write_text("another")
    run_in([suite], ["openai-us"], bench=bench, out=out)
    now, records = dependencies_of(bench.config, [suite]), [read_record(folder) for folder in folders(out)]
    (found,) = look_at([suite], now, records, known=bench.config.lanes)
    assert found.lanes == ("private-a",)
    assert look_at([suite], now, records, known=["openai-us"]) == []


def test_a_run_that_asked_nothing_makes_nothing_new(bench: Bench, tmp_path: Path, documents: Path) -> None:
    """One that was killed, had no money for a suite or could not call its lane, leaves the suite as stale as it was."""
    suite, out = suite_at(tmp_path / "asks", questions(1), depends_on=["indexes"]), tmp_path / "runs"
    run_in([suite], ["openai-us"], bench=bench, out=out)
    (documents / "leave.md").write_text("another")
    later = run_in([suite], ["openai-us"], bench=bench, out=out).record
    now, first = dependencies_of(bench.config, [suite]), read_record(folders(out)[0])
    assert look_at([suite], now, [first, later], known=bench.config.lanes) == []
    for nothing in (
        {"status": "running"},
        {"status": "partial", "left_out": {"asks": {"openai-us": {"budget": 1}}}},
        {"status": "partial", "left_out": {"asks": {"openai-us": {"authentication": 1}}}},
    ):
        (found,) = look_at([suite], now, [first, later.model_copy(update=nothing)], known=bench.config.lanes)
        assert found.run == first.run


def test_any_lane_concerns_a_router_and_a_judge_those_it_judged(bench: Bench, suite: Suite) -> None:
    """The router may send a case anywhere; another judge gives other verdicts."""
    before, changed = dependencies_of(bench.config, [suite]), dependencies_of(bench.config, [suite])
    changed["lanes"]["openai-us"] = "another"
    assert stale(suite, before=before, now=changed, lanes=["router"]) == ("lane openai-us changed",)
    assert stale(suite, before=before, now=changed, lanes=["private-a"]) == ()
    assert stale(suite, before=before, now=changed, lanes=["private-a", "openai-us"]) == ("lane openai-us changed",)
