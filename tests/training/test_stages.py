"""A run that was killed goes on where it was, and never with what other inputs left."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.stages import Stages


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
