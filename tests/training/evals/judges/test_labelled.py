"""Labels of people are read as they are written, and put beside what the judge said of the same answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from router_ml.errors import OfflineDataError
from training.evals.__main__ import build
from training.evals.attempt import Attempt
from training.evals.case import Case
from training.evals.judges.labelled import judge_report, read_labels
from training.evals.result import Arm, Result, Verdict
from training.evals.results import append


def result(case: str, verdict: Verdict, *, lane: str = "fast", repeat: int = 0) -> Result:
    asked = Case(id=case, intent="qa", domain="general", ask="?")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Result("r", "s", "d", asked, Arm(lane, "m", "1"), Attempt(lane, case, None), (verdict,), now, repeat=repeat)


@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl"])
def test_both_kinds_of_file(tmp_path: Path, name: str) -> None:
    """CSV and JSONL say the same, in the words that people use."""
    path = tmp_path / name
    rows = [{"case": "a", "human": "pass", "judge": "Right"}, {"case": "b", "human": "0", "judge": "no"}]
    if name.endswith("csv"):
        path.write_text("case,human,judge\n" + "\n".join(",".join(row.values()) for row in rows), encoding="utf-8-sig")
    else:
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert [(one.case, one.human, one.judge) for one in read_labels(path)] == [("a", 1.0, 1.0), ("b", 0.0, 0.0)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("case,human\n,pass", "row 1 has to have case and human"),
        ("case,human\na,perhaps", "a verdict is pass or fail"),
        ("case,human,repeat\na,pass,x", "repeat has to be a number"),
        ("case,human", "no labels"),
    ],
)
def test_what_is_no_label_is_named(tmp_path: Path, text: str, says: str) -> None:
    """The row that is wrong is named."""
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OfflineDataError, match=says):
        read_labels(path)


def test_verdicts_of_a_run(tmp_path: Path) -> None:
    """Labels meet verdicts by case and lane; what the judge could not tell is counted, and the rest of what it judged
    corrects its share."""
    path = tmp_path / "labels.csv"
    lines = ["case,lane,human"] + [f"c{n},fast,{'pass' if n % 4 else 'fail'}" for n in range(20)] + ["gone,fast,pass"]
    path.write_text("\n".join(lines), encoding="utf-8")
    results = [result(f"c{n}", Verdict("rubric", n % 4 != 0 or n == 0, score=1.0, cost_usd=0.001)) for n in range(60)]
    results += [result(f"c{n}", Verdict("rubric", False), lane="other") for n in range(20)]
    found = judge_report(read_labels(path), results, check="rubric")
    assert found.verdicts is not None
    assert found.verdicts.table == {"both right": 15, "judge too strict": 0, "judge too lenient": 1, "both wrong": 4}
    assert found.unjudged == 1
    assert found.cost_usd == pytest.approx(0.06)
    assert found.corrected is not None
    assert found.corrected.low < found.corrected.value < found.corrected.high
    with pytest.raises(OfflineDataError, match="judged both"):
        judge_report(read_labels(path), results, check="pairwise")


def test_grades_and_places(tmp_path: Path) -> None:
    """Points come back from scores, and places from what a pairwise judge told of its orders."""
    path = tmp_path / "labels.csv"
    path.write_text("case,human\n" + "\n".join(f"c{n},{1 + n % 5}" for n in range(20)), encoding="utf-8")
    graded = [result(f"c{n}", Verdict("rubric", True, score=(n % 5) / 4)) for n in range(20)]
    found = judge_report(read_labels(path, graded=True), graded, check="rubric", graded=True)
    assert found.grades is not None
    assert found.grades.kappa.value == 1
    path.write_text("case,human\n" + "\n".join(f"c{n},pass" for n in range(20)), encoding="utf-8")
    placed = [
        result(f"c{n}", Verdict("pairwise", True, score=0.5, detail="orders A A: the judge goes with place A"))
        for n in range(20)
    ]
    position = judge_report(read_labels(path), placed, check="pairwise").position
    assert position is not None
    assert (position.a, position.b) == (20, 0)


def test_the_command(tmp_path: Path) -> None:
    """The command reads a run and prints the same as JSON as in its table."""
    labels = tmp_path / "labels.csv"
    labels.write_text("case,human\n" + "\n".join(f"c{n},{'pass' if n % 3 else 'fail'}" for n in range(12)))
    append(tmp_path / "run" / "results.jsonl", [result(f"c{n}", Verdict("rubric", n % 3 != 0)) for n in range(30)])
    run = ["agreement", str(labels), "--run", str(tmp_path / "run"), "--check", "rubric"]
    said = CliRunner().invoke(build(), [*run, "--json"])
    assert said.exit_code == 0, said.output
    assert json.loads(said.stdout)["verdicts"]["raw"]["value"] == 1
    table = CliRunner().invoke(build(), [*run, "--apply", str(tmp_path / "run")])
    assert table.exit_code == 0
    assert "Cohen's kappa" in table.stdout
    assert "right answers of fast, corrected" in table.stdout
