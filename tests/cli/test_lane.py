"""``router-ml lane``: off, listed and on again, from a shell, with a trace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from router_ml import Router
from router_ml.cli import main
from router_ml.storage.eventlog import EventLog
from tests.state.sharing.conftest import CONFIG

WHO = ["--who", "on-call", "--why", "the vendor leaks"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["lane", *arguments])
    said = capsys.readouterr()
    assert isinstance(stop.value.code, int)
    return stop.value.code, said.out, said.err


def test_off_listed_and_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, config = tmp_path / "log.db", tmp_path / "router.yaml"
    config.write_text(yaml.safe_dump(CONFIG.model_dump(mode="json", by_alias=True, exclude_defaults=True)))
    with EventLog(log) as opened:
        router = Router(CONFIG, log=opened)
        where = ["--log", str(log)]
        code, _, err = run(capsys, "off", "acmee", *WHO, *where, "--config", str(config))
        assert (code, "Known: acme, acme-1, best" in err) == (2, True)
        code, out, _ = run(capsys, "off", "acme", *WHO, *where, "--config", str(config), "--minutes", "5", "--json")
        switch = json.loads(out)
        assert (code, switch["places"]) == (0, ["acme"])
        code, out, _ = run(capsys, "list", *where)
        assert (code, f"{switch['id']}: acme off until" in out) == (0, True)
        router.memory.listener.refresh()
        assert router.predict_route("hello there", seed=1).lane == "other"
        assert run(capsys, "on", "acme", *WHO, *where)[0] == 0
        router.memory.listener.refresh()
        assert router.predict_route("hello there", seed=1).lane == "best"
        assert json.loads(run(capsys, "list", *where, "--json")[1]) == []
        out = run(capsys, "off", "acme", *WHO, *where, "--config", str(config))[1]
        assert f"--who WHO --why WHY --log {log}" in out  # what is shown to be copied means this log
