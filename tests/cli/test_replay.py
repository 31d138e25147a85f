"""``router-ml replay``: exit 0 where all came out the same, 3 where something did not, and the cause in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from router_ml import Router, RouteRequest
from router_ml.storage.database.entries import of_decision
from router_ml.storage.eventlog import EventLog

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def log(yaml: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two decisions whose text was kept, and one without."""
    path = tmp_path_factory.mktemp("replay") / "log.sqlite"
    router = Router.load(yaml)
    with EventLog(path) as events:
        for number, text in enumerate(("what is a bond", "and a share?", "hello")):
            request = RouteRequest(text=text)
            decision = router.predict_route(request, decision_id=f"dec_{number}")
            events.write([of_decision(decision, text=request.model_dump_json() if number < 2 else None)])
    return path


def test_what_comes_out_the_same_is_exit_0(run: Run, log: Path, yaml: Path) -> None:
    code, shown, _ = run("replay", "--log", log, "--bundle", yaml)
    assert code == 0
    assert "3 of 3 decisions came out the same, bit for bit (2 from text" in shown
    code, shown, _ = run("replay", "--log", log, "--bundle", yaml, "--id", "dec_1", "--json")
    assert (code, json.loads(shown)["replayed"]) == (0, 1)
    assert json.loads(run("replay", "--log", log, "--bundle", yaml, "--limit", 2, "--json")[1])["replayed"] == 2
    assert (
        json.loads(run("replay", "--log", log, "--bundle", yaml, "--since", "2100-01-01", "--json")[1])["replayed"] == 0
    )


def test_other_prices_are_exit_3_and_the_former_file_explains_them(
    run: Run, log: Path, yaml: Path, tmp_path: Path, small: str
) -> None:
    dearer = tmp_path / "router.yaml"
    dearer.write_text(small.replace("output_per_mtok: 8.0", "output_per_mtok: 9.0"))
    code, shown, _ = run("replay", "--log", log, "--bundle", dearer)
    assert code == 3
    assert "prices: 2 came out otherwise" in shown
    assert "--config" in shown
    record = json.loads(run("replay", "--log", log, "--bundle", dearer, "--json")[1])
    assert record["because"] == {"prices": 2}
    assert run("replay", "--log", log, "--bundle", dearer, "--config", yaml)[0] == 0


def test_what_cannot_be_done_is_exit_2(run: Run, log: Path, yaml: Path, tmp_path: Path) -> None:
    for options in (("--id", "dec_9"), ("--since", "yesterday"), ("--log", tmp_path / "none.sqlite")):
        code, _, errors = run("replay", "--log", log, "--bundle", yaml, *options)
        assert code == 2
        assert errors.startswith("router-ml: ")


def test_a_replay_leaves_the_log_as_it_was(run: Run, log: Path, yaml: Path) -> None:
    before = log.read_bytes()
    run("replay", "--log", log, "--bundle", yaml)
    assert log.read_bytes() == before
