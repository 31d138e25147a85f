"""What the gate says of a challenger is asked for on a page, and shown there."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from router_ml import Executor
from router_ml.rollout import Rollout
from router_ml.serve.app import create_app
from router_ml.serve.gateway import Gateway
from router_ml.serve.settings import Settings
from tests.rollout.conftest import numbered_bundle
from tests.serve.console.lived.conftest import Browser


@pytest.mark.slow
def test_the_gate_is_asked_beside_the_requests_and_its_verdict_is_shown(models: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="needs the extra 'registry'")
    from router_ml.storage.registry import log_bundle, set_alias

    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    for number in (1, 2):
        numbered_bundle(models, tmp_path / f"bundle-{number}", number)
        log_bundle(tmp_path / f"bundle-{number}", tracking_uri=store)
    set_alias("router", "champion", 1, tracking_uri=store)
    log = str(tmp_path / "log.sqlite")
    settings = Settings(model="models:/router", log=log, tracking_uri=store, reports=tmp_path / "reports")
    rollout = Rollout.open("models:/router", log=log, tracking_uri=store, poll_seconds=0)
    with rollout, Executor(rollout) as executor:
        gateway = Gateway(settings, executor)
        rollout.predict_route("What is an ETF?")
        rollout.flush()
        app = create_app(gateway=gateway)
        with TestClient(app, base_url="http://127.0.0.1:8080", client=("127.0.0.1", 50_000)) as client:
            browser, page = Browser(client), "/console/releases"
            shown = browser.page(page)
            assert "champion" in shown
            assert "router-ml promote --version 2" in shown
            browser.send(f"{page}/judge", {"version": "2"}, page=page)
            until = time.monotonic() + 600  # its process comes after all else that the machine does
            while "data-refresh" in (shown := browser.page(page)):
                assert time.monotonic() < until
                time.sleep(0.1)
            assert "Hold" in shown
            assert "guardrails" in shown
            assert "gate-router-2" in browser.page("/console/reports")
