"""What the numbers of a study are not, in sentences for people."""

from __future__ import annotations

from collections.abc import Iterator

from router_ml.offline.simulation.counting.results import Study

MUCH = 0.1  # of a policy's requests


def caveats(study: Study) -> tuple[str, ...]:
    """What a reader of the numbers has to know, one line each."""
    return tuple(_caveats(study))


def _caveats(study: Study) -> Iterator[str]:
    if study.truth == "believed":
        yield (
            "Believed: quality, cost and latency of the lanes are what the model expects, so the champion is right "
            "about everything but what the scenario changes. This shows what happens to traffic, not whether the model "
            "is good; an outcome pack or a log (--pack, --log) shows that."
        )
    if study.truth == "logged":
        yield (
            "Logged: outcomes of lanes that were not chosen are estimates, as good as what the log has explored. Over "
            "time, and before, during and after what happened, they move as the model says, on the level of the log."
        )
    if study.in_sample:
        yield "In sample: the model has learned from these very prompts, so it looks better than on new ones."
    far = [f"{share:.0%} of what {policy} does" for policy, share in study.extrapolated.items() if share >= MUCH]
    if far:
        yield f"Extrapolated: no logged decision supports {', '.join(far)}."
    yield from study.notes
