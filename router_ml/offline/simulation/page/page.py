"""A study as one page of HTML that needs nothing beside it: for who has two minutes, and for who wants every number."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.resources import files
from shlex import quote

from router_ml.offline.simulation.counting.results import Result, Study
from router_ml.offline.simulation.page import tables
from router_ml.offline.simulation.page.charts import words
from router_ml.offline.simulation.page.charts.serving import STATES
from router_ml.offline.simulation.page.figures import Figures
from router_ml.offline.simulation.page.pictures import style
from router_ml.offline.simulation.page.sentences import answer, played, plural, small_print
from router_ml.offline.simulation.page.stretches import stretches

_BOUNDS = (
    "Up and left is better. Below the dashed line a fixed mixture of lanes does better for the same money; the dotted "
    "line is out of reach. Lines hold for calm traffic, dots for this scenario, so trouble moves dots away."
)
_BOUNDS_OF_LOG = (
    "Up and left is better. Below the dashed line a fixed mixture of lanes does better for the same money; the dotted "
    "line takes the best lane by the model, which is no upper bound of what the log says. What the log could not draw "
    "is in no line. Lines hold for calm traffic, dots for this scenario, so trouble moves dots away."
)

_COLUMNS = (
    "The same requests with the same luck. Against champion: quality, and below it USD per 1,000. Dark: time with "
    "requests of which none was answered. Exploring: what trying other lanes cost. Small numbers are 95% intervals."
)


def page(study: Study, *, command_line: str | None = None) -> str:
    """The report, whole: text, tables and drawings in one string, nothing is fetched from anywhere.

    ``command_line``: what was typed, for who wants the same again.
    """
    title = f"What would happen: {study.scenario}"
    line = command(study) if command_line is None else command_line
    compared = (_costs(study),) if len(study.results) > 1 or study.curves else ()
    drawn = (*compared, _over_time(study)) if study.results[0].due else ()
    parts = (_top(study), _policies(study), *drawn, _per_class(study), _details(study), _reproduce(study, line))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_style()}</style></head>'
        f"<body>{''.join(part for section in parts for part in section)}</body></html>"
    )


def _style() -> str:
    return style() + (files("router_ml.offline.simulation.page") / "page.css").read_text("utf-8")


def _top(study: Study) -> Iterator[str]:
    champion = study.results[0]
    yield f"<h1>{escape(study.scenario.replace('_', ' '))}</h1>"
    if study.description:
        yield f'<p class="lead">{escape(study.description)}</p>'
    yield f"<p>{escape(played(study))}</p>"
    whole = not champion.violations and champion.success >= tables.GOOD
    yield f'<p class="answer{"" if whole else " broken"}">{escape(answer(study))}</p>'
    yield f'<div class="tiles">{"".join(_tiles(champion))}</div>'
    yield f'<ul class="caveats">{"".join(f"<li>{escape(said)}</li>" for said in small_print(study))}</ul>'


def _tiles(result: Result) -> Iterator[str]:
    promised = [part for part in result.classes if part.floor_verdict != "no promise"]
    kept = sum(part.floor_verdict == "kept" for part in promised)
    missed = any(part.floor_verdict == "missed" for part in promised)
    floors = f"{kept} of {len(promised)}" if promised else words.NONE
    for said, name, kind in (
        (tables.answered(result), "of those due an answer got one", "good" if result.success >= tables.GOOD else "bad"),
        (words.points(result.quality.value), "mean quality", ""),
        (words.usd(result.usd_per_1000), "per 1,000 requests", ""),
        (words.seconds(result.latency.p95), "latency, p95", ""),
        (
            floors,
            "quality floors kept",
            "bad" if missed else "good" if promised and kept == len(promised) else "unsure",
        ),
        (words.count(result.violations), "violations of rules", "bad" if result.violations else "good"),
    ):
        yield f'<div class="tile"><b class="{kind}">{escape(said)}</b><span>{escape(name)}</span></div>'


def _policies(study: Study) -> Iterator[str]:
    yield '<section class="flows"><h2>Policies side by side</h2>'
    yield _note(_COLUMNS)
    yield f"{tables.policies(study)}</section>"


def _costs(study: Study) -> Iterator[str]:
    figures = Figures(study)
    yield "<section><h2>What quality costs</h2>"
    bounds = _BOUNDS_OF_LOG if study.truth == "logged" else _BOUNDS
    yield _drawn("", figures.cost_quality(), bounds if study.curves else "Up and left is better.")
    if study.differences:
        note = "Paired differences with 95% intervals; grey where the interval holds zero."
        yield _drawn("Against the champion, request by request", figures.forest(), note)
    yield "</section>"


def _over_time(study: Study) -> Iterator[str]:
    figures, champion = Figures(study), study.results[0]
    yield "<section><h2>Over time</h2>"
    parts = stretches(study, champion)
    if len(parts) > 1:
        yield f"<h3>{escape(champion.policy)} before, during and after</h3>"
        yield tables.moments(parts)
    yield _drawn(f"Who answers, and who goes without: {champion.policy}", figures.serving(champion), "")
    yield f'<p class="key"><span>Classes:</span>{"".join(_state(*state) for state in STATES.items())}</p>'
    yield _drawn("Spend so far", figures.spent(), "")
    if budgets := figures.budgets():
        yield _drawn("Spend a day against the budget of the class", budgets, "")
    yield _drawn("Quality of what was answered", figures.qualities(), "")
    note = "95th percentile from arrival to answer, failed calls and pauses included."
    yield _drawn("Latency: the slowest twentieth", figures.slowest(), note)
    yield _drawn("Latency by policy", figures.latencies(), "")
    if any(result.reviews.asked for result in study.results):
        people = champion.reviews
        asked, granted, expired = (words.count(part) for part in (people.asked, people.granted, people.expired))
        note = (
            f"Under {champion.policy} {asked} requests went to people: {granted} were granted, {expired} expired; "
            f"at most {words.count(people.longest)} waited at once."
        )
        yield _drawn("Waiting for a person", figures.queue(), note)
    yield "</section>"


def _state(said: str, kind: str) -> str:
    return f'<span><i class="{kind}"></i>{escape(said)}</span>'


def _note(said: str) -> str:
    return f'<p class="note">{escape(said)}</p>' if said else ""


def _drawn(title: str, drawing: str, note: str) -> str:
    head = f"<h3>{escape(title)}</h3>" if title else ""
    return f'<div class="keep">{head}<figure>{drawing}</figure>{_note(note)}</div>'


def _per_class(study: Study) -> Iterator[str]:
    yield "<section><h2>Traffic classes</h2>"
    for place, result in enumerate(study.results):
        if place == 1:
            yield f"<details><summary>The same under {_others(study)}</summary>"
        yield f"<h3>{escape(result.policy)}</h3>{tables.classes(result)}"
    yield ("</details>" if len(study.results) > 1 else "") + "</section>"


def _others(study: Study) -> str:
    others = len(study.results) - 1
    return f"{others} other {plural('policy', others)}"


def _details(study: Study) -> Iterator[str]:
    yield f"<section><h2>Every count</h2>{tables.counts(study)}"
    notes = [f"<li>{escape(result.policy)}: {escape(note)}</li>" for result in study.results for note in result.notes]
    if notes:
        yield f'<ul class="caveats">{"".join(notes)}</ul>'
    figures = Figures(study)
    shown = figures.others()
    if shown:
        yield '<details class="screen"><summary>Who answers under the other policies</summary>'
        yield from (_drawn(result.policy, figures.serving(result), "") for result in shown)
        yield "</details>"
    yield "</section>"


def _reproduce(study: Study, line: str) -> Iterator[str]:
    known = {"seed": str(study.seed), "requests from": study.source, **study.versions}
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(said)}</dd>" for name, said in known.items())
    yield f'<section class="flows"><div class="keep"><h2>The same again</h2><pre>{escape(line)}</pre>'
    yield f"<dl>{facts}</dl></div></section>"


def command(study: Study) -> str:
    """The line that plays the scenario again, with the default model, policies and source of requests.

    >>> from types import SimpleNamespace as Some
    >>> command(Some(scenario="price_cut", results=[Some(requests=5000)], hours=120.0, seed=3))
    'router-ml simulate --scenario price_cut --count 5000 --days 5 --seed 3'
    """
    size = f"--count {study.results[0].requests} --days {study.hours / 24:g}"
    return f"router-ml simulate --scenario {quote(study.scenario)} {size} --seed {study.seed}"
