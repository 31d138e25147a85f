"""The corpus is diverse, labelled with known words only, and holds nothing that looks like a real secret."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import corpus
from training.corpus import MAX_OVERLAP, MAX_ROWS_PER_PATTERN, Row

ROW = {"text": "Where is my order?", "intent": "qa", "domain": "support", "mode": "chat", "risks": [], "language": "en"}
SENTENCES = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8).map(" ".join)


@pytest.fixture(scope="module")
def files(root: Path) -> list[Path]:
    return sorted((root / "data" / "corpus").glob("*.jsonl"))


@pytest.fixture(scope="module")
def rows(files: list[Path]) -> list[Row]:
    return corpus.load(files)


def test_there_is_enough_of_everything(rows: list[Row]) -> None:
    """A label with a handful of rows is learned as noise and reported as if it were known."""
    assert len(rows) >= 2500
    counts = corpus.counts(rows)
    assert set(counts["intent"]) == set(corpus.INTENTS)
    assert set(counts["domain"]) == set(corpus.DOMAINS)
    assert set(counts["mode"]) == set(corpus.MODES)
    assert set(counts["risk"]) == {*corpus.RISKS, "none"}
    for name in ("intent", "domain", "mode", "risk"):
        assert min(counts[name].values()) >= 100
    assert counts["language"]["en"] < len(rows)


def test_it_comes_in_batches_so_that_one_can_be_held_out(rows: list[Row], files: list[Path]) -> None:
    """Rows of one author are alike: a random split would test on the training style."""
    batches = Counter(row.batch for row in rows)
    assert set(batches) == {path.stem for path in files}
    assert len(batches) >= 4
    assert max(batches.values()) <= 0.4 * len(rows)
    for batch in batches:
        assert {row.intent for row in rows if row.batch == batch} == set(corpus.INTENTS)


def test_it_is_no_template_in_disguise(rows: list[Row]) -> None:
    texts = [row.text for row in rows]
    assert corpus.crowded_patterns(texts, MAX_ROWS_PER_PATTERN) == {}
    assert corpus.overlapping_pairs(texts, MAX_OVERLAP) == []
    assert len(set(texts)) == len(texts)


def test_each_risk_has_rows_that_only_look_like_it(rows: list[Row]) -> None:
    """Without hard negatives a word is learned instead of a risk."""
    notes = [row for row in rows if row.note.startswith("hard negative: ")]
    for risk in corpus.RISKS:
        mine = [row for row in notes if row.note == f"hard negative: {risk}"]
        assert len(mine) >= 20
        assert not any(risk in row.risks for row in mine)


def test_files_hold_slots_instead_of_secrets(files: list[Path]) -> None:
    """Scanners of the people who clone this must stay silent."""
    live = re.compile(
        r"AKIA(?!X{16})[A-Z2-7]{16}|ghp_\w{36}|sk_live_\w{20}|sk-proj-\w{30}|xoxb-\d{10}|-----BEGIN [A-Z ]*PRIVATE KEY"
    )
    for path in files:
        assert live.findall(path.read_text(encoding="utf-8")) == []


def test_the_command_prints_counts_and_passes(files: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert corpus.main([str(files[0])]) == 0
    printed = capsys.readouterr().out
    for word in (" rows", "batch: {", "intent: {", "domain: {", "mode: {", "risk: {", "language: {", "note: {"):
        assert word in printed


def test_the_command_fails_on_rows_that_are_too_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "alike.jsonl"
    texts = [f"please cancel the order number {number} for me today" for number in range(4)]
    path.write_text("\n".join(json.dumps({**ROW, "text": text}) for text in texts), encoding="utf-8")
    assert corpus.main([str(path)]) == 1
    printed = capsys.readouterr().out
    assert "too alike (0.80)" in printed
    assert "4 rows open with 'please cancel the order number'" in printed


@given(st.lists(SENTENCES, max_size=12), st.sampled_from([0.3, 0.5, 0.7, 0.9]))
def test_the_fast_overlap_search_finds_what_comparing_all_pairs_finds(texts: list[str], limit: float) -> None:
    sets = [set(corpus.tokens(text)) for text in texts]
    expected = {
        (i, j) for j in range(len(sets)) for i in range(j) if len(sets[i] & sets[j]) / len(sets[i] | sets[j]) > limit
    }
    assert {(i, j) for i, j, _ in corpus.overlapping_pairs(texts, limit)} == expected


def test_slots_become_valid_values_that_never_change() -> None:
    """A card that fails its checksum would teach that real ones look otherwise."""
    text = "Pay with ⟦card⟧ from ⟦iban⟧, key ⟦aws_key⟧"
    filled = corpus.fill(text)
    assert filled == corpus.fill(text) != corpus.fill(text + " please")
    match = re.fullmatch(r"Pay with ([\d ]+) from (DE\d{20}), key (AKIA\w{16})", filled)
    assert match
    digits = [int(digit) for digit in reversed(match[1].replace(" ", ""))]
    luhn = sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    assert luhn % 10 == 0
    assert int(match[2][4:] + "1314" + match[2][2:4]) % 97 == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intent": "question"}, r"intent 'question' is unknown, expected one of qa, "),
        ({"risks": ["pii", "danger"]}, r"risks 'danger' is unknown"),
        ({"risks": "pii"}, r"expected a list"),
        ({"text": " "}, r"text is empty"),
        ({"text": "card ⟦carrd⟧"}, r"Unknown slot ⟦carrd⟧. Expected one of: api_key"),
        ({"tone": "rude"}, r"unknown fields \['tone'\]"),
        ({"mode": None}, r"mode None is unknown"),
    ],
    ids=str,
)
def test_a_wrong_row_is_named_by_file_and_line(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "mine.jsonl"
    lines = [json.dumps(ROW), "", json.dumps({**ROW, **change})]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        corpus.load([path])
    assert str(caught.value).startswith(f"{path}:3: ")


def test_a_line_that_is_no_json_is_named_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"text": ', encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(f"{path}:1: ")):
        corpus.load([path])


def test_the_pattern_masks_numbers_and_case() -> None:
    assert corpus.pattern("Refund order 8812 to me, now please") == corpus.pattern("refund ORDER 17 to me!")
    assert corpus.pattern("Refund order 8812 to me") != corpus.pattern("Cancel order 8812 to me")
