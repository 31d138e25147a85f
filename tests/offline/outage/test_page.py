"""The page for a customer: the answer first, nothing beside it, and nothing that a name could smuggle in."""

from __future__ import annotations

from dataclasses import replace

from router_ml import Router
from router_ml.offline.outage.page import page
from tests.offline.outage.test_drill import reported
from tests.state.test_drills import CONFIG


def test_a_page_says_the_answer_first_and_needs_nothing_beside_it() -> None:
    alone = CONFIG.model_copy(update={"lanes": {"best": CONFIG.lanes["best"]}})
    stops, goes_on = reported(Router(alone), "acme"), reported(Router(CONFIG), "acme")
    assert "100.0% of traffic stops" in page(stops)
    assert "Smallest change that keeps it up: a second vendor for best" in page(stops)
    assert "Traffic goes on" in page(goes_on)
    for text, report in ((page(stops), stops), (page(goes_on), goes_on), (page([stops, goes_on]), goes_on)):
        assert "http" not in text
        assert "<script" not in text
        assert report.versions["policy_sha256"][:12] in text
        assert f"{report.made_at:%Y-%m-%d %H:%M} UTC" in text
        assert all(note.split(":")[0].replace("'", "&#x27;") in text for note in report.notes)


def test_a_name_is_never_markup() -> None:
    hostile = replace(reported(Router(CONFIG), "acme"), name="<script>alert(1)</script>")
    assert "<script>" not in page(hostile)
