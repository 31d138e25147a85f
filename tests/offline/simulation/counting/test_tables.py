"""A study as rows, JSON, Parquet and an MLflow run: the same numbers everywhere, and none where none is known."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from router_ml.offline.simulation.counting.saving import record_run, write_parquet
from router_ml.offline.simulation.counting.tables import class_rows, series_rows, summary_rows, to_record
from router_ml.storage import registry
from tests.offline.simulation.made import a_study


def test_a_row_has_the_numbers_of_its_policy() -> None:
    study = a_study()
    champion, other = summary_rows(study)
    result = study.results[1]
    assert (champion["policy"], other["policy"]) == ("champion", "always dear")
    assert other["usd_per_1000"] == result.usd_per_1000 == 1000 * other["spend_usd"] / other["due"]
    assert other["quality_low"] < other["quality"] < other["quality_high"]
    assert other["less_champion_quality"] == study.differences[0].quality.value == pytest.approx(0.05, abs=0.02)
    assert champion["less_champion_quality"] != champion["less_champion_quality"]
    assert (champion["share_cheap"], other["share_cheap"], other["share_dear"]) == (1.0, 0.0, 1.0)
    assert champion["failed"] == champion["due"] - champion["served"] > 0
    assert (champion["floors_kept"], champion["floors_missed"]) == (1, 0)
    assert champion["extrapolated"] == 0.25


def test_classes_and_stretches_add_up_to_their_policy() -> None:
    study = a_study()
    for rows in (class_rows(study), series_rows(study)):
        for row in summary_rows(study):
            mine = [one for one in rows if one["policy"] == row["policy"]]
            for name in ("requests", "due", "served", "spend_usd"):
                assert sum(one[name] for one in mine) == pytest.approx(row[name])
    first = series_rows(study)[0]
    assert first["at"] == study.start
    assert first["served_by_cheap"] == first["served"]


def test_json_has_no_number_where_none_is_known() -> None:
    study = a_study()
    dark = dataclasses.replace(study.results[0].series, p95_ms=study.results[0].series.p95_ms * float("nan"))
    study = dataclasses.replace(study, results=(dataclasses.replace(study.results[0], series=dark), study.results[1]))
    record = json.loads(json.dumps(to_record(study), allow_nan=False))
    assert record["results"][0]["series"]["p95_ms"][0] is None
    assert record["results"][0]["success"] == study.results[0].success
    assert [one["success"] for one in record["results"][0]["classes"]] == [study.results[0].classes[0].success]
    assert record["start"] == "2026-03-02T00:00:00+00:00"
    assert record["troubles"][1]["end"] is None
    assert any("Believed" in line for line in record["caveats"])
    assert any("In sample" in line for line in record["caveats"])
    assert any("25% of what champion does" in line for line in record["caveats"])


def test_parquet_is_read_back_by_partition(tmp_path: Path) -> None:
    dataset = pytest.importorskip("pyarrow.dataset")
    study = a_study("champion", "always / dear")
    assert len(write_parquet(study, tmp_path)) == 6
    write_parquet(study, tmp_path)  # again: replaces, adds nothing
    rows = dataset.dataset(tmp_path / "summary", partitioning="hive").to_table().to_pylist()
    assert {row["policy"]: row["requests"] for row in rows} == {"champion": 2000, "always / dear": 2000}
    assert {row["scenario"] for row in rows} == {"made up"}
    series = dataset.dataset(tmp_path / "series", partitioning="hive").to_table().to_pylist()
    assert sum(row["served"] for row in series) == sum(result.served for result in study.results)
    classes = dataset.dataset(tmp_path / "classes", partitioning="hive").to_table().to_pylist()
    assert [row["budget_usd"] for row in classes] == [1.0, 1.0]
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["part.parquet"] * 6


def test_parquet_says_what_its_numbers_are(tmp_path: Path) -> None:
    """And that of an earlier run, which stays beside it, is told apart by its ``run``."""
    dataset, parquet = pytest.importorskip("pyarrow.dataset"), pytest.importorskip("pyarrow.parquet")
    study = a_study()
    earlier = dataclasses.replace(a_study("champion", "oracle"), seed=7, truth="measured", in_sample=False)
    write_parquet(earlier, tmp_path)
    more = dataclasses.replace(a_study("champion", "kNN"), versions={**study.versions, "challenger a": "b-1"})
    write_parquet(more, tmp_path)
    files = write_parquet(study, tmp_path)
    for table in ("summary", "classes", "series"):
        rows = dataset.dataset(tmp_path / table, partitioning="hive").to_table().to_pylist()
        said = {row["policy"]: (row["truth"], row["in_sample"], row["seed"], row["bundle"]) for row in rows}
        assert said.pop("oracle") == ("measured", False, 7, "made-000")
        assert said == dict.fromkeys(["champion", "always dear", "kNN"], ("believed", True, 0, "made-000"))
        runs = {row["policy"]: row["run"] for row in rows}
        assert runs["champion"] == runs["always dear"] == runs["kNN"] != runs["oracle"]
    for file in files:
        metadata = parquet.read_schema(file).metadata
        kept = json.loads(metadata[b"router_ml.study"])
        assert (kept["source"], kept["versions"], kept["seed"]) == ("hand", {"bundle": "made-000"}, 0)
        assert any("Believed" in line for line in kept["caveats"])


def test_a_run_holds_numbers_and_page(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def log_run(name, *, params, metrics, files, tracking_uri):
        seen.update(name=name, params=params, metrics=metrics, files={one.name: one.read_text() for one in files})
        return "run 1"

    monkeypatch.setattr(registry, "log_run", log_run)
    study = a_study()
    assert record_run(study, page="<p>page</p>") == "run 1"
    assert seen["params"]["scenario"] == "made up"
    assert seen["params"]["bundle"] == "made-000"
    assert seen["metrics"]["always dear/quality"] == study.results[1].quality.value
    assert "champion/less_champion_quality" not in seen["metrics"]
    assert seen["files"]["study.html"] == "<p>page</p>"
    assert json.loads(seen["files"]["study.json"])["seed"] == 0


@pytest.mark.slow
def test_any_challenger_and_policy_can_be_recorded(tmp_path: Path) -> None:
    """A store takes few characters in a name; what it would not take is replaced, and no two names become one."""
    mlflow = pytest.importorskip("mlflow")
    study = a_study("champion", "router@champion", "a/b", "a_b", "..")
    versions = {**study.versions, "challenger router@champion": "b-1", "challenger router_champion": "b-2"}
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    record_run(dataclasses.replace(study, versions=versions), tracking_uri=store)
    (found,) = mlflow.MlflowClient(store).search_runs(
        [one.experiment_id for one in mlflow.MlflowClient(store).search_experiments()]
    )
    assert {"b-1", "b-2"} <= set(found.data.params.values())
    recorded = [value for name, value in found.data.metrics.items() if name.endswith("/spend_usd")]
    assert sorted(recorded) == sorted(result.spend_usd for result in study.results)
