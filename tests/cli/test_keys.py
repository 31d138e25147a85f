"""Keys are made, listed and revoked from the command line, before any gateway runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from router_ml.serve.access.keys import digest_of
from router_ml.storage.eventlog import EventLog
from router_ml.storage.service.access import AccessTable

Run = Callable[..., tuple[int, str, str]]
BY = ("--who", "ops", "--why", "setting up")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "new" / "log.db"


def test_the_first_key_is_made_before_there_is_a_log(run: Run, log: Path) -> None:
    code, shown, _ = run("keys", "create", "shop [1]", "--scope", "route", "--org", "acme", *BY, "--log", log)
    assert code == 0
    token = shown.splitlines()[0]
    with EventLog(log) as events:
        (kept,) = AccessTable(events).keys().values()
    assert (kept.digest, kept.org, kept.scopes) == (digest_of(token), "acme", {"route"})
    code, shown, _ = run("keys", "list", "--log", log)
    assert code == 0
    assert token not in shown
    for said in (kept.key_id, "shop [1]", "acme", "in force"):
        assert said in shown


def test_a_revoked_key_stays_in_the_list(run: Run, log: Path) -> None:
    made = json.loads(run("keys", "create", "x", "--scope", "admin", "--days", "7", *BY, "--log", log, "--json")[1])
    assert run("keys", "revoke", made["key_id"], *BY, "--log", log) == (0, f"{made['key_id']}: revoked.\n", "")
    (found,) = json.loads(run("keys", "list", "--log", log, "--json")[1])
    assert found["revoked_at"] is not None
    assert "key" not in found
    shown = run("audit", "--log", log)[1]
    assert f"key_created ({made['key_id']}, x)" in shown
    assert f"key_revoked ({made['key_id']})" in shown


def test_what_cannot_be_done_is_said_in_a_line(run: Run, log: Path) -> None:
    made = ("keys", "create", "x", *BY, "--log", log)
    assert run("keys", "list", "--log", log)[0] == 2
    code, _, said = run(*made, "--scope", "root")
    assert code == 2
    assert "'route', 'execute', 'outcomes' or 'admin'" in said
    assert run(*made, "--scope", "route", "--days", "1e99")[::2] == (
        2,
        "router-ml: A key cannot expire in 1e+99 days. Give fewer.\n",
    )
    assert run(*made, "--scope", "route", "--days", "-1")[0] == 2
    assert not log.exists() or json.loads(run("keys", "list", "--log", log, "--json")[1]) == []
    assert run(*made, "--scope", "route")[0] == 0
    code, _, said = run("keys", "revoke", "nobody", *BY, "--log", log)
    assert (code, said) == (2, "router-ml: There is no key with this id. router-ml keys list shows all.\n")
