"""``router-ml log import``: a look, a mapping and a log by exit codes that a script can follow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from router_ml.storage.eventlog import EventLog

Run = Callable[..., tuple[int, str, str]]
SAID = ("--who", "analyst", "--why", "first data")


@pytest.fixture
def few(root: Path, tmp_path: Path) -> tuple[str, ...]:
    """The first rows of the example beside its mapping, and the options that name both."""
    lines = (root / "examples/import/outcomes.csv").read_text(encoding="utf-8").splitlines()
    path = tmp_path / "few.csv"
    path.write_text("\n".join([*lines[:5], *lines[-5:]]) + "\n", encoding="utf-8")
    mapping, config = (str(root / "examples" / "import" / name) for name in ("mapping.yaml", "router.yaml"))
    return (str(path), "--mapping", mapping, "--config", config)


def test_a_dry_run_writes_nothing_and_names_the_next_commands(few: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    code, shown, _ = run("log", "import", *few, "--dry-run", "--log", log)
    assert code == 0
    assert "9 rows: 9 usable" in shown
    assert f"router-ml log import {few[0]} --mapping {few[2]} --config {few[4]} --log {log} --who NAME" in shown
    assert "python -m training.retrain" in shown
    assert not log.exists()
    code, shown, _ = run("log", "import", *few, "--dry-run", "--json", "--read", "2")
    told = json.loads(shown)
    assert (told["rows"], told["drawn"], told["read"], len(told["next"])) == (9, 5, 2, 4)


def test_the_next_commands_use_the_bundle_that_was_named(few: tuple[str, ...], run: Run, root: Path) -> None:
    """Rows that another bundle had read would be of other words than those the challenger knows."""
    base = root / "models" / "default"
    _, shown, _ = run("log", "import", *few, "--dry-run", "--read", "0", "--model", base)
    assert f"--model {base} --config {few[4]} --log router.db" in shown
    assert f"training.retrain --log router.db --base {base} --config" in shown


def test_an_import_is_verified_and_explained_as_any_log(few: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    code, shown, _ = run("log", "import", *few, "--log", log, *SAID)
    assert (code, shown.splitlines()[0]) == (0, "9 decisions and 9 outcomes were written; 0 decisions were there.")
    assert run("log", "verify", "--log", log)[0] == 0
    with EventLog(log) as events:
        name = next(events.decisions()).decision_id
    code, shown, _ = run("explain", name, "--log", log)
    assert code == 0
    assert "Imported from wheelhouse-2026" in " ".join(shown.split())


def test_who_and_why_are_asked_for(few: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    code, _, told = run("log", "import", *few, "--log", tmp_path / "log.db")
    assert code == 2
    assert "say who with --who" in told


def test_rows_that_were_left_out_are_exit_1(few: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    """A script that imports every night must hear of it."""
    path = Path(few[0])
    path.write_text(path.read_text(encoding="utf-8") + 'WH-1;yesterday;"hello there";gpt-4.1;;up;0;1;s;web\n')
    code, shown, _ = run("log", "import", *few, "--dry-run", "--read", "0")
    assert code == 1
    expected = "asked_at: expected a time of format %d.%m.%Y %H:%M:%S, found another text (line 11)"
    assert expected in " ".join(shown.split())
    assert "yesterday" not in shown


def test_without_a_mapping_one_is_guessed_and_nothing_is_imported(few: tuple[str, ...], run: Run) -> None:
    code, shown, _ = run("log", "import", few[0], "--config", few[4])
    assert code == 1
    place = Path(few[0] + ".mapping.yaml")
    assert place.read_text(encoding="utf-8").startswith("# Guessed from the first 9 rows")
    assert f"--mapping {place} --config {few[4]} --dry-run" in shown
    assert run("log", "import", few[0], "--config", few[4], "--dry-run")[0] == 0
    code, _, told = run("log", "import", few[0], "--config", few[4], "--guess")
    assert code == 2
    assert "is not written over" in told
