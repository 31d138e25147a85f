"""The benchmarks run, and compare like with like. Their numbers are not judged here: a test machine is a busy one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import ope
from benchmarks.serve.soak import Soaked, slope
from benchmarks.serving import Measurement, Times, in_turns, near, show


@pytest.mark.slow
def test_every_promised_number_is_measured(root: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.serving", "--quick", "--json"]
    seen = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert (seen.returncode, seen.stderr) == (0, "")
    found = {item["name"]: item for item in json.loads(seen.stdout)}
    assert all(item["value"] > 0 for item in found.values() if item["unit"] != "s")
    targets = {name: item["target"] for name, item in found.items() if item["target"] is not None}
    assert targets == {
        "import router_ml, over bare Python": 0.3,
        "cold process to first decision": 2.0,
        "peak memory, 20 decisions": 400,
        "peak memory, one batch of 20": 400,
        "predict_route / encoder, 60 tokens, p50": 1.8,
    }
    for tokens in (15, 60, 250):
        for path in ("predict_route", "predict_route with log"):
            p50, bare = (
                found[f"{path}, {tokens} tokens, p50"]["value"],
                found[f"encoder, {tokens} tokens, p50"]["value"],
            )
            assert found[f"{path} / encoder, {tokens} tokens, p50"]["value"] == pytest.approx(p50 / bare)


def test_calls_take_turns_on_the_same_texts() -> None:
    """Whoever always came second would find warm caches."""
    seen: list[tuple[str, str]] = []
    times = in_turns(
        [lambda text: seen.append(("a", text)), lambda text: seen.append(("b", text))], ["1", "2"], warm_up=0
    )
    assert seen == [("a", "1"), ("b", "1"), ("b", "2"), ("a", "2")]
    assert [len(both.wall) for both in times] == [2, 2]
    assert isinstance(times[0], Times)


def test_texts_are_as_long_as_they_are_said_to_be() -> None:
    texts = ["a " * size for size in (5, 9, 10, 11, 12, 30)]
    assert [len(text.split()) for text in near(texts, lambda text: len(text.split()), 10, size=4)] == [9, 10, 11, 9]


def test_memory_that_fills_is_not_called_a_leak() -> None:
    """A worker remembers its last 10,000 decisions; how it grows is told once they have come, and its rate is right."""
    growing = slope([(second, 300.0 + second / 60) for second in range(600)])
    assert growing.mb_per_hour == pytest.approx(60.0)
    assert [Soaked(minutes, 4.0, (), {"0": growing}).grows for minutes in (20, 83, 84)] == [False, False, True]
    assert not Soaked(84, 4.0, (), {"0": slope([(second, 300.0) for second in range(600)])}).grows
    assert not Soaked(84, 4.0, (), dict.fromkeys("01", growing)).grows, "each worker has half of them"


def test_a_missed_target_is_shown_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    show([Measurement("slow", 2.0, "s", 1.0), Measurement("fast", 0.5, "s", 1.0), Measurement("plain", 3.0, "s")])
    lines = capsys.readouterr().out.splitlines()
    assert ["MISSED" in line for line in lines if "slow" in line or "fast" in line] == [True, False]


def test_learning_and_choosing_are_timed(root: Path) -> None:
    pytest.importorskip("sklearn", reason="learning needs the 'offline' extra")
    command = [sys.executable, "-m", "benchmarks.learning", "--rows", "400"]
    seen = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert (seen.returncode, seen.stderr) == (0, "")
    found = json.loads(seen.stdout)
    names = ("seconds_200", "seconds_400", "peak_mb", "distribution_us", "bandit_us", "estimate_us", "choose_us")
    assert all(found[name] > 0 for name in names)


@pytest.mark.slow
def test_logging_is_measured_in_every_way_of_writing(root: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.eventlog", "--rows", "6", "--decisions", "3", "--json"]
    seen = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert seen.returncode == 0, seen.stderr
    found = {item["name"]: item for item in json.loads(seen.stdout)}
    assert all(item["value"] >= 0 for item in found.values())
    for name in ("direct, one by one", "direct, 64 at a time", "spooled, in the database", "bytes per row"):
        assert found[f"SQLite, {name}"]["value"] > 0
    assert found["added to a decision, SQLite, spool, p99"]["target"] == 1.0


@pytest.mark.slow
def test_following_a_release_is_measured(root: Path) -> None:
    pytest.importorskip("mlflow", reason="needs the extra 'registry'")
    command = [sys.executable, "-m", "benchmarks.rollout", "--rounds", "10", "--swaps", "1", "--canaries", "5"]
    seen = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert seen.returncode == 0, seen.stderr[-2000:]
    for part in ("with a canary and a shadow", "From promotion to the first decision", "canaries that are stopped"):
        assert part in seen.stdout


@pytest.mark.slow
def test_every_step_of_a_retraining_is_timed(root: Path) -> None:
    pytest.importorskip("sklearn", reason="retraining needs the 'offline' extra")
    command = [sys.executable, "-m", "benchmarks.retrain", "--rows", "400"]
    seen = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=600, check=False)
    assert seen.returncode == 0, seen.stderr
    found = json.loads(seen.stdout)
    assert found["decisions"] == 400
    assert 200 < found["ratings"] < 340
    for step in ("read and check", "quality, cost, bandit", "promises", "compare with the base", "bundle"):
        wall, processor = found[step]
        assert 0 <= processor <= wall + 1


def test_off_policy_estimates_are_timed(capsys: pytest.CaptureFixture[str]) -> None:
    """All estimators run on the made-up log, and the interval is a number."""
    ope.main(rows=2000, lanes=3, rounds=5)
    found = json.loads(capsys.readouterr().out)
    assert found["rows"] == 2000
    assert found["dr"][0] < found["dr"][1]
    assert found["total_s"] >= found["cross_fit_s"]
