"""A run asks everything once, goes on where it was cut off, and never spends more than it may."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from router_ml.contract import Decoding
from router_ml.errors import OfflineDataError
from router_ml.faults import Fault, FaultServer
from router_ml.faults.answers import Said
from router_ml.faults.asked import Asked
from tests.training.evals.tiny import bench_on, questions, suite_at
from training.evals.bench import Bench
from training.evals.results import append, read_results
from training.evals.running.record import RunSettings, read_record
from training.evals.running.run import Options, run, run_in

LANES = ["openai-us", "private-a"]


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that gives good answers until it is told otherwise."""
    with FaultServer() as running:
        yield running


def test_every_case_is_asked_of_every_lane_once(server: FaultServer, tmp_path: Path) -> None:
    """Whatever happens at the same time; a run that is done is not gone on with, but begun anew."""
    suite = suite_at(tmp_path / "tiny", questions(6))
    ran = run_in([suite], LANES, bench=bench_on(server), out=tmp_path / "out")
    assert len(ran.results) == len(server.calls) == 12
    assert all(one.passed for one in ran.results)
    assert {(one.case.id, one.arm.lane) for one in read_results(ran.folder)} == {
        (f"q{at}", lane) for at in range(6) for lane in LANES
    }
    assert read_record(ran.folder).status == "done"
    assert run_in([suite], LANES, bench=bench_on(server), out=tmp_path / "out").folder != ran.folder


def test_repeats_are_results_of_their_own(server: FaultServer, tmp_path: Path) -> None:
    """Each case as often as it is asked for."""
    suite = suite_at(tmp_path / "tiny", questions(2))
    settings = Options(RunSettings(repeat=3))
    made = run([suite], LANES[:1], bench=bench_on(server), out=tmp_path / "out", options=settings)
    assert sorted((one.case.id, one.repeat) for one in made) == [(q, at) for q in ("q0", "q1") for at in range(3)]


def test_a_run_goes_on_where_it_was_cut_off(server: FaultServer, tmp_path: Path) -> None:
    """What is there is not asked again, a torn last line is; another suite begins another run."""
    suite, out = suite_at(tmp_path / "tiny", questions(8)), tmp_path / "out"
    first = run_in([suite], LANES[:1], bench=bench_on(server), out=out)
    path = first.folder / "results.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:5]) + lines[5][:40])
    record = json.loads((first.folder / "run.json").read_text())
    (first.folder / "run.json").write_text(json.dumps({**record, "status": "running"}))
    again = run_in([suite], LANES[:1], bench=bench_on(server), out=out)
    assert (again.folder, len(again.results), len(server.calls)) == (first.folder, 8, 8 + 3)
    assert len(read_results(again.folder)) == 8
    other = suite_at(tmp_path / "tiny", questions(9))
    with pytest.raises(OfflineDataError, match="is of other suites, prompts, or they have changed"):
        run([other], LANES[:1], bench=bench_on(server), out=out, options=Options(run_id=first.record.run))
    for stray in ("../out", "a/b", "", str(first.folder)):
        with pytest.raises(OfflineDataError, match="expected its id"):
            run([other], LANES[:1], bench=bench_on(server), out=out, options=Options(run_id=stray))


def test_a_lane_that_is_configured_otherwise_is_another_run(server: FaultServer, tmp_path: Path) -> None:
    """What is there of the lane as it was is not what it would say now; a lane that nobody asks may change."""
    suite, out, bench = suite_at(tmp_path / "tiny", questions(2)), tmp_path / "out", bench_on(server)

    def with_decoding(lane: str) -> Bench:
        other = bench.config.lanes[lane].model_copy(update={"decoding": Decoding(temperature=0.9)})
        return replace(bench, config=bench.config.model_copy(update={"lanes": {**bench.config.lanes, lane: other}}))

    first = run_in([suite], LANES[:1], bench=bench, out=out, options=Options(budget_usd=0.0))
    assert run_in([suite], LANES[:1], bench=with_decoding(LANES[0]), out=out).folder != first.folder
    assert run_in([suite], LANES[:1], bench=with_decoding(LANES[1]), out=out).folder == first.folder


def test_a_budget_is_never_passed_and_what_is_left_out_is_said(server: FaultServer, tmp_path: Path) -> None:
    """What was spent stays below it though many attempts are on their way; more money goes on with the rest."""
    server.play("*", lambda asked: (Fault("good", tokens_in=1_000, tokens_out=2_000), None))
    suite, out = suite_at(tmp_path / "tiny", questions(40)), tmp_path / "out"
    ran = run_in([suite], ["openai-us"], bench=bench_on(server), out=out, options=Options(budget_usd=0.2, parallel=4))
    assert ran.record.partial
    assert 0.1 < ran.record.spent_usd <= 0.2 + 4 * 0.018
    assert ran.record.left_out == {"tiny": {"openai-us": {"budget": 40 - len(ran.results)}}}
    assert sum(one.spent_usd for one in ran.results) == pytest.approx(ran.record.spent_usd)
    more = run_in([suite], ["openai-us"], bench=bench_on(server), out=out, options=Options(budget_usd=9.0))
    assert (more.folder, len(more.results), len(server.calls)) == (ran.folder, 40, 40)
    assert more.record.status == "done"


