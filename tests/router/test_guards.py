"""What a router is told to look for beside what it always looks for: packs, and detectors of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from router_ml import Router
from router_ml.errors import ConfigError
from router_ml.storage.loading import shipped_bundle

IMEI = "IMEI 86462568" + "3823511"
CARD = "My loyalty card is LC-7731-QX, how many points do I have?"
DETECTOR = """
TYPE = "loyalty_card"
RISK = "pii"
TRIGGERS = ("lc-",)

def find(text):
    place = text.find("LC-")
    return [(place, place + 10)] if place >= 0 else []
"""


def written(folder: Path, **guardrails: Any) -> Path:
    raw = yaml.safe_load((shipped_bundle() / "router.yaml").read_text(encoding="utf-8"))
    raw["guardrails"].update(guardrails)
    (folder / "router.yaml").write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    return folder / "router.yaml"


def test_packs_are_opt_in(router: Router, tmp_path: Path) -> None:
    more = Router.load(config=written(tmp_path, packs=["devices"]))
    assert more.scan(IMEI).state == "hit"
    assert not any(finding.hard for finding in router.scan(IMEI).findings)
    decisions = [some.predict_route(IMEI, seed=1) for some in (router, more)]
    assert len({decision.versions.detectors for decision in decisions}) == 2


def test_an_unknown_pack_is_told_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'gadgets'.*devices"):
        Router.load(config=written(tmp_path, packs=["gadgets"]))


def test_a_detector_of_ones_own_stands_beside_the_router_yaml(tmp_path: Path) -> None:
    (tmp_path / "loyalty.py").write_text(DETECTOR, encoding="utf-8")
    router = Router.load(config=written(tmp_path, detectors=[{"path": "loyalty.py", "deadline_ms": 5000}]))
    decision = router.predict_route(CARD, seed=1)
    assert [(f.type, f.part, CARD[f.start : f.end]) for f in decision.findings if f.hard] == [
        ("loyalty_card", "text", "LC-7731-QX")
    ]
    assert decision.lane in {name for name, lane in router.config.lanes.items() if lane.boundary == "private"}


def test_one_that_misses_its_deadline_makes_the_request_unknown(tmp_path: Path) -> None:
    slow = DETECTOR.replace("    place = ", "    import time\n    time.sleep(30)\n    place = ", 1)
    (tmp_path / "slow.py").write_text(slow, encoding="utf-8")
    router = Router.load(config=written(tmp_path, detectors=[{"path": "slow.py", "deadline_ms": 200}]))
    decision = router.predict_route(CARD, seed=1)
    assert decision.guard_state == "unknown"
    assert any("loyalty_card" in reason and "deadline" in reason for reason in decision.guard_reasons)
    assert {router.config.lanes[lane].boundary for lane in decision.eligible} == {"private"}
    assert router.predict_route("What is the capital of France?", seed=1).guard_state == "clean"


def test_a_detector_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.py"):
        Router.load(config=written(tmp_path, detectors=[{"path": "missing.py"}]))
