"""A user's file: read in three formats, split without leaks, and refused with a reason when something is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas
import pytest

from router_ml.errors import OfflineDataError
from training.tables import check_trainable, read

ROWS: list[dict[str, Any]] = [
    {"text": f"{verb} the {thing}", "intent": intent, "risks": risks}
    for verb, intent in (("where is", "find"), ("repair", "fix"), ("paint", "fix"))
    for thing, risks in (("door", []), ("boiler", ["hot"]), ("roof", ["high"]), ("stove", ["hot", "high"]))
]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_three_formats_say_the_same(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="Parquet needs the 'train' extra; make test-all installs it")
    lines = written(tmp_path / "a.jsonl", ROWS)
    pandas.DataFrame(ROWS).to_parquet(tmp_path / "a.parquet")
    pandas.DataFrame([{**row, "risks": ";".join(row["risks"])} for row in ROWS]).to_csv(tmp_path / "a.csv", index=False)
    tables = [read(path) for path in (lines, tmp_path / "a.parquet")]
    assert tables[0].examples == tables[1].examples
    assert tables[0].taxonomy.intent == ("find", "fix")
    assert tables[0].taxonomy.risks == ("high", "hot")
    assert read(tmp_path / "a.csv").taxonomy == tables[0].taxonomy


def test_an_unsplit_file_is_split_the_same_way_each_time_and_no_text_twice(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [*ROWS, {**ROWS[0], "text": "WHERE is the door!"}])
    table = read(path)
    assert list(table.split) == list(read(path).split)
    assert set(table.split) == {"train", "calibration", "test"}
    assert table.split[0] == table.split[-1]


def test_groups_stay_together(tmp_path: Path) -> None:
    rows = [{**row, "group": number // 4} for number, row in enumerate(ROWS)]
    split = read(written(tmp_path / "a.jsonl", rows)).split
    assert all(len(set(split[start : start + 4])) == 1 for start in range(0, len(rows), 4))


WRONG = {
    "unknown column": ([{**ROWS[0], "intnet": "x"}], r"unknown column 'intnet'.*text, intent"),
    "no labels": ([{"text": "hello"}], "expected text and one of intent, domain, mode, risks"),
    "no text": ([{"text": "  ", "intent": "x"}], r"row 1: the text is"),
    "text of another type": ([{"text": 3, "intent": "x"}], r"row 1: the text is 3"),
    "strange mode": ([{"text": "a", "mode": "stream"}], r"row 1: mode is 'stream', expected chat or batch"),
    "risks as a number": ([{"text": "a", "risks": 3}], r"row 1: risks is 3, expected a list"),
    "risks as a broken list": ([{"text": "a", "risks": "[a"}], r"row 1: risks .* is not a list"),
    "strange split": ([{**ROWS[0], "split": "dev"}], r"split is 'dev', expected train, calibration, test"),
    "a leak": (
        [{**ROWS[0], "split": "train"}, {**ROWS[0], "text": "Where is the DOOR?", "split": "test"}],
        r"1 texts stand in two splits \(rows 1 and 2\)",
    ),
    "nothing": ([], "has no rows"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_said(tmp_path: Path, kind: str) -> None:
    rows, expected = WRONG[kind]
    with pytest.raises(OfflineDataError, match=expected):
        read(written(tmp_path / "a.jsonl", rows))


@pytest.mark.parametrize("name", ["missing.jsonl", "there.txt"])
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "there.txt").write_text("x", encoding="utf-8")
    with pytest.raises(OfflineDataError, match=r"\.csv, \.jsonl or \.parquet"):
        read(tmp_path / name)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(ROWS[0]) + "\n{oh no\n", encoding="utf-8")
    with pytest.raises(OfflineDataError, match=r"a\.jsonl:2 is not JSON"):
        read(tmp_path / "a.jsonl")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [*({**row, "split": "train"} for row in ROWS), {"text": "hi", "intent": "greet", "split": "train"}],
            "'greet'",
        ),
        ([{**row, "intent": "fix", "split": "train"} for row in ROWS], "one label 'fix'"),
        (
            [
                *({**row, "split": "train"} for row in ROWS),
                {"text": "x", "intent": "fix", "risks": ["rare"], "split": "train"},
            ],
            "risk 'rare'",
        ),
    ],
)
def test_what_cannot_be_learned_is_refused(tmp_path: Path, rows: list[dict[str, Any]], expected: str) -> None:
    path = written(tmp_path / "a.jsonl", list(rows))
    with pytest.raises(OfflineDataError, match=expected):
        check_trainable(read(path), path)
