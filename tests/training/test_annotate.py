"""The list of what to label next: uncertain requests first, each with the chance that it had, and no text."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="retraining needs the 'offline' extra")

from router_ml.errors import OfflineDataError
from router_ml.storage.bundle import Bundle
from router_ml.storage.database.records import LoggedData
from training.annotate import annotation_list, write_list

Made = Callable[..., LoggedData]


def test_about_as_many_as_asked_for_once_each(make_logged: Made, bundle: Bundle) -> None:
    wanted = annotation_list(make_logged(600), bundle.classifier.spec, 60)
    assert 58 <= len(wanted) <= 62
    assert len({each.decision_id for each in wanted}) == len(wanted)
    assert all(0 < each.chance <= 1 for each in wanted)


def test_uncertain_requests_are_likelier(make_logged: Made, bundle: Bundle) -> None:
    data = make_logged(600)
    drawn = annotation_list(data, bundle.classifier.spec, 100)
    everything = annotation_list(data, bundle.classifier.spec, 600)
    assert len(everything) == 600
    assert np.mean([each.margin for each in drawn]) < np.mean([each.margin for each in everything])
    cells = {(each.intent, each.domain) for each in drawn}
    assert len(cells) > 0.5 * len({(each.intent, each.domain) for each in everything})


def test_chances_are_those_of_the_draw(make_logged: Made, bundle: Bundle) -> None:
    """Weighed by 1 / chance, what was drawn speaks for the whole log: that is what ``rated_probability`` is for."""
    data = make_logged(500)
    margins = {each.decision_id: each.margin for each in annotation_list(data, bundle.classifier.spec, 500)}
    estimates = []
    for seed in range(30):
        drawn = annotation_list(data, bundle.classifier.spec, 80, seed=seed)
        estimates.append(sum(each.margin / each.chance for each in drawn) / 500)
    assert np.mean(estimates) == pytest.approx(np.mean(list(margins.values())), rel=0.08)


def test_chances_are_of_the_whole_log(make_logged: Made, bundle: Bundle) -> None:
    """A decision has to be in the sample before it can be drawn from it."""
    data, spec = make_logged(500), bundle.classifier.spec
    whole, sampled = annotation_list(data, spec, 80), annotation_list(data, spec, 80, sampled=0.25)
    assert [each.chance for each in sampled] == [each.chance / 4 for each in whole]


def test_the_file_holds_no_text(make_logged: Made, bundle: Bundle, tmp_path: Path) -> None:
    wanted = annotation_list(make_logged(200), bundle.classifier.spec, 20)
    write_list(wanted, tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(wanted)
    assert "text" not in rows[0]
    assert {"decision_id", "chance", "true_intent", "true_domain", "true_risks"} <= set(rows[0])


def test_an_empty_log_is_said(make_logged: Made, bundle: Bundle) -> None:
    with pytest.raises(OfflineDataError, match="No logged decision"):
        annotation_list(make_logged(5).select(np.zeros(5, dtype=bool)), bundle.classifier.spec, 20)
