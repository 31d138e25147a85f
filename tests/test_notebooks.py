"""Every notebook runs where Jupyter opens it, says nothing beside its results, and is committed without them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.notebooks import NOTEBOOKS, Run, run, small

nbformat = pytest.importorskip("nbformat", reason="notebooks need the 'dev' extra")


def names(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", NOTEBOOKS, ids=names)
def test_a_notebook_is_committed_without_results(path: Path) -> None:
    """Results of one machine would be read as promises, and every run would be a change. What a reader wants to see
    before running it, how long it takes and one picture, is in the first cell and in the README of the folder."""
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert "minute" in cells[0].source
    assert f"pictures/{path.stem}.png" in (path.parent / "README.md").read_text(encoding="utf-8")


def test_what_is_said_beside_the_results_is_noticed() -> None:
    """A bar of progress, a warning on standard error, or one that a library shows as a result."""
    new = nbformat.v4
    said = [new.new_output("stream", name=name, text=text) for name, text in (("stderr", "50%"), ("stdout", "fine"))]
    said.append(new.new_output("display_data", data={"text/plain": "UserWarning: install something"}))
    done = Run(new.new_notebook(cells=[new.new_code_cell("1", outputs=said)]), 1.0, 1.0)
    assert len(done.noise()) == 2


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=names)
def test_a_notebook_runs(path: Path) -> None:
    """A cell that fails fails the test, with what it said; so do warnings and bars of progress among the results."""
    for needed in ("nbclient", "ipykernel", "matplotlib", "mlflow"):
        pytest.importorskip(needed, reason="notebooks need the 'dev' and 'train' extras")
    done = run(path)
    assert all(cell.execution_count for cell in done.notebook.cells if cell.cell_type == "code")
    assert done.noise() == []
    assert len(small(done.cover())) < 60_000
