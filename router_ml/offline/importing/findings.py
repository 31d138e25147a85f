"""What an export lacks for off-policy evaluation, and what can be learned from it all the same, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from router_ml.config import RouterConfig
from router_ml.offline.estimating.feedback_checks import RATING_Z, UNRATED

if TYPE_CHECKING:
    from router_ml.offline.importing.mapping import Mapping
    from router_ml.offline.importing.survey import Survey
    from router_ml.offline.importing.tally import Ratings

FEWEST_RATINGS = 20
"""Ratings of a lane from which on its own outcomes outweigh its prior; a first import should have more."""
RARE = 0.02
"""A lane that is drawn more rarely counts more than fifty times in an estimate."""


@dataclass(frozen=True)
class Finding:
    """One thing to know. ``ok``: nothing has to be done about it."""

    topic: str
    ok: bool
    text: str


def missing(found: Survey, mapping: Mapping, ratings: Ratings, config: RouterConfig) -> tuple[Finding, ...]:
    """What off-policy evaluation needs, and whether it is there."""
    return (
        _propensities(found, mapping),
        *([_overlap(found)] if found.drawn else []),
        _rating(found, mapping, ratings),
        _clusters(found, mapping),
        *([_enough(found, config)] if found.drawn else []),
    )


def _propensities(found: Survey, mapping: Mapping) -> Finding:
    if not found.drawn:
        why = "no column of propensities is mapped" if mapping.propensity is None else "none of its rows has them"
        return Finding(
            "propensities",
            False,
            f"No row was drawn at random ({why}), so no other policy can be judged on these rows. If lanes were drawn, "
            "map the probabilities, or claim how: propensity: {uniform: [...]} or {epsilon: 0.1, around: ..., over: "
            "[...]}. If they were not, explore from now on.",
        )
    rest = found.usable - found.drawn
    claim = mapping.propensity.claimed if mapping.propensity else ""
    claimed = f" {claim[:1].upper()}{claim[1:]}: a claim, which the import records." if claim else ""
    text = f"{found.drawn} of {found.usable} rows were drawn; {rest} others were not, and are left out.{claimed}"
    return Finding("propensities", True, text)


def _overlap(found: Survey) -> Finding:
    never = [name for name, lane in found.lanes.items() if not lane.reachable]
    rare = [name for name, lane in found.lanes.items() if lane.reachable and lane.least < RARE]
    told = [f"{', '.join(never)} could never be drawn: no policy that uses it can be judged."] if never else []
    told += [f"{', '.join(rare)} had a chance below {RARE:g} somewhere: few rows will count for many."] if rare else []
    return Finding("overlap", not told, " ".join(told) or "Every lane could be drawn.")


def _rating(found: Survey, mapping: Mapping, ratings: Ratings) -> Finding:
    if not found.rated:
        return Finding("ratings", False, "No row is rated. Map a quality: thumbs, stars, a judge's score.")
    rows, rated = (ratings.rows, ratings.rated) if found.drawn else (found.usable, found.rated)
    share = rated / rows
    if mapping.rated_probability is None:
        if share >= 1 - UNRATED:
            return Finding("ratings", True, "All rows are rated.")
        return Finding(
            "ratings",
            False,
            f"{share:.0%} of the rows are rated, and nothing says with which probability one was: estimates will "
            "refuse them: missing ratings are no zeros. If a random part was asked to rate, say rated_probability: "
            f"{share:.2f}; if people chose to rate, judge a random sample, or estimate with ratings: modelled.",
        )
    if found.drawn:
        slack = RATING_Z * math.sqrt(ratings.excess) + UNRATED * rows
        if abs(ratings.weight - rows) > slack:
            text = f"The P(rated) of {rated} rated rows speaks for {ratings.weight:.0f} rows, but {rows} were drawn."
            return Finding("ratings", False, f"{text} Correct rated_probability.")
    return Finding("ratings", True, f"{share:.0%} of the rows are rated, as P(rated) says.")


def _clusters(found: Survey, mapping: Mapping) -> Finding:
    if found.persons:
        return Finding(
            "clusters", True, f"{found.persons} persons or sessions: intervals count what one of them says together."
        )
    why = "neither user nor session is mapped" if mapping.user is mapping.session else "the column says nothing"
    return Finding("clusters", False, f"Whose rows these are is not known ({why}): intervals will be too narrow.")


def _enough(found: Survey, config: RouterConfig) -> Finding:
    effective = sum(lane.effective for lane in found.lanes.values())
    least = config.release.min_effective
    text = f"About {effective:.0f} effective rated draws over all lanes; the gate asks for {least:g} of a challenger."
    return Finding("amount", effective >= least, text)


def learnable(found: Survey, mapping: Mapping) -> tuple[Finding, ...]:
    """What the rows teach, drawn or not."""
    few = [f"{name} ({lane.rated})" for name, lane in found.lanes.items() if lane.rated < FEWEST_RATINGS]
    costs, latencies = (sum(getattr(lane, name) for lane in found.lanes.values()) for name in ("costs", "latencies"))
    text = f"{found.rated} ratings teach which lane is good at what."
    if found.rated > sum(lane.drawn for lane in found.lanes.values()):
        text += (
            " Of rows that were not drawn, whoever chose may have known what the text does not say: a lane that was "
            "given the easy ones looks better than it is."
        )
    if few:
        text += f" Fewer than {FEWEST_RATINGS} ratings: {', '.join(few)}; there the prior decides."
    return (
        Finding("quality", bool(found.rated) and not few, text),
        Finding(
            "cost", bool(costs), f"{costs} rows say what they cost." if costs else "No cost: map cost_usd or tokens."
        ),
        Finding(
            "latency", bool(latencies), f"{latencies} rows say how long they took." if latencies else "No latency."
        ),
        Finding("traffic", bool(found.usable), f"{found.usable} rows say which requests come, and how often."),
        Finding(
            "labels",
            bool(found.labelled),
            f"{found.labelled} rows correct the classifier."
            if found.labelled
            else "No labels of intent, domain, risks.",
        ),
    )