def test_judges_are_paid_from_the_same_budget(server: FaultServer, tmp_path: Path) -> None:
    """What a lane that judges costs stands in the verdict and in what the run has spent; without room it is not
    asked, and the attempt is not judged."""
    server.play("*", lambda asked: (Fault("good", tokens_in=1_000, tokens_out=1_000), None))
    suite = suite_at(tmp_path / "tiny", questions(3), checks=[{"check": "tiny_judged"}])
    bench = replace(bench_on(server), judge="openai-us")
    ran = run_in([suite], ["private-a"], bench=bench, out=tmp_path / "out")
    judged = sum(said.cost_usd for one in ran.results for said in one.verdicts)
    assert judged == pytest.approx(3 * (1_000 * 2.0 + 1_000 * 8.0) / 1e6)
    assert ran.record.spent_usd == pytest.approx(judged + sum(one.attempt.cost_usd for one in ran.results))  # type: ignore[union-attr, misc]
    poor = run_in([suite], ["private-a"], bench=bench, out=tmp_path / "poor", options=Options(budget_usd=0.001))
    assert [said.detail for one in poor.results for said in one.verdicts] == ["over_budget"] * len(poor.results)
    assert all(one.passed is None for one in poor.results)
    n = len(poor.results)
    assert (poor.record.status, poor.record.put_off) == ("partial", {"over_budget": n})
    asked = len(server.calls)
    again = run_in([suite], ["private-a"], bench=bench, out=tmp_path / "poor", options=Options(budget_usd=0.001))
    assert len((again.folder / "results.jsonl").read_text().splitlines()) == n, "what changed nothing is not written"
    rich = run_in([suite], ["private-a"], bench=bench, out=tmp_path / "poor", options=Options(budget_usd=1.0))
    assert rich.folder == poor.folder
    assert [one.passed for one in read_results(rich.folder)] == [True] * 3
    assert {one.name: one.attempt for one in rich.results}.items() >= {
        one.name: one.attempt for one in poor.results
    }.items()
    assert (rich.record.status, rich.record.put_off) == ("done", {})
    assert len(server.calls) - asked == 3 + 3 - n, "three are judged, and no answer is asked for twice"


def test_checks_that_wait_do_not_wait_for_each_other(server: FaultServer, tmp_path: Path) -> None:
    """As many checks as attempts run at the same time, with threads to spare: checks that held every thread while they
    wait for a judge would keep its own call from looking its host up, until it times out."""
    suite = suite_at(tmp_path / "tiny", questions(33), checks=[{"check": "tiny_together"}])
    options = Options(parallel=33)
    ran = run_in([suite], LANES[:1], bench=bench_on(server), out=tmp_path / "out", options=options)
    assert all(one.passed for one in ran.results)


def test_a_check_that_breaks_is_counted_and_takes_nothing_with_it(server: FaultServer, tmp_path: Path) -> None:
    """Its verdict is none, with the class of the error and nothing of what it looked at."""
    suite = suite_at(tmp_path / "tiny", questions(3), checks=[{"check": "tiny_breaks"}])
    ran = run_in([suite], LANES[:1], bench=bench_on(server), out=tmp_path / "out")
    assert [one.passed for one in ran.results] == [None] * 3
    assert {said.detail for one in ran.results for said in one.verdicts} == {"broke: KeyError"}
    assert ran.record.broken == {"tiny_breaks": 3}


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({"check": "nonsense"}, "no check 'nonsense'"),
        ({"check": "tiny_says", "txt": "x"}, "does not know txt"),
        ({"check": "tiny_says"}, "needs text"),
    ],
)
def test_a_wrong_check_is_an_error_before_anything_is_asked(
    server: FaultServer, tmp_path: Path, check: dict[str, str], said: str
) -> None:
    """Also one of a single case, which the error names."""
    suite = suite_at(tmp_path / "tiny", [*questions(2), {"id": "last", "ask": "?", "checks": [check]}])
    with pytest.raises(OfflineDataError, match=f"case last.*{said}"):
        run([suite], LANES, bench=bench_on(server), out=tmp_path / "out")
    assert not server.calls


def test_a_lane_whose_key_is_refused_is_left_out_and_not_judged(server: FaultServer, tmp_path: Path) -> None:
    """A wrong key says nothing of quality: no result of that lane is kept, and the other lane is asked all the same."""
    server.script("gpt-4.1", ["unauthorized"])
    suite = suite_at(tmp_path / "tiny", questions(10))
    ran = run_in([suite], LANES, bench=bench_on(server), out=tmp_path / "out", options=Options(parallel=2))
    assert {one.arm.lane for one in ran.results} == {"private-a"}
    assert ran.record.left_out == {"tiny": {"openai-us": {"authentication": 10}}}
    assert server.count["gpt-4.1", "unauthorized"] <= 2


