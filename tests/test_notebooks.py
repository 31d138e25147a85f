"""Every notebook runs from top to bottom in a clone, leaves nothing behind, and is committed without results."""

from __future__ import annotations

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="notebooks need the 'dev' extra")
NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def names(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", NOTEBOOKS, ids=names)
def test_a_notebook_is_committed_without_results(path: Path) -> None:
    """Results of one machine would be read as promises, and every run would be a change."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=names)
def test_a_notebook_runs(path: Path, root: Path) -> None:
    """A cell that fails fails the test, with what it said."""
    nbclient = pytest.importorskip("nbclient", reason="notebooks need the 'dev' extra")
    for needed in ("ipykernel", "matplotlib", "mlflow"):
        pytest.importorskip(needed, reason="notebooks need the 'dev' and 'train' extras")
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3")
    client.execute(cwd=str(root))
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
