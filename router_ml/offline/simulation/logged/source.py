"""What if: a company's own decisions and outcomes as the traffic and the truth of a simulation.

    with EventLog(url) as log:
        found = source(log, bundle, requests=100_000)
    scenario = found.fitted(load_scenario("vendor_outage_48h"))
    world = build_world(scenario, found.kinds, bundle.config, main=...)
    watched = Watched(Routed("champion", bundle, found.kinds, world), found.truth)
    play(watched, found.stream, world, scenario, count=lambda carried: (tally.add(carried), watched.add(carried)))
    result = watched.finding().corrected(tally.result())

Ratings that policies learn from while they are played are drawn by the reward model, which stays in 0..1; and the
oracle knows that model, not the truth: it is no upper bound of what is corrected.

What it does not know: sessions (each request stands alone), what people would have said of an answer that nobody saw
(a model says it, corrected by what was rated, and where the log could not go that is counted as extrapolated), and what
rules would have said of facts that no record holds. A lane's outcome, and its time, is that of the plan that began with
it (intention to treat), ordinary failures and fallbacks included; so calls fail only where the scenario says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from router_ml.errors import OfflineDataError
from router_ml.offline.simulation.logged.behaviour import Measured, behaviour_from_log, on_the_log, plan_times
from router_ml.offline.simulation.logged.beside import Beside
from router_ml.offline.simulation.logged.findings import Finding, difference
from router_ml.offline.simulation.logged.kinds import Cluster, kinds_from_log, learned_from, playable, unplayed
from router_ml.offline.simulation.logged.models import Ratings
from router_ml.offline.simulation.logged.reading import read_log
from router_ml.offline.simulation.logged.replay import AsLogged, Totals, totals_of
from router_ml.offline.simulation.logged.stream import LogStream, as_it_came, matching, resampled, shape
from router_ml.offline.simulation.logged.truth import LoggedTruth
from router_ml.offline.simulation.logged.watching import Watched
from router_ml.offline.simulation.playing.carried import FATES
from router_ml.offline.simulation.scenarios.scenario import Burst, Scenario, Wave
from router_ml.offline.simulation.traffic.kinds import Kinds
from router_ml.storage.database.records import LoggedData

if TYPE_CHECKING:
    from router_ml.storage.bundle import Bundle
    from router_ml.storage.eventlog import EventLog

__all__ = [
    "AsLogged",
    "Finding",
    "LogSource",
    "LogStream",
    "LoggedTruth",
    "Totals",
    "Watched",
    "behaviour_from_log",
    "difference",
    "kinds_from_log",
    "resampled",
    "source",
    "totals_of",
]

CHANGED = ("mix", "sessions")
"""What of a scenario's traffic a log does not take: its requests are what they are."""

NO_EMBEDDING = "embedding not kept, or of another encoder"
FAILURES = (
    "Outcomes and times of a lane are those of plans of the log that began with it, ordinary failures and fallbacks "
    "included: calls fail again only in the scenario's troubles, or where it gives an error_rate."
)


@dataclass(frozen=True)
class LogSource:
    """A log, ready to be played. ``kinds``: decisions that policies can be asked about (``kinds.log``, also ``truth``,
    corrects them); ``stream``: as they came, or resampled; ``whole`` and ``as_logged``: all decisions, as they were;
    ``measured``: lanes by their own calls; ``left_out``: why other decisions are not among ``kinds``, and how many;
    ``notes``: what a reader of the numbers has to know."""

    kinds: Kinds
    stream: LogStream
    as_logged: AsLogged
    whole: LogStream
    measured: Mapping[str, Measured]
    left_out: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def truth(self) -> LoggedTruth:
        """What corrects the kinds."""
        if self.kinds.log is None:
            raise OfflineDataError("These kinds come from no log. Make them with kinds_from_log.")
        return self.kinds.log

    @property
    def replayed(self) -> Totals:
        """What the log did, replayed: its own totals, to the last bit."""
        return totals_of(self.as_logged.carry(self.whole), self.as_logged.lanes)

    def seen_by(self, bundle: Bundle) -> bool:
        """Whether a bundle, such as a challenger's, has learned from some of these decisions."""
        return learned_from(bundle, self.as_logged.whole)

    def fitted(self, scenario: Scenario) -> Scenario:
        """A scenario on this log: lanes behave as the log's where it says nothing of them (``on_the_log``), and its
        traffic is as long and as much as the stream."""
        daily, weekly = shape(self.stream)
        traffic = scenario.traffic.model_copy(
            update={
                "requests": max(self.stream.requests, 1),
                "days": self.stream.hours / 24,
                "start": self.stream.start,
                "daily": daily,
                "weekly": weekly,
            }
        )
        played = self.as_logged.whole.select(playable(self.as_logged.whole))
        lanes = on_the_log(scenario.lanes, self.measured, plan_times(played, self.kinds.latency_ms, self.kinds.lanes))
        return scenario.model_copy(update={"traffic": traffic, "lanes": lanes})


