"""The picture that others see first: small enough to commit, whole without anything beside it."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from router_ml.errors import OfflineDataError
from router_ml.offline.simulation.page.pictures import outage_picture
from tests.offline.simulation.studies import a_result, a_study


def test_it_names_lanes_classes_troubles_and_what_came_of_it(tmp_path: Path) -> None:
    path = outage_picture(tmp_path / "new" / "outage.svg", a_study())
    read = " ".join(ElementTree.fromstring(path.read_text(encoding="utf-8")).itertext())
    for said in (
        "private",
        "premium",
        "regulated",
        "fast, premium: no answers",
        "99.9% of the requests due an answer got one",
    ):
        assert said in read


def test_it_is_small_and_stands_alone(tmp_path: Path) -> None:
    """200 stretches of time is the most that a run counts."""
    study = a_study(a_result("champion", buckets=200))
    drawn = outage_picture(tmp_path / "outage.svg", study).read_text(encoding="utf-8")
    assert len(drawn.encode()) <= 150_000
    assert re.findall(r"https?://[^\"']*", drawn) == ["http://www.w3.org/2000/svg"]
    assert "url(" not in drawn
    assert "prefers-color-scheme" in drawn


def test_another_policy_and_title_can_be_drawn(tmp_path: Path) -> None:
    path = outage_picture(tmp_path / "a.svg", a_study(), policy="always fast", title="One vendor; no way out")
    drawn = path.read_text(encoding="utf-8")
    assert "One vendor<" in drawn
    assert "No way out<" in drawn
    assert 'class="dark"' in drawn, "nobody answered while the one lane was dark"


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    with pytest.raises(OfflineDataError, match=r"does not end in \.svg"):
        outage_picture(tmp_path / "outage.png", a_study())
    with pytest.raises(OfflineDataError, match="expected one of champion, "):
        outage_picture(tmp_path / "outage.svg", a_study(), policy="always wrong")
    assert not list(tmp_path.iterdir())
