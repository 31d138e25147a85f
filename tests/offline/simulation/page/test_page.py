"""The page is opened far from this machine, by people who trust it: it fetches and runs nothing, and says what is."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from router_ml.offline.simulation.counting.results import Interval, Study, Trouble
from router_ml.offline.simulation.page.page import command, page
from router_ml.offline.simulation.page.sentences import answer
from tests.offline.simulation.studies import a_crowd, a_result, a_silence, a_study

EVIL = """<script>alert("1")</script><img src=x onerror='alert(2)'>&amp;"'"""


class Reader(HTMLParser):
    """Tags with their attributes, and the text that people read."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.styles: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        (self.styles if self.tags and self.tags[-1][0] == "style" else self.texts).append(data)

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def evil() -> Study:
    """Every name that a person or a file can choose holds mark-up."""
    study = a_study(
        a_result("champion"),
        replace(a_result(EVIL), notes=(EVIL,)),
        scenario=EVIL,
        description=EVIL,
        source=EVIL,
        troubles=(Trouble(20.0, 40.0, EVIL, (EVIL,)),),
        versions={EVIL: EVIL, "command": EVIL},
        notes=(EVIL,),
        extrapolated={EVIL: 0.4},
    )
    results = []
    for result in study.results:
        lanes = (EVIL, *result.lanes[1:])
        counts = dict(zip(lanes, result.lane_requests.values(), strict=True))
        classes = tuple(replace(part, name=EVIL, no_lane={EVIL: 3}) for part in result.classes)
        results.append(replace(result, lanes=lanes, lane_requests=counts, classes=classes))
    return replace(study, results=tuple(results))


STUDIES = {"usual": a_study, "evil": evil, "crowd": a_crowd, "silence": a_silence}


@pytest.mark.parametrize("name", STUDIES)
def test_it_fetches_nothing_and_runs_nothing(name: str) -> None:
    """A report is mailed around and opened from disks: no address, no script, no place where one could hide."""
    read = Reader(page(STUDIES[name]()))
    tags = {tag for tag, _ in read.tags}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "base", "form", "a", "use", "image"}
    for _, attributes in read.tags:
        assert not [key for key in attributes if key.startswith("on") or key in ("src", "href", "xmlns")]
        assert not any(re.search(r"(https?:)?//|url\(|javascript:", value or "") for value in attributes.values())
    assert not re.search(r"@import|url\(|//", "".join(read.styles))


def test_whatever_a_name_holds_is_shown_as_text() -> None:
    read = Reader(page(evil()))
    assert read.text.count("<script>alert") >= 10
    assert {"svg", "table"} <= {tag for tag, _ in read.tags}


def test_the_answer_is_made_of_the_numbers_of_the_trouble() -> None:
    """A director reads this sentence and no other."""
    found = Reader(page(a_study())).text
    assert "fast, premium: no answers, for 48 hours. Meanwhile 99.9% of the requests due an answer got one" in found
    assert re.search(r"quality fell from \.78\d to \.76\d; spend per request fell 2\d%\.", found)
    assert "Every quality floor was kept. Nothing went to an excluded lane." in found


def test_a_quality_that_nobody_knows_is_not_in_the_answer() -> None:
    """A director would take it for a fact; and where nothing happened, a dash would not be noticed."""
    champion = a_result("champion")
    nothing = np.full(len(champion.series.quality), np.nan)
    unknown = replace(champion, quality=Interval(np.nan, 0.3, 0.9), series=replace(champion.series, quality=nothing))
    assert "what that did to quality is not known; spend per request" in answer(a_study(unknown))
    assert "and a quality that is not known." in answer(a_study(unknown, troubles=()))
    assert "not known" not in answer(a_study(champion))


def test_the_dotted_line_is_no_bound_of_a_log() -> None:
    """It is drawn by the model and valued by the log."""
    assert "line is out of reach" in page(a_study())
    assert "line is out of reach" not in page(a_study(truth="logged"))


def test_bad_news_is_in_the_answer() -> None:
    champion = a_result("champion")
    classes = (replace(champion.classes[0], floor_verdict="missed"), *champion.classes[1:])
    found = Reader(page(a_study(replace(champion, violations=3, classes=classes)))).text
    assert "The quality floor was missed for batch." in found
    assert "3 calls went to an excluded lane." in found
    assert 'class="answer broken"' in page(a_study(replace(champion, violations=3)))


def test_what_is_not_shown_is_not_called_kept() -> None:
    champion = a_result("champion")
    classes = (replace(champion.classes[0], floor_verdict="not shown"), *champion.classes[1:])
    found = Reader(page(a_study(replace(champion, classes=classes)))).text
    assert "No quality floor was missed; for batch it is not shown to be kept." in found


def test_days_over_a_budget_are_in_the_answer() -> None:
    champion = a_result("champion")
    classes = (replace(champion.classes[0], over_budget_days=1), *champion.classes[1:])
    found = Reader(page(a_study(replace(champion, classes=classes)))).text
    assert "More than the budget of batch was spent on 1 day." in found
    assert "More than the budget" not in Reader(page(a_study(champion))).text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"truth": "believed"}, "Believed:"),
        ({"truth": "logged"}, "Logged:"),
        ({"in_sample": True}, "In sample:"),
        ({"extrapolated": {"champion": 0.37}}, "37%"),
        ({"notes": ("Lane code has no outcomes.",)}, "Lane code has no outcomes."),
    ],
)
def test_what_the_numbers_are_not_is_said_at_the_top(changes: dict[str, object], said: str) -> None:
    found = page(a_study(**changes))
    assert said in found[: found.index("<section")]


def test_every_policy_class_and_reason_is_in_the_tables() -> None:
    """The data scientist wants every number, the director only the first table."""
    study = a_study()
    found = Reader(page(study)).text
    for result in study.results:
        assert result.policy in found
        assert f"{result.calls:,}" in found
        for part in result.classes:
            assert f"{part.requests:,}" in found
            assert all(f"{count:,}" in found for count in part.no_lane.values())


def test_a_lane_has_one_colour_on_the_whole_page() -> None:
    """Who has learned that premium is yellow must not be told otherwise further down."""
    found = page(a_study())
    seen = {tuple(re.findall(r'fill="(#[0-9a-f]{6})" class="band"><title>premium<', found))}
    assert len(set(*seen)) == 1


def test_silence_is_no_success_story() -> None:
    found = Reader(page(a_silence())).text
    assert "No request was due an answer." in found
    assert "were answered" not in found.split("Policies side by side")[0].split("due an answer.")[1]
    assert not re.search(r"\bnan\b", found, re.IGNORECASE)


def test_numbers_that_are_not_known_are_dashes() -> None:
    unknown = Interval(float("nan"), float("nan"), float("nan"))
    result = replace(a_result("odd"), quality=unknown)
    study = a_study(a_result("champion"), result)
    found = Reader(page(study)).text
    assert not re.search(r"\b(nan|inf)\b", found, re.IGNORECASE)
    assert "–" in found


def test_it_says_how_to_make_it_again() -> None:
    study = a_study(seed=11)
    assert command(study) == "router-ml simulate --scenario vendor_outage_48h --count 100000 --days 7 --seed 11"
    typed = "router-ml simulate --scenario mine.yaml --model runs/next --html a.html"
    assert typed in Reader(page(study, command_line=typed)).text


def test_a_page_needs_no_optional_library() -> None:
    script = (
        "import sys; sys.modules.update(dict.fromkeys(('matplotlib', 'pandas', 'pyarrow', 'mlflow', 'scipy'))); "
        "from tests.offline.simulation.studies import a_silence; "
        "from router_ml.offline.simulation.page.page import page; assert len(page(a_silence())) > 1000"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
