"""Runs over partitions: what is read is checked, what is written is whole, and what is finished is kept."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router_ml.errors import OfflineDataError
from router_ml.offline.engine.columns import add, lists, matrix
from router_ml.offline.engine.files import Folder
from router_ml.offline.engine.run import Report, run
from router_ml.offline.engine.schemas import lanes_of, need, with_lanes


@dataclass(frozen=True)
class Twice:
    """``value`` twice; fails at one value, where that is given."""

    fails_at: float | None = None
    name: str = field(default="twice", init=False)

    def said(self) -> dict[str, Any]:
        return {}

    def columns(self, schema: Any) -> None:
        need(schema, {"value": "number"}, what="twice")

    def open(self, schema: Any) -> Twice:
        return self

    def batch(self, batch: Any) -> Any:
        import pyarrow as arrow

        values = batch.column("value").to_numpy(zero_copy_only=False)
        if self.fails_at in values:
            raise OfflineDataError("This value is not allowed.")
        return add(batch, value=arrow.array(2 * values))

    def finish(self) -> None:
        return


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three partitions of ten rows by day, 0 to 29."""
    for number in range(3):
        write(tmp_path / "in" / f"day={number + 1}" / "a.parquet", value=np.arange(10.0) + 10 * number)
    return tmp_path / "in"


def write(path: Path, **columns: Any) -> None:
    import pyarrow as arrow
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(arrow.table(columns), path)


def read(folder: Path) -> Any:
    from pyarrow import parquet

    return parquet.read_table(folder)


def twice(source: Path, out: Path, task: Twice = Twice(), **how: Any) -> Report:
    return run(task, str(source), str(out), **how)


def test_results_are_partitioned_as_the_input_is(source: Path, tmp_path: Path) -> None:
    report = twice(source, tmp_path / "out", rows=3)
    assert (report.partitions, report.kept, report.rows) == (3, 0, 30)
    table = read(tmp_path / "out").to_pydict()
    assert table["value"] == [2.0 * value for value in range(30)]
    assert [str(day) for day in table["day"]] == ["1"] * 10 + ["2"] * 10 + ["3"] * 10
    assert sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file()) == ["a.parquet"] * 3


