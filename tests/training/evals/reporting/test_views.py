"""A report reads the same in a terminal, as Markdown and as a page, and says what matters first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import StringIO
from typing import Any

from rich.console import Console

from training.evals.reporting.comparing import compare
from training.evals.reporting.page import page
from training.evals.reporting.record import metrics, to_record
from training.evals.reporting.summary import Summary, summarise
from training.evals.reporting.views import markdown, terminal
from training.evals.result import Result

MakeResult = Callable[..., Result]
Make = Callable[..., Any]


def made(make_result: MakeResult, make_case: Make, make_suite: Make) -> Summary:
    """One lane with an alarm, one without."""
    suite = make_suite([make_case(number) for number in range(12)])
    results = [make_result(number, failure="wrong_shape" if number == 3 else None) for number in range(12)]
    results += [make_result(number, lane="<fast>|") for number in range(10)]
    return summarise(results, [suite])


def test_every_view_names_the_alarm_and_what_it_means(
    make_result: MakeResult, make_case: Make, make_suite: Make
) -> None:
    """Whoever reads any of them knows which lane failed, how, and what that means."""
    summary = made(make_result, make_case, make_suite)
    shown = StringIO()
    Console(file=shown, width=250).print(terminal(summary, by="route"))
    for text in (shown.getvalue(), markdown(summary, by="route"), page(summary)):
        for said in (
            "1 alarm",
            "wrong_shape",
            "another shape than was promised",
            "hr_qa_low",
            "2 cases were not asked",
        ):
            assert said in text, said


def test_a_page_needs_nothing_beside_it_and_runs_nothing(
    make_result: MakeResult, make_case: Make, make_suite: Make
) -> None:
    """No script, no address, and what lanes are called is text, not markup."""
    text = page(made(make_result, make_case, make_suite))
    assert "<script" not in text
    assert not re.search(r"(src|href)=", text)
    assert "&lt;fast&gt;" in text
    assert "<fast>" not in text


def test_markdown_keeps_its_columns(make_result: MakeResult, make_case: Make, make_suite: Make) -> None:
    """A bar in the name of a lane does not add a column."""
    lines = [line for line in markdown(made(make_result, make_case, make_suite)).splitlines() if line.startswith("|")]
    tables = {
        len(re.findall(r"(?<!\\)\|", line))
        for line in lines
        if "<fast>" in line or line.startswith("| suite | lane | passed")
    }
    assert len(tables) == 1


def test_the_record_is_json_and_the_metrics_are_numbers(
    make_result: MakeResult, make_case: Make, make_suite: Make
) -> None:
    """Shares have their interval beside them; nothing that is not known has a number."""
    summary = made(make_result, make_case, make_suite)
    again = json.loads(json.dumps(to_record(summary, compare([make_result(0)], [make_result(0)]))))
    assert again["alarms"] == [
        {"suite": "contract", "lane": "balanced", "failure": "wrong_shape", "count": 1, "of": 12}
    ]
    assert again["rows"][0]["parts"][0]["failures"] == {"wrong_shape": 1}
    known = {(lane, name): value for _, lane, name, value in metrics(summary)}
    assert known["balanced", "share_low"] < known["balanced", "share"] < known["balanced", "share_high"]