def test_a_lane_is_asked_no_more_at_a_time_than_its_endpoint_takes(server: FaultServer, tmp_path: Path) -> None:
    """Its own cap holds below the parallelism of the run, and does not hold the other lane up."""
    bench = bench_on(server)
    narrow = bench.config.lanes["openai-us"]
    narrow = narrow.model_copy(update={"endpoint": narrow.endpoint.model_copy(update={"max_concurrency": 1})})
    bench = replace(
        bench, config=bench.config.model_copy(update={"lanes": {**bench.config.lanes, "openai-us": narrow}})
    )
    server.rate("gpt-4.1", 1.0, [Fault("good", delay_ms=60)], 0)
    suite = suite_at(tmp_path / "tiny", questions(5))
    ran = run_in([suite], LANES, bench=bench, out=tmp_path / "out", options=Options(parallel=6))
    times = sorted(call.at for call in server.calls if call.model == "gpt-4.1")
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) > 0.055
    waited = [one.attempt.latency_ms for one in ran.results if one.attempt is not None and one.arm.lane == "openai-us"]
    assert sorted(waited)[2] < 5 * 60


def test_two_processes_do_not_write_into_one_run(server: FaultServer, tmp_path: Path) -> None:
    """The second one is told so, and asks nothing."""
    suite, out = suite_at(tmp_path / "tiny", questions(3)), tmp_path / "out"
    inside, go = threading.Event(), threading.Event()

    def play(asked: Asked) -> tuple[Fault, Said | None]:
        inside.set()
        return Fault("good", delay_ms=0 if go.is_set() else 700), None

    server.play("*", play)
    options = Options(run_id="mine")
    first = threading.Thread(target=lambda: run([suite], LANES[:1], bench=bench_on(server), out=out, options=options))
    first.start()
    assert inside.wait(20)
    with pytest.raises(OfflineDataError, match="in use"):
        run([suite], LANES[:1], bench=bench_on(server), out=out, options=options)
    go.set()
    first.join()
    assert len(read_results(out / "mine")) == 3


RUNS = """
import sys
from pathlib import Path
from router_ml.faults import FaultServer
from tests.training.evals.tiny import bench_on, load_suite
from training.evals.running.run import Options, run_in
class There:
    openai_url = anthropic_url = url = sys.argv[1]
There.openai_url = sys.argv[1] + "/v1"
suite, out = load_suite(sys.argv[2]), Path(sys.argv[3])
run_in([suite], ["openai-us"], bench=bench_on(There()), out=out, options=Options(parallel=2))
"""


def test_what_cannot_be_written_is_an_error_of_ours_and_half_a_character_can(
    server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk ends a run with the name of the file. A lane that is cut off within an emoji may say half of one."""
    suite = suite_at(tmp_path / "tiny", questions(1))
    (one,) = run([suite], LANES[:1], bench=bench_on(server), out=tmp_path / "out")
    assert one.attempt is not None
    torn = replace(one, attempt=replace(one.attempt, detail="cut \ud83d"), repeat=1)
    append(tmp_path / "results.jsonl", [one, torn, one])
    kept = read_results(tmp_path)
    assert [each.attempt.detail for each in kept if each.attempt] == ["", "cut ?"]
    (tmp_path / "file").touch()
    with pytest.raises(OfflineDataError, match=r"cannot be written.*goes on"):
        append(tmp_path / "file" / "results.jsonl", [one])


@pytest.mark.slow
def test_a_run_that_is_killed_loses_what_was_on_its_way_at_most(server: FaultServer, tmp_path: Path) -> None:
    """``kill -9`` in the middle: every answer but those of the two attempts under way is on the disk, and the next
    process asks exactly the rest."""
    server.rate("gpt-4.1", 1.0, [Fault("good", delay_ms=40)], 0)
    suite, out, n = suite_at(tmp_path / "tiny", questions(30)), tmp_path / "out", 30
    command = [sys.executable, "-c", RUNS, server.url, str(suite.folder), str(out)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while len(server.calls) < 8 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    asked = len(server.calls)
    (folder,) = [one for one in out.iterdir() if one.is_dir()]
    kept = len(read_results(folder))
    assert asked - 2 <= kept < n
    again = run_in([suite], ["openai-us"], bench=bench_on(server), out=out)
    assert again.folder == folder
    assert (len(again.results), len(server.calls) - asked) == (n, n - kept)


def test_two_suites_of_one_name_are_not_mixed_up(server: FaultServer, tmp_path: Path) -> None:
    """Their results could not be told apart, so that nothing is asked."""
    suites = [suite_at(tmp_path / place / "tiny", questions(1)) for place in ("a", "b")]
    with pytest.raises(OfflineDataError, match="two suites called tiny"):
        run_in(suites, LANES[:1], bench=bench_on(server), out=tmp_path / "out")
    assert server.calls == []
