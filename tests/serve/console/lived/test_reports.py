"""Reports are shown in a frame that may do nothing, and nothing beside them can be read."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from router_ml import Executor, Router
from router_ml.serve.app import create_app
from router_ml.serve.console.service import reports
from router_ml.serve.console.service.reports import report_file
from router_ml.serve.gateway import Gateway
from router_ml.serve.settings import Settings
from router_ml.storage.bundle import Bundle
from tests.serve.console.lived.conftest import Browser, Lived

Keyed = Callable[[str], Browser]


def test_a_report_is_listed_and_framed_without_any_right(as_key: Keyed, lived: Lived) -> None:
    (lived.reports / "a&b.html").write_text("<title>A &lt;b&gt; report</title><script>alert(1)</script>")
    browser = as_key("all")
    said = browser.page("/console/reports", show="a&b.html")
    assert "A &lt;b&gt; report" in said
    assert 'sandbox src="/console/reports/file/a%26b.html"' in said
    framed = browser.client.get("/console/reports/file/a%26b.html")
    policy = framed.headers["content-security-policy"]
    assert framed.status_code == 200
    assert policy.endswith("sandbox")
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy


OUTSIDE = ("../log.sqlite", "..%2Flog.sqlite", "%2e%2e/secret.html", "link.html", "in/secret.html", "x%00.html", ".")


def test_nothing_outside_the_folder_is_served(as_key: Keyed, lived: Lived) -> None:
    secret = lived.reports.parent / "secret.html"
    secret.write_text("<title>secret</title>")
    (lived.reports / "link.html").symlink_to(secret)
    (lived.reports / "in").symlink_to(lived.reports.parent)
    browser = as_key("all")
    for name in OUTSIDE:
        answer = browser.client.get(f"/console/reports/file/{name}")
        assert answer.status_code == 404, name
        assert "<title>secret" not in answer.text
    assert "secret" not in browser.page("/console/reports").partition("<tbody")[2]


@given(st.text(max_size=300))
def test_no_name_breaks_it(name: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, pytest.raises(HTTPException):
        report_file(Path(folder), f"{name}.html")


def test_a_simulation_is_only_played_where_something_was_learned(as_key: Keyed, lived: Lived) -> None:
    browser = as_key("all")
    browser.send("/console/reports/simulate", {"scenario": "../x"}, page="/console/reports", status=400)
    browser.send("/console/reports/simulate", {"scenario": "quiet_week"}, page="/console/reports")
    until = time.monotonic() + 20
    while (job := lived.gateway.background.last("simulation")) is None or job.ended is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert "has learned nothing" in browser.page("/console/reports")


@pytest.mark.slow
def test_a_simulation_is_played_by_a_process_of_its_own(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "REQUESTS", 200)
    with Router(bundle.config, bundle=bundle) as router, Executor(router) as executor:
        gateway = Gateway(Settings(reports=tmp_path), executor)
        with TestClient(
            create_app(gateway=gateway), base_url="http://127.0.0.1:8080", client=("127.0.0.1", 1)
        ) as client:
            browser = Browser(client)
            browser.send("/console/reports/simulate", {"scenario": "quiet_week"}, page="/console/reports")
            until = time.monotonic() + 600
            while (job := gateway.background.last("simulation")) is None or job.ended is None:
                assert time.monotonic() < until
                time.sleep(0.05)
            assert job.error is None
            assert job.result in browser.page("/console/reports")
    written = (tmp_path / job.result).read_text(encoding="utf-8")
    assert "router-ml simulate --scenario quiet_week --count 200 --policies premium,oracle" in written
