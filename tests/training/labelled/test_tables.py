"""A user's file: read in three formats, split without leaks, and refused with a reason when something is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas
import pytest

from router_ml.errors import OfflineDataError
from training.labelled.tables import check_trainable, read

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
    tables = [read(path) for path in (lines, tmp_path / "a.parquet", tmp_path / "a.csv")]
    assert tables[0].examples == tables[1].examples == tables[2].examples
    assert tables[0].taxonomy.intent == ("find", "fix")
    assert tables[0].taxonomy.risks == ("high", "hot")


def test_in_csv_an_empty_cell_of_risks_says_none_and_of_a_head_nothing(tmp_path: Path) -> None:
    """And a label may be called NA."""
    (tmp_path / "a.csv").write_text("text,intent,risks\none,NA,hot\ntwo,,\nthree,fix,\n", encoding="utf-8")
    one, two, three = read(tmp_path / "a.csv").examples
    assert (one.labels, one.risks) == ({"intent": "NA"}, {"hot": True})
    assert (two.labels, two.risks) == ({}, {"hot": False})
    assert three.labels == {"intent": "fix"}


def test_an_unsplit_file_is_split_the_same_way_each_time_and_no_text_twice(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [*ROWS, {**ROWS[0], "text": "WHERE is the door!"}])
    table = read(path)
    assert list(table.split) == list(read(path).split)
    assert set(table.split) == {"train", "calibration", "test"}
    assert table.split[0] == table.split[-1]


def test_groups_stay_together_and_with_groups_that_share_a_text(tmp_path: Path) -> None:
    rows = [{**row, "group": number // 4} for number, row in enumerate(ROWS)]
    for seed in range(10):
        split = read(written(tmp_path / "a.jsonl", rows), seed=seed).split
        assert all(len(set(split[start : start + 4])) == 1 for start in range(0, len(rows), 4))
    shared = [*rows, {**rows[0], "group": 1}]
    for seed in range(10):
        assert len(set(read(written(tmp_path / "a.jsonl", shared), seed=seed).split[:8])) == 1


def test_each_part_gets_its_share_of_every_label(tmp_path: Path) -> None:
    """A rare label that lands in one part by bad luck could not be learned, or not be measured."""
    rows = [{"text": f"{label} number {at}", "intent": label} for label in ("a", "b", "c", "d") for at in range(5)]
    table = read(written(tmp_path / "a.jsonl", rows))
    for label in ("a", "b", "c", "d"):
        mine = [
            part for part, example in zip(table.split, table.examples, strict=True) if example.labels["intent"] == label
        ]
        assert {"train", "calibration", "test"} == set(mine)
    check_trainable(table, tmp_path)


def test_a_column_without_a_label_is_no_head(tmp_path: Path) -> None:
    """A head trained on nothing would replace the one that ships."""
    rows = [{**row, "domain": None, "risks": []} for row in ROWS]
    assert read(written(tmp_path / "a.jsonl", rows)).labels == ("intent",)


def test_no_message_repeats_what_a_request_says(tmp_path: Path) -> None:
    """A shifted column puts texts where labels should be; they must not end in a log."""
    canary = "my social security number is 123-45-6789 and I live in Elm Street"
    for rows in (
        [{"text": {"content": canary}, "intent": "x"}],
        [{"text": "a", "risks": {"x": canary}}],
        [{"text": "a", "risks": f"[{canary}"}],
        [{"text": "a", "mode": canary}],
        [{"text": "a", "intent": "x", "split": canary}],
        [{"text": f"{at}", "intent": "x", "split": "train"} for at in range(5)] + [{"text": "b", "intent": canary}],
    ):
        path = written(tmp_path / "a.jsonl", rows)
        with pytest.raises(OfflineDataError) as raised:
            check_trainable(read(path), path)
        assert "123-45" not in str(raised.value)


WRONG = {
    "unknown column": ([{**ROWS[0], "intnet": "x"}], r"unknown column 'intnet'.*text, intent"),
    "no labels": ([{"text": "hello"}], "expected text and one of intent, domain, mode, risks"),
    "no text": ([{"text": "  ", "intent": "x"}], r"row 1: the text is"),
    "text of another type": ([{"text": 3, "intent": "x"}], r"row 1: the text is a int"),
    "strange mode": ([{"text": "a", "mode": "stream"}], r"row 1: mode is 'stream', expected chat or batch"),
    "risks as a number": ([{"text": "a", "risks": 3}], r"row 1: risks is a int, expected a list"),
    "risks as a broken list": ([{"text": "a", "risks": "[a"}], r"row 1: risks opens with \[ and is not a list"),
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
    (tmp_path / "a.jsonl").write_bytes(json.dumps(ROWS[0]).encode() + b"\n\xff\xfe\n")
    with pytest.raises(OfflineDataError, match=r"a\.jsonl:2 is not UTF-8"):
        read(tmp_path / "a.jsonl")


def test_a_line_separator_inside_a_text_breaks_no_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "one\u2028two", "intent": "x"}, ensure_ascii=False) + "\n", encoding="utf-8")
    assert read(path).examples[0].text == "one\u2028two"


def test_what_looks_like_a_slot_of_ours_is_left_alone(tmp_path: Path) -> None:
    assert read(written(tmp_path / "a.jsonl", [{"text": "use ⟦foo⟧", "intent": "x"}])).examples[0].text == "use ⟦foo⟧"


def everywhere(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows in each of the three parts, in other words."""
    return [
        {**row, "text": f"{row['text']} {part}", "split": part}
        for part in ("train", "calibration", "test")
        for row in rows
    ]


MISSING = {
    "a class of one": (
        [*everywhere(ROWS), {"text": "hi", "intent": "greet", "split": "train"}],
        "'greet' has fewer than two training rows",
    ),
    "one class": (everywhere([{**row, "intent": "fix"} for row in ROWS]), "one label 'fix'"),
    "a rare risk": (
        [*everywhere(ROWS), {"text": "x", "intent": "fix", "risks": ["rare"], "split": "train"}],
        "risk 'rare' needs two training rows",
    ),
    "a part": ([row for row in everywhere(ROWS) if row["split"] != "calibration"], "no rows for calibration"),
    "labels of a part": (
        [{**row, "intent": None} if row["split"] == "test" else row for row in everywhere(ROWS)],
        "no test row has a label for intent",
    ),
    "all labels": ([{**row, "intent": None, "risks": []} for row in everywhere(ROWS)], "no label in any row"),
}


@pytest.mark.parametrize("kind", MISSING)
def test_what_cannot_be_learned_is_refused(tmp_path: Path, kind: str) -> None:
    rows, expected = MISSING[kind]
    path = written(tmp_path / "a.jsonl", rows)
    with pytest.raises(OfflineDataError, match=expected):
        check_trainable(read(path), path)
    check_trainable(read(written(path, everywhere(ROWS))), path)
