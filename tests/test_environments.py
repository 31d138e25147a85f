"""Environments for servers of others: built once, used again, and skipped only where no index answers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import environments
from tests.environments import environment


@pytest.mark.slow
def test_an_environment_is_built_once_and_again_when_it_changes(tmp_path: Path) -> None:
    python = environment("empty", [], folder=tmp_path)
    said = subprocess.check_output([str(python), "-c", "import sys; print(sys.prefix)"], text=True)
    assert said.strip() == str(tmp_path / "empty")
    mark = tmp_path / "empty" / "mark"
    mark.touch()
    assert environment("empty", [], folder=tmp_path) == python
    assert mark.exists(), "it was built a second time"
    environment("empty", ["# another line"], folder=tmp_path)
    assert not mark.exists()


def test_an_index_that_cannot_be_reached_is_a_reason_to_skip() -> None:
    code = "import sys; print('NewConnectionError(...)', file=sys.stderr); sys.exit(1)"
    with pytest.raises(pytest.skip.Exception, match="reached no index"):
        environments._run(["python3", "-c", code], 60)


def test_requirements_that_do_not_resolve_are_an_error() -> None:
    """A skip would hide that a pin has gone."""
    with pytest.raises(RuntimeError, match="No matching distribution"):
        environments._run(["python3", "-c", "import sys; sys.exit('No matching distribution found')"], 60)
