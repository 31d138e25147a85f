"""A suite with a mistake is refused when it is read, or before anything is asked, and the mistake is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from router_ml.errors import OfflineDataError
from tests.training.evals.tiny import questions, suite_at
from training.evals.running.verdicts import require_known
from training.evals.suite import load_suite

TOOL = {"version": "1", "effect": "read", "parameters": {"type": "objekt"}}


def test_passages_of_one_id_are_not_mixed_up(tmp_path: Path) -> None:
    """The last one would silently stand in the place of the others."""
    suite = suite_at(tmp_path / "tiny", questions(1))
    (suite.folder / "more.jsonl").write_text('{"id": "p", "text": "one"}\n' * 2)
    path = suite.folder / "suite.yaml"
    path.write_text(f"{path.read_text()}passages: [more.jsonl]\n")
    with pytest.raises(OfflineDataError, match="two passages 'p'"):
        load_suite(suite.folder)


def test_half_a_character_is_refused_with_its_line(tmp_path: Path) -> None:
    """It could neither be sent nor be kept."""
    suite = suite_at(tmp_path / "tiny", questions(1))
    path = suite.folder / "cases.jsonl"
    path.write_text(path.read_text() + '{"id": "q", "intent": "qa", "domain": "general", "ask": "\\ud83d"}\n')
    with pytest.raises(OfflineDataError, match=r"line 2.*surrogates"):
        load_suite(suite.folder)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ({"tools": {"look": TOOL}}, "^Suite tiny: tools.look.parameters"),
        ({"checks": [{"check": "rubric", "criteria": "x", "judge": "nobody"}]}, "judged by nobody, which is no lane"),
    ],
)
def test_what_would_break_in_the_middle_is_an_error_at_the_beginning(
    tmp_path: Path, file: dict[str, Any], said: str
) -> None:
    """The schema of a tool that is none, a judge that is no lane."""
    suite = suite_at(tmp_path / "tiny", questions(1), **file)
    with pytest.raises(OfflineDataError, match=said):
        require_known([suite], {"openai-us"})
