"""The guardrail benchmark: counts that can fall, undecided apart from found, and a peer that is optional."""

from __future__ import annotations

import json
import random
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from router_ml.contract import RouteRequest
from router_ml.errors import InvalidRequestError, OfflineDataError
from router_ml.guardrails import Scan
from training.benchmark import guardrails_probe, guardrails_recall
from training.benchmark.__main__ import app
from training.benchmark.guardrails import measure
from training.benchmark.guardrails_clean import _false_positives
from training.benchmark.guardrails_probe import Item, Peer, judge
from training.redteam.decoys import DECOYS
from training.redteam.evasions import TECHNIQUES
from training.redteam.values import KINDS

RUN = CliRunner()
FEW = ("email", "card", "stripe_live", "person_alone")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four classes and three techniques: enough to see that counts add up."""
    monkeypatch.setattr(guardrails_recall, "KINDS", {name: KINDS[name] for name in FEW})
    names = ("fullwidth", "percent", "earlier message")
    monkeypatch.setattr(guardrails_recall, "TECHNIQUES", {name: TECHNIQUES[name] for name in names})


def _answer(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    def scan(request: RouteRequest, *, max_bytes: int) -> Scan:
        return Scan(state=state, findings=(), risks=(), reasons=())  # type: ignore[arg-type]

    monkeypatch.setattr(guardrails_probe, "scan", scan)


@pytest.mark.usefixtures("few")
def test_the_command_writes_shares_with_their_rows() -> None:
    result = RUN.invoke(app, ["guardrails", "--only", "plain", "--cases", "6", "--no-peer", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)["plain"]
    assert found["classes"]["email"]["found"]["rows"] == 6
    assert found["classes"]["email"]["found"]["share"] == 1
    assert set(found["soft"]) == {"person_alone"}
    assert "person_alone" not in found["classes"]
    assert "email" in RUN.invoke(app, ["guardrails", "--only", "plain", "--cases", "2", "--no-peer"]).output


@pytest.mark.usefixtures("few")
def test_a_scanner_that_sees_nothing_has_no_recall(monkeypatch: pytest.MonkeyPatch) -> None:
    _answer(monkeypatch, "clean")
    found = measure(cases=5, only="hidden")["hidden"]
    assert [row["found"]["share"] for row in found["families"].values()] == [0, 0, 0]
    assert all("kept" not in row for row in found["families"].values())


@pytest.mark.usefixtures("few")
def test_undecided_counts_as_found_and_is_shown_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    _answer(monkeypatch, "unknown")
    found = measure(cases=5, only="hidden")["hidden"]
    assert {(row["found"]["share"], row["unknown"]) for row in found["techniques"].values()} == {(1, 1)}
    assert {row["false_positives"]["share"] for row in found["techniques"].values()} == {1}


@pytest.mark.usefixtures("few")
def test_hidden_values_are_counted_by_technique_class_and_family() -> None:
    found = measure(cases=5, only="hidden")["hidden"]
    rows = sum(row["found"]["rows"] for row in found["techniques"].values())
    assert rows == sum(row["found"]["rows"] for row in found["kinds"].values())
    assert set(found["matrix"]["percent"]) == set(FEW) - {"person_alone"}
    assert found["techniques"]["fullwidth"]["family"] == "unicode"
    assert found["families"]["other"]["kept"]["rows"] > 0
    assert found["techniques"]["percent"]["false_positives"]["rows"] == 4 * len(DECOYS)


def test_a_risk_of_the_other_family_is_no_hit() -> None:
    key = KINDS["stripe_live"].make(random.Random(1))
    request = RouteRequest(text=f"key: {key}")
    assert [verdict.found for verdict in judge([Item(request, "secrets"), Item(request, "pii")])] == [True, False]


def test_clean_texts_with_a_flag_are_counted() -> None:
    mail = KINDS["email"].make(random.Random(1))
    found = _false_positives([("a", "how do I sort a list?"), ("a", f"write to {mail}"), ("b", "thank you")], None)
    assert found["kinds"]["a"]["flagged"]["share"] == 0.5
    assert found["kinds"]["b"]["flagged"]["share"] == 0


def test_the_peer_answers_line_by_line(tmp_path: Path) -> None:
    peer = Peer(_interpreter(tmp_path, 'print(\'{"version": "9"}\')', '{"score": 0.5, "types": [], "seconds": 0.01}'))
    verdicts = judge([Item(RouteRequest(text="one\ntwo"), "pii"), Item(RouteRequest(text="three"), "pii")], peer=peer)
    assert [verdict.peer for verdict in verdicts] == [0.5, 0.5]
    assert peer.version == "9"
    assert peer.seconds == [0.01, 0.01]


def test_a_peer_that_fails_says_how_to_install_it(tmp_path: Path) -> None:
    peer = Peer(_interpreter(tmp_path, "sys.exit(3)", ""))
    with pytest.raises(OfflineDataError, match=r"exit 3.*pip install presidio-analyzer"):
        peer.scores(["one"])


def _interpreter(folder: Path, first: str, answer: str) -> str:
    """An executable in place of Python that answers each line alike."""
    path = folder / "python"
    path.write_text(
        f"#!{sys.executable}\nimport sys\n{first}\nfor _ in sys.stdin:\n    print({answer!r})\n", encoding="utf-8"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_unknown_sections_are_named() -> None:
    with pytest.raises(InvalidRequestError, match="plain, hidden"):
        measure(only="everything")
    with pytest.raises(InvalidRequestError, match="--data"):
        measure(only="spans")


def test_marked_texts_are_read(tmp_path: Path) -> None:
    parquet: Any = pytest.importorskip("pyarrow.parquet", reason="reading Parquet needs the 'train' extra")
    arrow: Any = pytest.importorskip("pyarrow")
    mail = KINDS["email"].make(random.Random(2))
    rows = [
        {"text": f"write to {mail}", "has_direct_pii": True, "entity_types": "EMAIL_ADDRESS"},
        {"text": "a fine day", "has_direct_pii": False, "entity_types": ""},
    ]
    path = tmp_path / "spans.parquet"
    parquet.write_table(arrow.Table.from_pylist(rows), path)
    found = measure(only="spans", data=path)["spans"]
    assert found["recall"]["found"]["share"] == 1
    assert found["types"]["EMAIL_ADDRESS"]["found"]["rows"] == 1
    assert found["precision"] == 1


@pytest.mark.slow
def test_every_section_runs() -> None:
    result = RUN.invoke(app, ["guardrails", "--cases", "1", "--no-peer"])
    assert result.exit_code == 0, result.output
    for title in ("Plain values", "Hidden values", "Latency"):
        assert title in result.output
