"""Before, during and after: three parts of a run that do not overlap and say what happened in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from router_ml.offline.simulation.counting.results import Trouble
from router_ml.offline.simulation.page.stretches import shaken, stretches
from tests.offline.simulation.studies import a_result, a_silence, a_study


def test_the_parts_add_up_to_the_run() -> None:
    study = a_study()
    before, during, after = stretches(study, study.results[0])
    assert [part.name for part in (before, during, after)] == ["before", "during", "after"]
    assert (before.hours, during.hours, after.hours) == (60.0, 48.0, 60.0)
    assert before.due + during.due + after.due == study.results[0].due
    assert before.served + during.served + after.served == study.results[0].served
    spend = sum(part.usd_per_1000 * part.due / 1000 for part in (before, during, after))
    assert spend == pytest.approx(study.results[0].spend_usd)


def test_who_answers_changes_while_a_vendor_is_dark() -> None:
    study = a_study()
    before, during, _ = stretches(study, study.results[0])
    assert next(iter(before.shares)) == "fast"
    assert not during.shares.keys() & {"fast", "premium"}
    assert sum(during.shares.values()) == pytest.approx(during.success)


@pytest.mark.parametrize(("first", "last", "known"), [(72, 73, True), (82, 90, False)])
def test_a_mean_over_what_is_mostly_known_alone(first: int, last: int, known: bool) -> None:
    """Hours that went where nothing is known are not like the others: one at night does not matter, a day does."""
    result = a_result("champion")
    quality = result.series.quality.copy()
    quality[first:last] = np.nan
    study = a_study(replace(result, series=replace(result.series, quality=quality)))
    before, during, after = stretches(study, study.results[0])
    assert np.isfinite([before.quality, after.quality]).all()
    assert np.isfinite(during.quality) == known


def test_what_is_half_in_trouble_is_in_no_part() -> None:
    """An hour of which ten minutes were dark would blur both sides."""
    study = a_study(a_result("champion"), troubles=(Trouble(10.5, 20.2, "dark", ()),))
    before, during, after = stretches(study, study.results[0])
    assert (before.hours, during.hours, after.hours) == (10.0, 9.0, 147.0)


def test_what_lasts_has_no_after() -> None:
    study = a_study(a_result("champion"), troubles=(Trouble(100.0, None, "cheaper", ()),))
    assert [part.name for part in stretches(study, study.results[0])] == ["before", "during"]


def test_nothing_happened_or_nothing_came() -> None:
    quiet = a_study(a_result("champion"), troubles=(Trouble(500.0, 600.0, "too late", ()),))
    assert stretches(quiet, quiet.results[0]) == []
    assert shaken(quiet.troubles, quiet.hours) is None
    silent = a_silence()
    assert stretches(silent, silent.results[0]) == []
    assert np.isnan(silent.results[0].quality.value)
