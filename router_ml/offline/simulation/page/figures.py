"""The drawings of a study: which policies each shows, in which colours, and how large."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from router_ml.offline.simulation.counting.results import Result, Study
from router_ml.offline.simulation.page.charts import cost_quality as scatter
from router_ml.offline.simulation.page.charts import forest as rows
from router_ml.offline.simulation.page.charts import lines, serving
from router_ml.offline.simulation.page.charts.canvas import rect, svg, text
from router_ml.offline.simulation.page.charts.colours import OTHERS, POLICIES, lane_colours
from router_ml.offline.simulation.page.charts.frame import LEFT, RIGHT, WIDTH, Span

BESIDE = 5  # policies that a chart over time shows beside the champion
NAMES = 108.0  # room for names of classes
SHARES, STRIPS = 250.0, 24.0
LOW = 200.0
SMALL = 12  # policies whose lanes are drawn one below the other

Chart = Callable[..., Iterator[str]]


@dataclass(frozen=True)
class Figures:
    """All drawings of ``study``."""

    study: Study

    def cost_quality(self) -> str:
        """Cost and quality of all policies."""
        marks = [self._mark(place, result) for place, result in enumerate(self.study.results)]
        parts = list(scatter.cost_quality(marks, self.study.curves))
        return svg(WIDTH, scatter.HEIGHT, parts, name="Mean quality over USD per 1,000 requests, by policy")

    def forest(self) -> str:
        """Differences to the champion."""
        found = self.study.differences
        return svg(WIDTH, rows.forest_height(found), list(rows.forest(found)), name="Differences to the champion")

    def latencies(self) -> str:
        """Quantiles of latency by policy."""
        results = self.study.results
        return svg(WIDTH, rows.latencies_height(results), list(rows.latencies(results)), name="Latency by policy")

    def serving(self, result: Result) -> str:
        """Lane shares over time and, below, which classes were served."""
        parts, height = self._serving(result, above=2.0)
        return svg(WIDTH, height, parts, name=f"Who answers over time under {result.policy}")

    def picture(self, result: Result, *, title: str, style: str) -> str:
        """The same to stand alone: with a title, of which a ``;`` begins the small print, a key and a background."""
        first, _, rest = title.partition("; ")
        parts, height = self._serving(result, above=58.0 if rest else 40.0)
        parts.insert(0, rect(0, 0, WIDTH, height + 30, kind="paper"))
        parts.append(text(14, 24, first.rstrip("."), kind="title", width=WIDTH - 28))
        parts.append(text(14, 43, rest[:1].upper() + rest[1:], kind="s", width=WIDTH - 28))
        parts.extend(serving.key(NAMES, height + 6))
        return svg(WIDTH, height + 30, parts, name=title, style=style)

    def _serving(self, result: Result, *, above: float) -> tuple[list[str], float]:
        """The marks from ``above`` on, and where they end."""
        span = self._span(left=NAMES, most=4)
        top = above + span.head + 6
        below = top + SHARES + 34
        parts = [
            *serving.lane_shares(result, span, lane_colours(self.study.results), top=top, height=SHARES),
            *serving.class_strips(result, span, top=below),
        ]
        height = below + STRIPS * len(result.classes) + 2
        return [*parts, *span.over(above, height - 8)], height

    def spent(self) -> str:
        """USD so far."""
        return self._lines(lines.spent, "USD spent so far")

    def slowest(self) -> str:
        """p95 over time."""
        return self._lines(lines.slowest, "95th percentile of latency over time")

    def qualities(self) -> str:
        """Quality over time."""
        return self._lines(lines.qualities, "Mean quality over time")

    def queue(self) -> str:
        """Requests that wait for people."""
        return self._lines(lines.queue, "Requests that wait for a person")

    def budgets(self) -> str:
        """Spend a day against budgets; nothing where no class has one."""
        champion = self.study.results[0]
        with_one = [part for part in champion.classes if part.budget_usd is not None]
        if not with_one:
            return ""
        parts = list(lines.budgets(champion, hours=self.study.hours, left=NAMES, right=WIDTH - 320, top=8))
        return svg(WIDTH, 30 * len(with_one) + 8, parts, name="Spend a day against budgets")

    def others(self) -> Sequence[Result]:
        """Policies beside the champion whose lanes are worth a drawing: not those of one lane."""
        return [result for result in self.study.results[1:] if not _only(result)][:SMALL]

    def _span(self, *, left: float = LEFT, most: int = 2) -> Span:
        study = self.study
        inside = tuple(trouble for trouble in study.troubles if trouble.start < study.hours)
        return Span(study.start, study.hours, inside, left=left, right=WIDTH - RIGHT, most=most)

    def _lines(self, chart: Chart, name: str) -> str:
        span, results = self._span(), self._compared()
        top = span.head + 8
        parts = list(chart(results, span, self._looks(results), top=top, height=LOW))
        parts.extend(span.over(2.0, top + LOW))
        return svg(WIDTH, top + LOW + 26, parts, name=name)

    def _compared(self) -> list[Result]:
        """The champion, then those that choose among lanes, then fixed lanes, as far as a chart can show them."""
        champion, *rest = self.study.results
        return [champion, *sorted(rest, key=lambda result: _only(result) is not None)[:BESIDE]]

    def _looks(self, results: Sequence[Result]) -> dict[str, tuple[str, str]]:
        colours, lanes = iter(POLICIES), lane_colours(self.study.results)
        looks = {results[0].policy: ("", "p-first")}
        for result in results[1:]:
            lane = _only(result)
            looks[result.policy] = (lanes[lane], "p-fixed") if lane else (next(colours), "p-other")
        return looks

    def _mark(self, place: int, result: Result) -> scatter.Mark:
        lane = _only(result)
        if place == 0:
            return scatter.Mark(result, "", "first", 4)
        if lane:
            return scatter.Mark(result, lane_colours(self.study.results)[lane], "fixed", 1)
        looks = self._looks(self._compared())
        if result.policy not in looks:
            return scatter.Mark(result, OTHERS, "other", 0)
        return scatter.Mark(result, looks[result.policy][0], "other", 3)


def _only(result: Result) -> str | None:
    """The lane of a policy that sends everything to one; None for others."""
    return next((lane for lane in result.lanes if result.policy == f"always {lane}"), None)