def test_an_interrupted_run_goes_on(source: Path, tmp_path: Path) -> None:
    with pytest.raises(OfflineDataError, match=r"day=2/a\.parquet, rows from 3 on: This value is not allowed"):
        twice(source, tmp_path / "out", Twice(fails_at=14.0), rows=3)
    assert [path.parent.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["day=1"]
    seen: list[int] = []
    report = twice(source, tmp_path / "out", progress=seen.append)
    assert (report.kept, report.rows, seen) == (1, 20, [10, 10])
    assert twice(source, tmp_path / "out").kept == 3


def test_a_partition_that_changed_is_made_again(source: Path, tmp_path: Path) -> None:
    twice(source, tmp_path / "out")
    write(source / "day=2" / "a.parquet", value=np.zeros(4))
    assert twice(source, tmp_path / "out").rows == 4
    assert read(tmp_path / "out").num_rows == 24


def test_half_a_result_does_not_count(source: Path, tmp_path: Path) -> None:
    """A machine that lost its power may leave a name with nothing behind it."""
    twice(source, tmp_path / "out")
    (tmp_path / "out" / "day=3" / "a.parquet").write_bytes(b"PAR1")
    assert twice(source, tmp_path / "out").rows == 10


def test_results_of_another_run_are_not_mixed_in(source: Path, tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Thrice(Twice):
        def said(self) -> dict[str, Any]:
            return {"times": 3}

    twice(source, tmp_path / "out")
    with pytest.raises(OfflineDataError, match=r"another run \(times was None, is 3\)"):
        twice(source, tmp_path / "out", Thrice())


def test_the_input_is_not_written_over(source: Path) -> None:
    with pytest.raises(OfflineDataError, match="read and written at once"):
        twice(source, source)


@pytest.mark.parametrize(
    ("columns", "said"),
    [({"amount": [1.0]}, "value are not among those found: amount"), ({"value": ["a"]}, "value as number, found str")],
)
def test_columns_that_do_not_fit_are_named(columns: dict[str, Any], said: str, tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.parquet", **columns)
    with pytest.raises(OfflineDataError, match=said):
        twice(tmp_path / "in", tmp_path / "out")


def test_files_of_two_kinds_are_refused(source: Path, tmp_path: Path) -> None:
    write(source / "day=3" / "b.parquet", value=np.arange(3))
    with pytest.raises(OfflineDataError, match=r"day=3/b.parquet has other columns .*value \(int64\)"):
        twice(source, tmp_path / "out")


def test_what_is_no_parquet_file_is_named(source: Path, tmp_path: Path) -> None:
    (source / "b.parquet").write_bytes(b"nothing")
    with pytest.raises(OfflineDataError, match=r"b\.parquet in .* is no Parquet file"):
        twice(source, tmp_path / "out")
    (source / "b.parquet").rename(source / "_b.parquet")
    assert twice(source, tmp_path / "out").partitions == 3


@pytest.mark.parametrize("url", ["nothing", "zzz://bucket/folder"])
def test_a_folder_that_is_not_there(url: str, tmp_path: Path) -> None:
    with pytest.raises(OfflineDataError, match=r"holds no \.parquet|cannot be opened"):
        run(Twice(), url if "://" in url else str(tmp_path / url), str(tmp_path / "out"))


def test_a_url_is_read_as_a_path_is(source: Path, tmp_path: Path) -> None:
    run(Twice(), source.as_uri(), (tmp_path / "out").as_uri())
    assert read(tmp_path / "out").num_rows == 30


def test_an_address_is_that_of_a_ray_cluster(source: Path, tmp_path: Path) -> None:
    with pytest.raises(OfflineDataError, match="--engine ray"):
        twice(source, tmp_path / "out", address="127.0.0.1:6379")


def test_lists_come_back_as_they_were() -> None:
    import pyarrow as arrow

    values = np.arange(12.0).reshape(4, 3)
    batch = with_lanes(arrow.RecordBatch.from_pydict({"x": lists(values)}), ["a", "b", "c"])
    assert matrix(batch, "x").tolist() == values.tolist()
    assert matrix(batch.slice(1, 2), "x").tolist() == values[1:3].tolist()
    assert lanes_of(batch.schema) == ("a", "b", "c")
    ragged = arrow.RecordBatch.from_pydict({"x": [[1.0, 2.0], [3.0, 4.0]]})
    assert matrix(ragged, "x").tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("values", "said"),
    [([[1.0], [2.0, 3.0, 4.0]], "another length"), ([[1.0, 2.0], None], "missing in 1 rows")],
)
def test_lists_of_other_lengths_are_refused(values: list[Any], said: str) -> None:
    import pyarrow as arrow

    with pytest.raises(OfflineDataError, match=said):
        matrix(arrow.RecordBatch.from_pydict({"x": values}), "x")


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    import pyarrow as arrow

    def batches() -> Iterator[Any]:
        yield arrow.RecordBatch.from_pydict({"x": [1.0]})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Folder(str(tmp_path)).write("a.parquet", batches(), {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("source", "out"), [("in", "in/out"), ("in/a", "in"), ("in", "./x/../in"), ("in", "link")])
def test_a_folder_for_results_is_apart_from_the_input(
    source: str, out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in" / "a" / "a.parquet", value=np.arange(3.0))
    (tmp_path / "link").symlink_to(tmp_path / "in")
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OfflineDataError, match="read and written at once"):
        run(Twice(), str(tmp_path / source), out)
    assert read(tmp_path / "in").num_rows == 3


def test_a_stage_that_broke_is_not_used_again(source: Path, tmp_path: Path) -> None:
    from router_ml.offline.engine.run import Job, Worker

    @dataclass(frozen=True)
    class Breaks(Twice):
        def open(self, schema: Any) -> Any:
            return Adds()

    class Adds:
        rows = 0

        def batch(self, batch: Any) -> None:
            self.rows += batch.num_rows
            if batch.column("value")[0].as_py() == 5:
                raise KeyError("broken")

        def finish(self) -> Any:
            import pyarrow as arrow

            return arrow.RecordBatch.from_pydict({"rows": [self.rows]})

    parts, schema = Folder(str(source)).partitions()
    worker = Worker(Job(Breaks(), str(source), str(tmp_path / "out"), 5, None, schema))
    with pytest.raises(KeyError):
        worker(parts[0])
    worker(parts[1])
    assert read(tmp_path / "out")["rows"].to_pylist() == [10]


def test_results_of_no_partition_are_not_counted(source: Path, tmp_path: Path) -> None:
    twice(source, tmp_path / "out")
    (source / "day=3" / "a.parquet").rename(source / "day=3" / "b.parquet")
    with pytest.raises(OfflineDataError, match=r"1 files that are of no partition .*day=3/a\.parquet"):
        twice(source, tmp_path / "out")


def test_a_partition_that_became_empty_has_an_empty_result(source: Path, tmp_path: Path) -> None:
    twice(source, tmp_path / "out")
    write(source / "day=2" / "a.parquet", value=np.zeros(0))
    assert twice(source, tmp_path / "out").kept == 2
    assert read(tmp_path / "out").num_rows == 20
    assert twice(source, tmp_path / "out").kept == 3


def test_a_damaged_page_is_an_error_with_its_partition(source: Path, tmp_path: Path) -> None:
    path = source / "day=2" / "a.parquet"
    path.write_bytes(path.read_bytes()[:4] + bytes(60) + path.read_bytes()[64:])
    with pytest.raises(OfflineDataError, match=r"day=2/a\.parquet, rows from 0 on: it cannot be read"):
        twice(source, tmp_path / "out")


def test_what_a_killed_writer_left_is_removed(source: Path, tmp_path: Path) -> None:
    for name in (".a.parquet.0123abcd.part", "a.parquet.0123abcd.part"):
        (tmp_path / "out" / "day=1").mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / "day=1" / name).write_bytes(b"PAR1")
    twice(source, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["a.parquet"] * 3


def test_a_folder_that_was_not_written_to_its_end_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Folder(str(source)).unfinished():
        raise KeyboardInterrupt
    with pytest.raises(OfflineDataError, match="did not come to its end"):
        twice(source, tmp_path / "out")


def test_columns_that_folders_are_named_after(tmp_path: Path) -> None:
    from pyarrow import parquet

    for folder, columns in (("one", {"org": ["real", "real"]}), ("two", {})):
        write(tmp_path / folder / "org=a%2Fb" / "a.parquet", value=np.arange(2.0), **columns)
        twice(tmp_path / folder, tmp_path / f"{folder} out")
    seen = [
        parquet.read_table(tmp_path / f"{folder} out" / "org=a%2Fb" / "a.parquet", partitioning=None)
        for folder in ("one", "two")
    ]
    assert seen[0]["org"].to_pylist() == ["real", "real"]
    assert seen[1].column_names == ["value"]
    batch = next(Folder(str(tmp_path / "two")).batches("org=a%2Fb/a.parquet", rows=9))
    assert batch.column("org").to_pylist() == ["a/b", "a/b"]


def test_errors_show_no_secrets(tmp_path: Path) -> None:
    with pytest.raises(OfflineDataError) as raised:
        Folder("zzz://key:secret@bucket/folder?token=secret")
    assert "zzz://bucket/folder " in str(raised.value)
    assert "secret" not in str(raised.value)


def test_errors_of_workers_come_back_as_they_were() -> None:
    from router_ml.errors import EncoderMismatchError, MissingExtraError
    from router_ml.offline.engine.processes import attempt, problem_of

    def fails(partition: Any) -> int:
        raise EncoderMismatchError("other")

    _, kind, text = attempt(fails, None)  # type: ignore[arg-type]
    assert (type(problem_of(kind, text)), text) == (EncoderMismatchError, "other")
    assert type(problem_of(MissingExtraError.__name__, "no ray")) is OfflineDataError


@pytest.mark.slow
def test_processes_make_what_one_makes(source: Path, tmp_path: Path) -> None:
    from router_ml.offline import engine
    from tests.offline.engine.logs import feedback_of, write_log

    log = write_log(tmp_path / "log", *feedback_of(900), [200, 500])
    one = engine.ope(log, tmp_path / "one")
    two = engine.ope(log, tmp_path / "two", workers=2)
    assert one.estimates == two.estimates


@dataclass(frozen=True)
class Dies(Twice):
    """Its worker ends as if it had been killed."""

    def batch(self, batch: Any) -> Any:
        os._exit(9)


@dataclass(frozen=True)
class Waits(Twice):
    """Its workers are busy for a minute."""

    def batch(self, batch: Any) -> Any:
        time.sleep(60)


@pytest.mark.slow
def test_a_worker_that_was_killed_is_an_error_of_ours(source: Path, tmp_path: Path) -> None:
    with pytest.raises(OfflineDataError, match=r"ended without a word at one of day=1/a\.parquet"):
        twice(source, tmp_path / "out", Dies(), workers=2)


@pytest.mark.slow
def test_workers_end_with_what_started_them(source: Path, tmp_path: Path) -> None:
    code = (
        "from tests.offline.engine.test_engine import *\n"
        f"twice({str(source)!r}, {str(tmp_path / 'out')!r}, Waits(), workers=2)"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as driver:
        while len(workers := processes_of(driver.pid)) < 2 and driver.poll() is None:
            time.sleep(0.1)
        driver.kill()
    until = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < until:
        time.sleep(0.1)
    assert len(workers) == 2
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def processes_of(pid: int) -> list[int]:
    """Workers that a process has spawned, and that have come to watching it."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((each / "stat").read_text().rpartition(")")[2].split()[1])
            if (
                parent == pid
                and b"spawn_main" in (each / "cmdline").read_bytes()
                and len(list((each / "task").iterdir())) > 1
            ):
                found.append(int(each.name))
    return found
