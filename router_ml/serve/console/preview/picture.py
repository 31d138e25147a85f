"""A decision as pages show it: bars, lanes with their reasons, and the steps of the plan. From the record alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from router_ml.contract import Estimate, Place, RouteDecision
from router_ml.contract.understood import Label

MOST_LABELS = 4


@dataclass(frozen=True)
class LaneRow:
    """A lane of a decision. ``reasons``: why it is not eligible; ``chosen``: it was taken."""

    name: str
    estimate: Estimate | None
    place: Place | None
    propensity: float
    reasons: tuple[str, ...] = ()
    chosen: bool = False
    learned: bool = False

    @property
    def eligible(self) -> bool:
        """Whether every hard rule lets it be taken."""
        return not self.reasons


@dataclass(frozen=True)
class Guess:
    """A label that was predicted, with the likeliest ones and how sure that is."""

    name: str
    label: str
    abstained: bool
    likeliest: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class PlanStep:
    """``when``: what has to happen; ``lanes``: what is tried then, one after the other."""

    when: str
    lanes: tuple[str, ...]


def lane_rows(decision: RouteDecision) -> list[LaneRow]:
    """Eligible lanes by propensity and then quality, and after them those that rules took away."""

    def row(lane: str, reasons: tuple[str, ...] = ()) -> LaneRow:
        known = decision.estimates.get(lane)
        if known is None and lane == decision.learned_lane:
            known = decision.learned_estimate
        share = decision.propensities.get(lane, 0.0)
        place = decision.places.get(lane)
        return LaneRow(lane, known, place, share, reasons, lane == decision.lane, lane == decision.learned_lane)

    eligible = [row(lane) for lane in decision.eligible]
    eligible.sort(key=lambda one: (not one.chosen, -one.propensity, -(one.estimate.quality if one.estimate else 0.0)))
    return eligible + [row(lane, reasons) for lane, reasons in decision.excluded.items()]


def guesses(decision: RouteDecision) -> list[Guess]:
    """Intent, domain and mode."""
    labels: tuple[tuple[str, Label], ...] = (
        ("Intent", decision.intent),
        ("Domain", decision.domain),
        ("Mode", decision.mode),
    )
    found = []
    for name, label in labels:
        order = sorted(label.probabilities.items(), key=lambda item: -item[1])[:MOST_LABELS]
        found.append(Guess(name, label.label, label.abstained, tuple(order)))
    return found


def plan_steps(decision: RouteDecision) -> list[PlanStep]:
    """The lane, and what is tried when it fails; failures that lead to the same lanes are one step."""
    if decision.lane is None:
        return []
    steps: dict[tuple[str, ...], list[str]] = {}
    for when, lanes in _fallbacks(decision):
        steps.setdefault(lanes, []).append(when)
    found = [PlanStep("First", (decision.lane,))]
    found += [PlanStep(f"On {_listed(when)}", lanes) for lanes, when in steps.items() if lanes]
    last = decision.fallback.finally_.replace("_", " ")
    return [*found, PlanStep("If nothing is left", (last,))]


def _fallbacks(decision: RouteDecision) -> Iterator[tuple[str, tuple[str, ...]]]:
    rules = decision.fallback
    for when, steps in (
        ("a timeout", rules.on_timeout),
        ("a rate limit", rules.on_rate_limit),
        ("an error", rules.on_error),
        ("a broken contract", rules.on_schema_failure),
        ("a refusal", rules.on_refusal),
    ):
        yield when, tuple(f"{one.lane}{f' ×{one.attempts}' if one.attempts > 1 else ''}" for one in steps)


def _listed(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def plan_facts(decision: RouteDecision) -> list[tuple[str, str]]:
    """How the lane is to be used, without what was left open."""
    decoding = decision.decoding.model_dump(exclude_none=True, exclude_defaults=True)
    limits = decision.limits
    retrieval, contract = decision.retrieval, decision.output_contract
    facts = [
        ("Model", decision.model or ""),
        ("Decoding", ", ".join(f"{name} {value}" for name, value in decoding.items() if name != "response_format")),
        ("Tokens", _tokens(limits.max_input_tokens, limits.max_context_tokens, decision.decoding.max_tokens)),
        ("Deadline", f"{limits.deadline_ms / 1000:g} s" if limits.deadline_ms else ""),
        ("Cost limit", f"${limits.max_cost_usd:g}" if limits.max_cost_usd else ""),
        ("Retrieval", " ".join(filter(None, [retrieval.strategy, retrieval.index or "", _top(decision)]))),
        ("Tools", ", ".join(_tools(decision)) or "none"),
        ("Answer", f"{contract.name} ({contract.type}{', citations required' if contract.citations_required else ''})"),
    ]
    return [(name, value) for name, value in facts if value]


def _tokens(most_in: int | None, most_context: int | None, most_out: int | None) -> str:
    parts = (("in", most_in), ("context", most_context), ("out", most_out))
    return ", ".join(f"{value:,} {name}" for name, value in parts if value is not None)


def _top(decision: RouteDecision) -> str:
    found = decision.retrieval
    return f"top {found.top_k}{f', {found.reranker}' if found.reranker else ''}" if found.top_k else ""


def _tools(decision: RouteDecision) -> Iterator[str]:
    for tool in decision.tools:
        extra = [word for word, on in (("required", tool.required), ("with approval", tool.approval)) if on]
        said = ", ".join(extra)
        yield f"{tool.name} ({said})" if extra else tool.name
