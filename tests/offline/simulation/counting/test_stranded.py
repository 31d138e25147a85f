"""Where no compliant fallback is, a study says for whom, and by which rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from router_ml.offline.simulate import Source, simulate, sized
from router_ml.offline.simulation.scenarios.loading import load_scenario, parse_scenario
from router_ml.storage.bundle import Bundle

ASKED = [
    {"text": "Which planet has the strongest winds?", "metadata": {"region": "us"}, "channel": "web"},
    {"text": "My card 4111 1111 1111 1111: which bank issued it?", "metadata": {"region": "us"}, "channel": "web"},
]


def _notes(bundle: Bundle, where: str, tmp_path: Path) -> str:
    file = tmp_path / "requests.jsonl"
    file.write_text("\n".join(json.dumps(one) for one in ASKED), encoding="utf-8")
    text = f"events: [{{kind: outage, at_hour: 5, hours: 10, where: {where}}}]"
    scenario = sized(parse_scenario(text), count=60, days=1)
    return " ".join(simulate(bundle, scenario, policies=(), source=Source(requests=file)).notes)


def test_requests_with_nowhere_to_go_are_named_with_the_rule(bundle: Bundle, tmp_path: Path) -> None:
    told = _notes(bundle, "vllm", tmp_path)
    assert "no other lane" in told
    assert "Because of: pii-stays-private" in told


def test_an_outage_that_leaves_everybody_a_lane_says_so(bundle: Bundle, tmp_path: Path) -> None:
    assert "every traffic class has another lane" in _notes(bundle, "google", tmp_path)


@pytest.mark.slow
def test_without_an_outage_nothing_is_said(bundle: Bundle) -> None:
    scenario = sized(load_scenario("quiet_week"), count=50, days=1)
    assert not any("cannot answer" in note for note in simulate(bundle, scenario, policies=()).notes)
