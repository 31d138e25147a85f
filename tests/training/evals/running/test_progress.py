"""The bar is for people: a pipeline sees nothing of it."""

from __future__ import annotations

import sys

import pytest

from training.evals.running.progress import shown


def test_a_pipeline_sees_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written where standard error is no terminal."""
    with shown() as watch:
        watch(10, 0).made(None, spent_usd=1.0)
    assert capsys.readouterr() == ("", "")


def test_a_person_sees_money_and_failures(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error, so that standard output can be piped."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    with shown() as watch:
        watch(10, 4).made(None, spent_usd=1.25)
    said = capsys.readouterr()
    assert said.out == ""
    assert "5/10" in said.err
    assert "1.2500 spent, 0 failed, 1 left out" in said.err