def source(  # noqa: PLR0913 - what a what-if depends on
    log: EventLog,
    bundle: Bundle,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    requests: int | None = None,
    days: float | None = None,
    scenario: Scenario | None = None,
    ratings: Ratings = "auto",
    cluster: Cluster = "person",
    seed: int = 0,
) -> LogSource:
    """All that a what-if needs of a log.

    Args:
        bundle: the champion of the simulation; its configuration names lanes, prices and classes.
        since, until: only decisions from then on and before then. Ratings may be late: leave out the last days.
        requests, days: how many requests in how many days; by default as the log.
        scenario: its bursts and waves are laid over the traffic.
        ratings: whether P(rated) is what outcomes say or estimated; ``auto``: as logged where that can be right.
        cluster: decisions of one ``person``, ``org`` or ``day`` depend on each other; with ``none`` none do.
        seed: of folds, luck and resampling.

    Raises:
        LogError: the log cannot be read. EncoderMismatchError: as ``EventLog.logged``.
        OfflineDataError: nothing that was kept can be played, drawn or rated. InvalidRequestError: as ``resampled``.
    """
    found = read_log(log, bundle.config, since=since, until=until, encoder=bundle.encoder.sha256)
    if not len(found.data):
        raise OfflineDataError("The log holds no decision in this window. Check which log it is, and since and until.")
    measured = behaviour_from_log(found.calls, bundle.config)
    kinds, stream = kinds_from_log(
        found.data, bundle, beside=found.beside, measured=measured, ratings=ratings, cluster=cluster, seed=seed
    )
    events = scenario.events if scenario is not None else ()
    bursts: tuple[Burst, ...] = scenario.traffic.bursts if scenario is not None else ()
    waves = tuple(event for event in events if isinstance(event, Wave))
    if requests is not None or days is not None or bursts or waves:
        stream = resampled(stream, requests=requests, days=days, bursts=bursts, waves=waves, seed=seed)
    as_logged = AsLogged(found.data, found.beside, bundle.config)
    whole = as_it_came(kinds, found.data.created_at, seed=seed)
    apart = len(found.data) - len(kinds)
    left_out = {NO_EMBEDDING: apart, "too recent": found.too_recent}
    return LogSource(
        kinds=kinds,
        stream=stream,
        as_logged=as_logged,
        whole=whole,
        measured=measured,
        left_out={reason: count for reason, count in left_out.items() if count},
        notes=(
            _replayed(totals_of(as_logged.carry(whole), as_logged.lanes)),
            *_notes(found.data, found.beside, kinds, scenario),
            *_coming(stream),
            *(each.note for each in measured.values()),
        ),
    )


def _replayed(totals: Totals) -> str:
    """The log itself, in a sentence."""
    quality = f", quality {totals.quality / totals.rated:.3f} over {totals.rated} ratings" if totals.rated else ""
    usd = f"{totals.spend_usd:.6g} USD over {totals.priced} of them with a cost" if totals.priced else "no known cost"
    return f"The log itself, replayed: {totals.requests} requests, {usd}{quality}."


def _coming(stream: LogStream) -> tuple[str, ...]:
    """How much of the log a run is made of, where that is not all."""
    come, count = len(np.unique(stream.kind)), len(stream.kinds)
    if come == count:
        return ()
    return (f"{come} of {count} decisions come up in this run. More requests bring more of what the log knows.",)


def _notes(data: LoggedData, beside: Beside, kinds: Kinds, scenario: Scenario | None) -> tuple[str, ...]:
    said = [*unplayed(data), *(kinds.log.notes if kinds.log is not None else ())]
    said.append(FAILURES)
    failed = int((beside.fate == FATES.index("failed")).sum())
    if failed:
        said.append(
            f"{failed} of {len(data)} requests of the log were not answered in the end; here a lane that is drawn "
            "answers, so success is that of the scenario's troubles alone."
        )
    bound = int((~beside.ruled_again).sum())
    if bound:
        said.append(
            f"{bound} of {len(data)} records do not hold all that rules looked at: for them the lanes that were "
            "eligible then are an upper bound."
        )
    fixed = int(((data.action >= 0) & ~data.randomised).sum())
    if fixed:
        said.append(
            f"{fixed} of {len(data)} decisions were not drawn at random: other lanes than theirs are extrapolated "
            "there."
        )
    if turns := int(beside.continued.sum()):
        said.append(f"{turns} of {len(data)} decisions were later turns of a session; here each stands alone.")
    if kinds.in_sample:
        said.append("The champion has learned from some of these decisions: it looks better on them than it is.")
    if scenario is not None:
        for wave in (event for event in scenario.events if isinstance(event, Wave)):
            if not matching(kinds, wave).any():
                what = ", ".join(f"{name} {value}" for name, value in wave.of.items())
                said.append(f"No request of the log has {what}: that wave does not come.")
        shaped = [name for name in CHANGED if name in scenario.traffic.model_fields_set]
        if shaped:
            said.append(f"Requests are those of the log: {' and '.join(shaped)} of the scenario do not hold for them.")
    return tuple(said)
