"""Rules follow their file while requests go on; what is wrong changes nothing and is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from router_ml import Router
from router_ml.serve.process.reloading import WHO, Following
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog

NO_VENDOR = {
    "id": "no-premium",
    "version": "1",
    "owner": "tests",
    "rationale": "So that a decision shows it.",
    "when": {"channel": ["web"]},
    "then": {"lanes": {"deny": ["premium"]}},
}


@pytest.fixture
def file(tmp_path: Path, bundle: Bundle) -> Path:
    path = tmp_path / "router.yaml"
    path.write_text((bundle.folder / "router.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return path


@pytest.fixture
def router(tmp_path: Path, bundle: Bundle, file: Path) -> Router:
    return Router(bundle.config, bundle=bundle, log=EventLog(tmp_path / "log.sqlite"))


def change(file: Path, **sections: object) -> None:
    said = yaml.safe_load(file.read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump({**said, **sections}, sort_keys=False), encoding="utf-8")


def with_rule(file: Path, rule: dict[str, object]) -> None:
    said = yaml.safe_load(file.read_text(encoding="utf-8"))
    change(file, policies=[*said["policies"], rule])


def excluded(router: Router) -> tuple[str, ...]:
    return tuple(router.predict_route("What is the capital of France?", channel="web").excluded.get("premium", ()))


def test_a_new_rule_is_in_force_and_in_the_audit_log(file: Path, router: Router) -> None:
    following = Following.of(file)
    assert not following.look(router)
    with_rule(file, NO_VENDOR)
    assert following.look(router)
    assert any("no-premium" in reason for reason in excluded(router))
    assert router.log is not None
    (event,) = router.log.audit_events()
    assert (event.kind, event.who) == ("policies_replaced", WHO)
    assert event.detail["added"] == ["no-premium"]
    assert not following.look(router), "the same file is put in force once"


@pytest.mark.parametrize("text", ["policies: [", "policies:\n  - {id: x}\n", ""])
def test_a_file_that_is_wrong_changes_nothing_and_names_the_line(file: Path, router: Router, text: str) -> None:
    following, before = Following.of(file), router.rules
    good = file.read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    assert not following.look(router)
    assert router.rules is before
    assert following.refused is not None
    assert "router.yaml" in following.refused
    file.write_text(good, encoding="utf-8")
    assert not following.look(router)
    assert following.refused is None, "what was taken back is not wrong any more"


def test_a_change_of_lanes_waits_for_a_restart(file: Path, router: Router) -> None:
    following = Following.of(file)
    said = yaml.safe_load(file.read_text(encoding="utf-8"))
    said["lanes"]["premium"]["version"] = "2"
    change(file, lanes=said["lanes"])
    assert not following.look(router)
    assert following.refused is not None
    assert "restart" in following.refused


def test_without_a_log_rules_do_not_change(file: Path, bundle: Bundle) -> None:
    """What cannot be audited does not happen."""
    following, router = Following.of(file), Router(bundle.config, bundle=bundle)
    with_rule(file, NO_VENDOR)
    assert not following.look(router)
    assert following.refused is not None
    assert not excluded(router)


def test_a_file_that_is_away_for_a_moment_changes_nothing(file: Path, router: Router) -> None:
    """Editors and mounts replace a file in two steps."""
    following, before = Following.of(file), router.rules
    file.unlink()
    assert not following.look(router)
    assert (router.rules, following.refused) == (before, None)
