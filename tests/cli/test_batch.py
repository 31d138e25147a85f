"""``router-ml batch``: partitions in, partitions out, and what came of them in a line or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.offline.engine.logs import feedback_of, write_log

Run = Callable[..., tuple[int, str, str]]


def test_a_log_is_judged(run: Run, tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", *feedback_of(300), [100])
    code, out, err = run("batch", "ope", "--in", log, "--out", tmp_path / "sums", "--baseline", "propensities")
    assert (code, err) == (0, "")
    assert "snips difference" in out
    assert "300 decisions" in out
    code, out, _ = run("batch", "ope", "--in", log, "--out", tmp_path / "sums", "--baseline", "propensities", "--json")
    found = json.loads(out)
    assert (found["run"]["kept"], found["decisions"], "snips" in found["estimates"]) == (2, 300, True)


def test_a_missing_column_is_one_line(run: Run, tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", *feedback_of(300), [])
    code, out, err = run("batch", "ope", "--in", log, "--out", tmp_path / "sums", "--target", "nothing")
    assert (code, out) == (2, "")
    assert "nothing are not among those found" in err
    assert err.count("\n") == 1


def test_an_empty_log_has_nothing_to_export(run: Run, tmp_path: Path) -> None:
    from router_ml.storage.eventlog import EventLog

    EventLog(tmp_path / "log.sqlite").close()
    code, _, err = run("batch", "export", "--log", tmp_path / "log.sqlite", "--out", tmp_path / "out")
    assert code == 2
    assert "Nothing in the log can be judged" in err


def test_a_challenger_has_a_name(run: Run, tmp_path: Path) -> None:
    code, _, err = run("batch", "simulate", "--out", tmp_path, "--challenger", "models/default")
    assert code == 2
    assert "expected NAME=BUNDLE" in err
    code, _, err = run("batch", "simulate", "--out", tmp_path, "--challenger", "a=b", "--challenger", "a=c")
    assert code == 2
    assert "where a name comes twice" in err


def test_a_scenario_is_checked_against_the_bundle(run: Run, models: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "description: An outage.\ntraffic: {requests: 100, days: 1}\n"
        "events: [{kind: outage, where: nobody, at_hour: 3, hours: 4}]\n",
        encoding="utf-8",
    )
    code, _, err = run(
        "batch", "simulate", "--out", tmp_path / "out", "--model", models, "--scenario", tmp_path / "mine.yaml"
    )
    assert code == 2
    assert "nobody" in err


@pytest.mark.slow
def test_seeds_are_played_and_added_up(run: Run, models: Path, tmp_path: Path) -> None:
    requests = tmp_path / "requests.jsonl"
    requests.write_text('{"text": "What is 3 times 12?"}\n{"text": "Summarise this letter."}\n', encoding="utf-8")
    how = ("batch", "simulate", "--out", tmp_path / "out", "--model", models, "--requests", requests, "--count", 200)
    code, out, err = run(*how, "--seeds", 2, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["run"]["partitions"], found["study"]["results"][0]["requests"]) == (2, 400)
    code, out, _ = run(*how, "--seeds", 2)
    assert "2 were there already" in out
