"""Rows come out of a file as they went in, with the line on which each begins."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest

from router_ml.errors import OfflineDataError
from router_ml.offline.importing import files
from router_ml.offline.importing.files import _items, encoding_of, kind_of, rows_of
from router_ml.offline.importing.mapping import Read
from router_ml.offline.importing.paths import look_up


def test_quoted_line_ends_do_not_shift_lines(tmp_path: Path) -> None:
    """A person looks for the row at the line that a problem names."""
    path = tmp_path / "a.csv"
    path.write_bytes('q;n\n"one\ntwo; three";1\nfour;2\nfive\n'.encode("cp1252"))
    found = list(rows_of(path, read=Read(delimiter=";", encoding="cp1252")))
    assert found == [(2, {"q": "one\ntwo; three", "n": "1"}), (4, {"q": "four", "n": "2"}), (5, None)]


@pytest.mark.parametrize(("named", "likely"), [("utf-8-sig", "cp1252"), ("cp1252", "latin-1")])
def test_an_encoding_that_fails_is_not_named_again(
    named: str, likely: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only a character far down is strange, the first ones look as they should."""
    monkeypatch.setattr(files, "_BLOCK", 8)
    path = tmp_path / "a.csv"
    path.write_bytes(b"q;n\n\xe9;1;2\n" * (named == "cp1252") + b"q;n\nplain;1\n" * 3 + b"\x81;2\n")
    with pytest.raises(OfflineDataError, match=f"is not {named}.*encoding: {likely}"):
        list(rows_of(path, read=Read(delimiter=";", encoding=named)))


def test_a_wrong_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("q\ngrün\n".encode("cp1252"))
    with pytest.raises(OfflineDataError, match=r"Name its encoding.*cp1252"):
        list(rows_of(path))
    assert encoding_of(path) == "cp1252"
    with pytest.raises(OfflineDataError, match="no encoding that Python knows"):
        list(rows_of(path, read=Read(encoding="utf-9")))


@pytest.mark.parametrize(("text", "found"), [("", "found no line"), ("a,b,a\n1,2,3\n", "found a more than once")])
def test_columns_need_names(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(OfflineDataError, match=f"names its columns, each once; {found}"):
        list(rows_of(path))


def test_json_lines_and_one_list(tmp_path: Path) -> None:
    """A broken line is one row less, not the end of the file."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": {"b": [{"c": 1}]}}\n\nbroken\n[2]\n{"a": 2}\n')
    found = list(rows_of(path, kind="jsonl"))
    assert found == [(1, {"a": {"b": [{"c": 1}]}}), (3, None), (4, None), (5, {"a": 2})]
    assert look_up(found[0][1] or {}, "a.b[0].c") == 1
    assert look_up(found[0][1] or {}, "a.b[7].c") is None
    path.write_text(json.dumps([{"a": 1}, {"a": 2}]))
    assert [row for _, row in rows_of(path, kind="jsonl")] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_is_read_alike_whatever_fits_into_a_block(indent: int | None) -> None:
    """A list may be larger than memory."""
    items = [{"a": 'x], "y'}, {}, {"b": [{"c": [1, 23]}, "]"]}, 12.5, None, {"\u20ac": "\u2713" * 9}]
    text = json.dumps(items, indent=indent)
    for block in range(1, len(text) + 2):
        assert list(_items(StringIO(text), Path("a.json"), block=block)) == items


def test_a_list_that_breaks_off_says_where(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"a": 1}, {"a": 2}, {"a"')
    rows = rows_of(path, kind="jsonl")
    assert [next(rows), next(rows)] == [(1, {"a": 1}), (2, {"a": 2})]
    with pytest.raises(OfflineDataError, match="after item 2"):
        next(rows)


def test_what_servers_answer_is_read_page_by_page(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"data": [{"request_id": "1"}, {"request_id": "2"}, 3], "total": 3}\n{"request_id": "4"}\n')
    found = [(line, row and row["id"]) for line, row in rows_of(path, kind="litellm")]
    assert found == [(1, "1"), (1, "2"), (1, None), (2, "4")]
    path.write_text('{"traces": [{"info": {"trace_id": "t"}}]}')
    assert [row and row["id"] for _, row in rows_of(path, kind="mlflow")] == ["t"]
    path.write_text('{\n  "data": []\n}')
    with pytest.raises(OfflineDataError, match="one JSON object a line"):
        list(rows_of(path, kind="litellm"))


def test_parquet_keeps_types(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra 'archive'")
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"q": ["x", "y"], "n": [1.5, None]}), path)
    assert list(rows_of(path, kind="parquet")) == [(1, {"q": "x", "n": 1.5}), (2, {"q": "y", "n": None})]
    path.write_bytes(b"not parquet")
    with pytest.raises(OfflineDataError, match="no Parquet file"):
        list(rows_of(path, kind="parquet"))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OfflineDataError, match="There is no file"):
        list(rows_of(tmp_path / "none.csv"))
    with pytest.raises(OfflineDataError, match="is a folder"):
        list(rows_of(tmp_path))
    assert [kind_of(name) for name in ("a.TSV", "a.parquet", "a.log", "mlflow:x")] == [
        *("csv", "parquet", "jsonl", "mlflow")
    ]


def test_a_quote_that_is_never_closed_is_no_row_that_holds_the_rest(tmp_path: Path) -> None:
    """The reader of CSV would take all lines after it for one cell; inches are no quotes."""
    path = tmp_path / "a.csv"
    path.write_text('n,q\n1,a 5" pipe\n2,"and ""so"" on\nand on"\n3,"open\n4,lost\n5,lost\n')
    rows = rows_of(path)
    assert next(rows) == (2, {"n": "1", "q": 'a 5" pipe'})
    assert next(rows) == (3, {"n": "2", "q": 'and "so" on\nand on'})
    with pytest.raises(OfflineDataError, match="line 5: a quote is opened and never closed"):
        next(rows)


@pytest.mark.parametrize("start", [b"\x1f\x8b\x08\x00", b"PK\x03\x04", b"BZh9"])
def test_what_is_packed_is_said_to_be(tmp_path: Path, start: bytes) -> None:
    """No encoding would make it a table."""
    path = tmp_path / "a.csv.gz"
    path.write_bytes(start + bytes(range(256)))
    with pytest.raises(OfflineDataError, match="Unpack it"):
        list(rows_of(path, read=Read(encoding="latin-1")))


def test_json_lines_have_the_encoding_that_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": "grün"}\n', encoding="utf-16")
    with pytest.raises(OfflineDataError, match=r"Name its encoding.*utf-16"):
        list(rows_of(path, kind="jsonl"))
    assert list(rows_of(path, kind="jsonl", read=Read(encoding="utf-16"))) == [(1, {"a": "grün"})]
