"""``router-ml spend`` and ``rewards``: for people, for spreadsheets and for programs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from router_ml import Router
from router_ml.contract import Execution
from router_ml.offline.spend import spend
from router_ml.storage.database.entries import of_execution
from router_ml.storage.eventlog import EventLog

Run = Callable[..., tuple[int, str, str]]
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def log(yaml: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten requests over two months, one of which needed a second call; six are rated by thumbs."""
    path = tmp_path_factory.mktemp("spend") / "log.sqlite"
    router = Router.load(yaml, log=path)
    assert router.log is not None
    for number in range(10):
        org = "[red]" if number % 2 else "acme"
        decision = router.predict_route(
            "Who wrote Faust?", metadata={"org": org}, now=NOON + timedelta(days=5 * number), seed=number
        )
        place = {"provider": "openai", "region": "us", "boundary": "vendor", "lane": decision.lane}
        hops = [{**place, "error": "timeout", "cost_usd": 0.25}] * (number == 3) + [{**place, "cost_usd": 0.5}]
        router.log.write(
            [of_execution(Execution.model_validate({"decision_id": decision.decision_id, "hops": hops}), NOON)]
        )
        if number < 6:
            router.log_outcome(decision.decision_id, signals={"thumb": "up" if number else "down"})
    return path


@pytest.fixture(scope="module")
def yaml(tmp_path_factory: pytest.TempPathFactory, small: str) -> Path:
    path = tmp_path_factory.mktemp("config") / "router.yaml"
    path.write_text(small, encoding="utf-8")
    return path


def test_the_table_says_the_total_and_prints_names_as_they_are(log: Path, run: Run) -> None:
    code, shown, errors = run("spend", "--log", log, "--by", "org,month")
    assert (code, errors) == (0, "")
    assert "$5.2500 for 10 requests: 10 by their hops, 0 by an outcome, 0 as expected; 0 went nowhere." in shown
    assert "[red]" in shown
    assert re.search(r"cheaper \((95% interval: -?[\d.]+% to -?[\d.]+%|interval not known)\) on \d+ requests", shown)
    total = next(line for line in shown.splitlines() if line.startswith("total"))
    assert total.split()[1:6] == ["10", "5.2500", "0.5000", "0.0000", "0.2500"]


def test_csv_parquet_and_json_hold_the_same_rows(log: Path, run: Run, tmp_path: Path) -> None:
    arguments = ("spend", "--log", log, "--by", "org,month")
    page = run(*arguments, "--format", "csv")[1]
    rows = list(csv.DictReader(io.StringIO(page)))
    record = json.loads(run(*arguments, "--json")[1])
    assert [row["cost_usd"] for row in rows] == [str(row["cost_usd"]) for row in record["rows"]]
    assert {(row["org"], row["month"]) for row in rows} >= {("acme", "2026-07"), ("[red]", "2026-08")}
    assert sum(float(row["cost_usd"]) for row in rows) == record["total"]["cost_usd"] == 5.25
    for form in ("csv", "json"):
        out = tmp_path / f"spend.{form}"
        assert run(*arguments, "--format", form, "--out", out) == (0, "", "")
        assert out.read_text().strip() == (page if form == "csv" else run(*arguments, "--json")[1]).strip()
    pandas = pytest.importorskip("pandas", reason="pandas (extra: offline) writes Parquet")
    pytest.importorskip("pyarrow", reason="pyarrow writes Parquet")
    out = tmp_path / "spend.parquet"
    assert run(*arguments, "--format", "parquet", "--out", out) == (0, "", "")
    with EventLog(log) as events:
        assert pandas.read_parquet(out).equals(spend(events, by=("org", "month")))


def test_a_window_leaves_the_rest_out(log: Path, run: Run) -> None:
    total = json.loads(run("spend", "--log", log, "--since", "2026-07-06", "--until", "2026-07-20", "--json")[1])[
        "total"
    ]
    assert total["requests"] == 3


def test_mistakes_are_one_line(log: Path, run: Run, tmp_path: Path) -> None:
    for arguments in (
        ("--log", tmp_path / "absent"),
        ("--log", log, "--by", "colour"),
        ("--log", log, "--baseline", "gold"),
        ("--log", log, "--format", "parquet"),
        ("--log", log, "--out", tmp_path / "x"),
        ("--log", log, "--until", "soon"),
    ):
        code, shown, errors = run("spend", *arguments)
        assert (code, shown, errors.count("\n")) == (2, "", 1), arguments


def test_rewards_prints_its_rules(yaml: Path, run: Run) -> None:
    code, shown, _ = run("rewards", "--model", yaml)
    assert code == 0
    assert "up 1, down 0" in shown
    assert json.loads(run("rewards", "--model", yaml, "--json")[1])["rewards"]["combine"] == "priority"


def test_rewards_says_what_another_mapping_would_change(log: Path, yaml: Path, run: Run, tmp_path: Path) -> None:
    mine = tmp_path / "rewards.yaml"
    mine.write_text("version: 1\nsignals:\n  thumb: {values: {up: 0.9, down: 0.0}}\n")
    mine_at = ("rewards", mine, "--model", yaml)
    record = json.loads(run(*mine_at, "--log", log, "--json")[1])
    assert (record["outcomes"], record["changed"]) == (6, 5)
    assert "5 of 6 outcomes would have another quality" in run(*mine_at, "--log", log)[1]
    mine.write_text("version: 1\nsignals:\n  thumb: {value: {up: 0.9}}\n")
    code, _, errors = run(*mine_at)
    assert code == 2
    assert f"{mine}:3: signals.thumb.value: unknown key." in errors
    mine.write_text("version: 1\nsignals:\n  thumb: {}\noverrides:\n  - when: {intent: [cooking]}\n")
    assert "'cooking' is not a known intent" in run(*mine_at)[2]
