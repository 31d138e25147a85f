"""A run that was killed goes on where it was, and never with what other inputs left."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import router_ml
from training.retraining.stages import Stages, code_digest


def write(folder: Path) -> None:
    (folder / "result").write_text("done")


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    first = Stages(tmp_path).run("fit", {"log": "a"}, write)
    again = Stages(tmp_path)
    assert again.run("fit", {"log": "a"}, lambda folder: pytest.fail("ran again")) == first
    assert again.reused == ["fit"]
    assert (first / "result").read_text() == "done"


def test_other_inputs_are_another_step(tmp_path: Path) -> None:
    stages = Stages(tmp_path)
    assert stages.run("fit", {"log": "a"}, write) != stages.run("fit", {"log": "b"}, write)
    assert stages.reused == []


def test_other_code_is_another_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also code that certifies, wherever it lies, and another release of numpy."""
    package = tmp_path / "router_ml"
    shutil.copytree(Path(router_ml.__path__[0]), package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(router_ml, "__path__", [str(package)])
    found = [code_digest.__wrapped__()]
    for file in ("offline/certify.py", "storage/promises.py", "guardrails/worker/__init__.py"):
        (package / file).write_text((package / file).read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
        found.append(code_digest.__wrapped__())
    monkeypatch.setattr(np, "__version__", "another")
    found.append(code_digest.__wrapped__())
    assert len(set(found)) == len(found)


def test_a_step_that_was_killed_is_not_done(tmp_path: Path) -> None:
    def killed(folder: Path) -> None:
        (folder / "result").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Stages(tmp_path).run("fit", {"log": "a"}, killed)
    folder = Stages(tmp_path).run("fit", {"log": "a"}, write)
    assert (folder / "result").read_text() == "done"


def test_without_a_folder_nothing_stays() -> None:
    with Stages.in_folder(None) as stages:
        folder = stages.run("fit", {}, write)
        assert folder.is_dir()
    assert not folder.exists()
