"""router-ml simulate: a table that says what it is not, JSON, files where they were asked for, and clear refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from router_ml.cli.show.simulation import study_page
from router_ml.cli.simulate import _line
from router_ml.errors import RegistryError
from router_ml.offline.simulation.counting import saving
from router_ml.offline.simulation.counting.results import Study
from tests.offline.simulation.made import a_study

Run = Callable[..., tuple[int, str, str]]
SCENARIO = """\
description: The vendor that is used most is dark for two hours.
traffic:
  requests: 300
  days: 0.5
  daily: flat
  mix: {channel: {web: 1}, org: {none: 1}, region: {none: 1}}
events:
  - {kind: outage, where: main, at_hour: 4, hours: 2}
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulate")
    (folder / "dark.yaml").write_text(SCENARIO)
    texts = ["What is a lien?", "Summarise: the meeting was long.", "Translate into German: good morning"]
    (folder / "own.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return folder


def test_json_and_files(run: Run, files: Path, models: Path) -> None:
    arguments = ["--scenario", files / "dark.yaml", "--requests", files / "own.jsonl", "--model", models]
    wanted = ["--policies", "premium", "--html", files / "page.html", "--picture", files / "dark.svg"]
    wanted += ["--parquet", files / "tables", "--json"]
    code, out, err = run("simulate", *arguments, *wanted)
    assert (code, err) == (0, "")
    (study,) = json.loads(out)["studies"]
    assert study["scenario"] == "dark"
    assert [result["policy"] for result in study["results"]] == ["champion", "always the best"]
    assert [result["violations"] for result in study["results"]] == [0, 0]
    assert study["results"][0]["requests"] == 300
    assert study["written"] == [str(files / name) for name in ("page.html", "dark.svg", "tables")]
    page = (files / "page.html").read_text()
    assert "<html" in page
    assert f"--scenario {files / 'dark.yaml'} --model {models} --requests {files / 'own.jsonl'}" in page
    assert "<svg" in (files / "dark.svg").read_text()
    assert len(list((files / "tables").rglob("*.parquet"))) == 6


def test_the_library_is_listed(run: Run) -> None:
    code, out, _ = run("simulate", "--list", "--json")
    assert code == 0
    assert {"quiet_week", "vendor_outage_48h", "budget_squeeze"} <= set(json.loads(out))
    assert "vendor_outage_48h" in run("simulate", "--list")[1]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--scenario", "vendor_outage"], "Did you mean 'vendor_outage_48h'?"),
        (["--policies", "best,fixed"], "There are no policies best. Choose from challengers, fixed"),
        (["--requests", "a.jsonl", "--pack", "b"], "Found requests and pack as the source of requests"),
        (["--requests", "missing.jsonl"], "missing.jsonl"),
        (["--log", "missing.sqlite"], "There is no event log at missing.sqlite"),
        (["--html", "nowhere/page.html"], "There is no folder nowhere"),
        (["--picture", "nowhere/page.svg"], "There is no folder nowhere"),
        (["--model", "nowhere"], "nowhere"),
        (["--html", "."], "expected the name of a file"),
        (["--picture", "page.png"], "expected a name that ends in .svg"),
        (["--scenario", "quiet_week", "--scenario", "quiet_week"], "two scenarios called 'quiet_week'"),
        (["--scenario", "vendor_outage_48h", "--days", "1"], "after the end of the run"),
    ],
)
def test_what_cannot_be_done_is_one_line(run: Run, arguments: list[str], complaint: str) -> None:
    """And said before anything is played for minutes."""
    code, out, err = run("simulate", *arguments)
    assert (code, out) == (2, "")
    assert complaint in " ".join(err.split())
    assert err.count("\n") == 1


def shown(*names: str, width: int = 100, study: Study | None = None) -> str:
    console = Console(width=width, record=True, highlight=False, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(study_page(study or a_study(*names)))
    return console.export_text()


def test_the_page_fits_100_columns_and_says_what_the_numbers_are_not() -> None:
    text = shown()
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    said = " ".join(text.split())
    for part in (
        "2,000 requests over 1 days, 40 different ones from hand.",
        "Believed: quality",
        "In sample:",
        "Extrapolated: no logged decision supports 25% of what champion does.",
        "half an outage",
        "6 to 12",
        "20 to on",
        "every call",
        "People were asked about",
    ):
        assert part in said


def test_notes_of_all_policies_are_shown_and_none_twice() -> None:
    study = a_study("champion", "always dear", "kNN")
    told = {"champion": ("Of all.",), "always dear": ("Of all.", "Of both others."), "kNN": ("Of both others.", "Own.")}
    results = tuple(replace(result, notes=told[result.policy]) for result in study.results)
    said = shown(study=replace(study, results=results))
    assert "champion: Of all." in said
    assert "always dear, kNN: Of both others." in said
    assert "kNN: Own." in said
    assert said.count("Of all.") == 1


def test_a_share_is_never_rounded_up_to_all_of_it() -> None:
    said = shown()
    row = next(line for line in said.splitlines() if line.startswith("champion "))
    assert "97." in row
    assert "100%" not in row


def test_a_policy_may_be_named_like_markup() -> None:
    assert "[red]x[/red]" in shown("champion", "[red]x[/red]")


def test_a_run_in_mlflow_holds_the_page(run: Run, files: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    monkeypatch.setattr(saving, "record_run", lambda study, page: seen.update(study=study, page=page) or "abc")
    arguments = ["--scenario", files / "dark.yaml", "--requests", files / "own.jsonl", "--model", models]
    code, out, _ = run("simulate", *arguments, "--policies", "none", "--mlflow", "--count", "40")
    assert code == 0
    assert "MLflow run abc" in out
    assert seen["study"].results[0].requests == 40
    assert "<html" in seen["page"]


def test_what_cannot_be_kept_is_shown_all_the_same(
    run: Run, files: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that refuses comes last, so all files are there, and the numbers are printed."""

    def refused(study: Study, page: str) -> str:
        raise RegistryError("The store refused it.")

    monkeypatch.setattr(saving, "record_run", refused)
    arguments = ["--scenario", files / "dark.yaml", "--scenario", "quiet_week", "--requests", files / "own.jsonl"]
    arguments += [
        "--model",
        models,
        "--policies",
        "none",
        "--count",
        "40",
        "--mlflow",
        "--html",
        tmp_path / "page.html",
    ]
    code, out, err = run("simulate", *arguments, "--json")
    assert code != 0
    assert "The store refused it." in err
    pages = [tmp_path / "page-dark.html", tmp_path / "page-quiet_week.html"]
    assert [one["written"] for one in json.loads(out)["studies"]] == [[str(one)] for one in pages]
    assert all("<html" in one.read_text() for one in pages)
    assert "quiet_week" in run("simulate", *arguments)[1]


def test_a_password_in_the_url_of_a_log_is_not_written_down() -> None:
    assert _line({"scenario": "a b", "log": "postgresql://me:secret@host/db", "learn": True, "count": None}) == (
        "router-ml simulate --scenario 'a b' --log URL --learn"
    )
