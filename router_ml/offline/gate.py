"""Is the challenger better, before any traffic sees it? ``promote``, ``hold`` or ``reject``, with a reason each.

``judge`` decides from arrays; ``evaluate`` makes them from two bundles and a log, and asks the two questions that need
more than outcomes: guardrails and decision time.

* ``promote``: every check passed.
* ``reject``: the data can be trusted and say that quality is lower by more than the margin, or that it costs more and
  is no better; or guardrails let through what they stopped before. More data will not change that.
* ``hold``: anything else, a check that could not be run included.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from router_ml.config import prices_sha256
from router_ml.config.schema import Release
from router_ml.errors import OfflineDataError
from router_ml.offline.gating.champion import Cluster, Ratings, trial_of
from router_ml.offline.gating.checks import ROUNDING, Check, Slice, data_checks, result_checks, slice_check, slices_of
from router_ml.offline.gating.guardrails import Example, guardrail_check
from router_ml.offline.gating.latency import decision_time_ratio, latency_check
from router_ml.offline.gating.rates import paced
from router_ml.offline.gating.trial import Comparison, Trial, comparison
from router_ml.offline.gating.unseen import unseen
from router_ml.storage.bundle import Bundle
from router_ml.storage.database.records import LoggedData
from router_ml.understanding.surface import NAMES

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

__all__ = ["Check", "Slice", "Verdict", "conclude", "evaluate", "judge"]

Word = Literal["promote", "hold", "reject"]
DATA = ("data", "sample_ratio", "mean_weight", "effective_sample_size", "clusters")
RESULTS = (*DATA[1:], "support", "quality", "cost", "agreement", "calibration", "slices")
MODELLED = (
    "P(rated) is modelled. Given request and lane, whether a decision was rated must have nothing to do with what its "
    "rating would have been; no log can show that."
)
WEIGHT_EDGES = (0.0, 0.1, 0.25, 0.5, 0.9, 1.1, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


@dataclass(frozen=True)
class Verdict:
    """What the gate says. ``comparison`` is None where the log allowed no estimate; ``slices`` are parts of it, the
    worst first; ``weights`` counts decisions by importance weight between ``WEIGHT_EDGES``, the last bin open."""

    verdict: Word
    checks: tuple[Check, ...]
    comparison: Comparison | None = None
    slices: tuple[Slice, ...] = ()
    weights: tuple[int, ...] = ()
    release: Release = field(default_factory=Release)
    challenger: str = ""
    champion: str = ""
    notes: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not ``promote``: what every check says that did not pass."""
        return tuple(f"{check.name}: {check.why}" for check in self.checks if not check.passed)

    def check(self, name: str) -> Check:
        """The check of this name."""
        return next(check for check in self.checks if check.name == name)

    def _repr_html_(self) -> str:
        from router_ml.offline.gating.report import fragment

        return fragment(self)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON and for tags."""
        record = {name: getattr(self, name) for name in ("verdict", "challenger", "champion", "notes", "weights")}
        record |= {"checks": [asdict(check) for check in self.checks], "slices": [asdict(each) for each in self.slices]}
        return {**record, "release": self.release.model_dump(mode="json"), "comparison": _plain(self.comparison)}


def judge(trial: Trial, release: Release) -> Verdict:
    """The verdict of a log alone, without guardrails and decision time. Pure: the same arrays, the same verdict.

    >>> rng, even = np.random.default_rng(0), np.full((4000, 2), 0.5)
    >>> lane = rng.integers(2, size=4000)
    >>> quality = (rng.random(4000) < np.array([0.7, 0.8])[lane]).astype(float)
    >>> cost, expected = np.array([2e-3, 1e-3]), np.full(4000, 0.75)
    >>> always_the_second = np.tile([0.0, 1.0], (4000, 1))
    >>> trial = Trial(
    ...     lanes=("dear", "cheap"), target=always_the_second, logging=even, action=lane, quality=quality,
    ...     rated_probability=np.ones(4000), cost_usd=cost[lane], quality_model=even + 0.25,
    ...     cost_model=np.tile(cost, (4000, 1)), predicted=expected, believed=expected,
    ...     slices={"class": np.full(4000, "all")},
    ... )
    >>> judge(trial, Release()).verdict
    'promote'
    """
    try:
        found = comparison(trial)
    except OfflineDataError as error:
        return unusable(str(error), release)
    slices = slices_of(trial, release.margin)
    said = f"{len(trial)} decisions were drawn at random."
    if found.lost_quality:
        said += f" More are unrated than P(rated) explains: {found.lost_quality:.4f} is taken off the quality."
    checks = (
        Check("data", True, None, "what a randomised log can hold", said),
        *data_checks(trial, found, release),
        *result_checks(trial, found, release),
        slice_check(slices, release.margin),
    )
    counts = np.histogram(trial.weight, [*WEIGHT_EDGES, np.inf])[0]
    word = conclude(checks, found, release)
    return Verdict(word, checks, found, slices, tuple(int(count) for count in counts), release)


def unusable(why: str, release: Release) -> Verdict:
    """The verdict where a log allows no estimate at all."""
    checks = [Check("data", False, None, "what a randomised log can hold", why)]
    checks += [Check(name, None, None, "", "The data allow no estimate.") for name in RESULTS]
    return Verdict("hold", tuple(checks), release=release)


def conclude(checks: Collection[Check], found: Comparison | None, release: Release) -> Word:
    """One word from all checks."""
    passed: Mapping[str, bool | None] = {check.name: check.passed for check in checks}
    if passed.get("guardrails") is False:
        return "reject"
    trusted = all(passed.get(name, True) for name in (*DATA, "agreement"))
    if trusted and found is not None:
        least = 0.0 if found.cost_usd is None else found.cost_usd.low
        dearer = least > ROUNDING * found.champion_cost_usd
        if found.quality_high < -release.margin or (dearer and found.quality_high <= 0):
            return "reject"
    return "promote" if all(passed.values()) else "hold"


def _plain(found: Comparison | None) -> dict[str, Any] | None:
    if found is None:
        return None
    record = asdict(found) | {"quality_low": found.quality_low, "quality_high": found.quality_high}
    ratio = record["sample_ratio"]
    return {**record, "sample_ratio": {**ratio, **{name: ratio[name].tolist() for name in ("observed", "expected")}}}


def evaluate(  # noqa: PLR0913 - what a release depends on
    challenger: Bundle,
    champion: Bundle | None,
    log: EventLog,
    *,
    release: Release | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cluster: Cluster = "person",
    ratings: Ratings = "logged",
    examples: Sequence[Example] = (),
    latency_ratio: float | None = None,
) -> Verdict:
    """Judge a challenger by what its champion logged, before any traffic sees it.

    Only decisions of the champion's own bundle and arm judge, drawn at random, later than all that the challenger has
    learned from. The challenger's own decisions, as in a canary, and those of other bundles are left out and counted.

    Args:
        champion: None: whoever wrote the log. What needs its bundle is then not checked, and the verdict at most holds.
        release: margins; by default those of the champion's ``router.yaml``, so that nobody loosens their own gate.
        since, until: only decisions from then on and before then. Ratings may be late: leave out the last days where
            ratings are still to come.
        cluster: decisions of one ``person``, ``org`` or ``day`` depend on each other, and the intervals allow for it;
            decisions of nobody known stand alone, with ``none`` all do.
        ratings: ``modelled`` where nobody drew by lot which decisions get rated: as ``estimating.ratings.of_log``.
        examples: requests and facts as both bundles rule on them; ``router-ml evaluate`` reads a table of them.
        latency_ratio: the challenger's decision time over the champion's; by default it is measured here.

    Raises:
        LogError: the log cannot be read. EncoderMismatchError: as ``EventLog.logged``.
    """
    release = release or (champion or challenger).config.release
    own = champion.manifest.id if champion is not None else None
    data, notes, left_out = unseen(log, challenger, own, since, until)
    if own is not None and since is None and (others := log.count() - log.count(bundle=own)):
        left_out["of another bundle"] = others
    if ratings == "modelled":
        notes.append(MODELLED)
    if champion is None:
        notes.append("The champion is whatever wrote the log, all bundles together.")
    if (stale := int((data.prices != prices_sha256(challenger.config)).sum())) and len(data):
        notes.append(f"{stale} decisions were made at other prices; costs are those that were logged.")
    try:
        if champion is not None and len(data):
            notes += paced(champion, log.decisions(data.created_at[0].item(), own))
        verdict = judge(_trial(challenger, champion, data, left_out, cluster, ratings), release)
    except OfflineDataError as error:
        verdict = unusable(str(error), release)
    why = "The champion's bundle is not here. Name it: --against."
    if latency_ratio is None and champion is not None:
        latency_ratio = decision_time_ratio(challenger, champion, data)
    decisions = log.decisions(since, own) if champion is not None else ()
    checks = (
        *verdict.checks,
        guardrail_check(challenger, champion, decisions, examples),
        latency_check(latency_ratio, release, why),
    )
    return replace(
        verdict,
        verdict=conclude(checks, verdict.comparison, release),
        checks=checks,
        challenger=challenger.manifest.id,
        champion=own or "",
        notes=tuple(notes),
    )


def _trial(
    challenger: Bundle,
    champion: Bundle | None,
    data: LoggedData,
    left_out: dict[str, int],
    cluster: Cluster,
    ratings: Ratings,
) -> Trial:
    spec = challenger.classifier.spec
    trial = trial_of(
        challenger.allocation,
        challenger.config,
        data,
        sizes=(len(NAMES), len(spec.intent.labels), len(spec.domain.labels)),
        promises=challenger.promises,
        champion=None if champion is None else champion.config,
        cluster=cluster,
        ratings=ratings,
    )
    return replace(trial, left_out={**left_out, **trial.left_out})
