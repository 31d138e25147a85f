"""Alerts and the guide speak of series that a gateway has; an alert on a name that is gone never fires."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from router_ml import Executor, Router
from router_ml.faults import FaultServer, faulty_config
from router_ml.serve.app import create_app
from router_ml.serve.gateway import Gateway
from router_ml.serve.settings import Settings
from router_ml.storage.bundle import Bundle
from router_ml.storage.opening import open_log

DOCS = Path(__file__).parents[3] / "docs"
NAME = re.compile(r"\b(?:router_ml|gen_ai|process)_[a-zA-Z_]+")
LABELS = ("router_ml_status",)  # of executions


@pytest.fixture(scope="module")
def names(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """All names of series, once each kind of work has been done."""
    folder = tmp_path_factory.mktemp("alerts")
    with FaultServer() as server:
        config = faulty_config(server, bundle.config)
        log, drain = open_log(str(folder / "log.sqlite"), spool=folder / "spool")
        with Executor(Router(config, bundle=bundle, log=log, drain=drain)) as executor:
            gateway = Gateway(Settings(), executor)
            asked = {"model": "auto", "messages": [{"role": "user", "content": "What is the capital of France?"}]}
            app = create_app(gateway=gateway)
            with TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
                assert client.post("/v1/chat/completions", json=asked).status_code == 200
                said = client.get("/metrics").text
            gateway.close()
    found = {sample.name for family in text_string_to_metric_families(said) for sample in family.samples}
    empty = {family.name for family in text_string_to_metric_families(said) if not family.samples}
    return found | empty | {f"{name}_total" for name in empty}


def test_every_series_of_an_alert_exists(names: set[str]) -> None:
    groups = yaml.safe_load((DOCS / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 10
    for rule in rules:
        asked = set(NAME.findall(rule["expr"])) - set(LABELS)
        assert asked, f"{rule['alert']} looks at nothing"
        assert asked <= names, f"{rule['alert']}: {sorted(asked - names)}"


def test_every_alert_has_its_place_in_the_runbook() -> None:
    groups = yaml.safe_load((DOCS / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    runbook = (DOCS / "production.md").read_text(encoding="utf-8").partition("## Runbook")[2]
    missing = [rule["alert"] for group in groups for rule in group["rules"] if rule["alert"] not in runbook]
    assert missing == []


def test_every_series_of_the_guide_exists(names: set[str]) -> None:
    text = (DOCS / "production.md").read_text(encoding="utf-8")
    rows = [line.partition("|")[2] for line in text.splitlines() if line.startswith("| `")]
    asked = {name for row in rows for name in NAME.findall(row.partition("|")[0]) if not name.endswith("_")}
    families = names | {re.sub(r"_(bucket|count|sum)$", "", name) for name in names}
    assert {name for name in asked if name not in families} <= {"router_ml_tool_calls_total"}, "only tools make those"
    assert len(asked) > 20


@pytest.mark.parametrize("page", ["deciding_fast.md", "replicas.md", "gateway.md", "gateway_openai.md", "console.md"])
def test_no_other_page_names_a_series_that_there_is_not(names: set[str], page: str) -> None:
    asked = set(re.findall(r"`(router_ml_[a-z]+_[a-z_]+)`", (DOCS / page).read_text(encoding="utf-8")))
    assert asked <= names, sorted(asked - names)
