"""A lane made of lanes: one drafts, something checks, another one answers where the draft does not hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from router_ml.config.section import Fraction, Section

CHECKS = ("validation", "confidence")
DEFAULT_BOUNDARIES = ("private", "vendor", "public")


class Cascade(Section):
    """The parts of a cascade and what is believed of its check.

    ``check``: ``validation`` accepts a draft that keeps its output contract; ``confidence`` asks the drafting lane how
    sure it is of its answer; any other name is the lane that judges. ``accept``: share of drafts that are accepted;
    None: as many as the draft lane is expected to get right, of each request. ``trust``: how well the check tells good
    from bad drafts, from 0 (not at all) to 1 (always). ``least``: the mark, 0..1, from which a judge accepts.
    """

    draft: str
    final: str
    check: str = "validation"
    accept: Fraction | None = None
    trust: Fraction = 0.5
    least: Fraction = 0.7

    @property
    def judge(self) -> str | None:
        """The lane that looks at a draft; None where no lane does."""
        if self.check == "validation":
            return None
        return self.draft if self.check == "confidence" else self.check

    @property
    def parts(self) -> tuple[str, ...]:
        """Every lane that may be called, each once."""
        return tuple(dict.fromkeys((self.draft, self.judge or self.draft, self.final)))

    def quality(self, draft: float, final: float, accept: float) -> float:
        """Expected quality: of an accepted draft between its average, where the check tells nothing, and the best that
        ``accept`` of all drafts can be; of the rest that of the final lane.

        >>> Cascade(draft="a", final="b", trust=0.0).quality(0.6, 0.9, 0.5)
        0.75
        >>> Cascade(draft="a", final="b", trust=1.0).quality(0.6, 0.9, 0.5)
        0.95
        """
        accepted = (1 - self.trust) * accept * draft + self.trust * min(accept, draft)
        return accepted + (1 - accept) * final


def with_filled_lanes(raw: Any) -> Any:
    """A raw configuration in which cascades have the fields of a lane that follow from their parts.

    A cascade is as wide as its widest part, holds as much as its smallest, can do what both the draft and the final
    lane can, and is of the lower grade. What the file says of it stays.
    """
    lanes = raw.get("lanes") if isinstance(raw, Mapping) else None
    if not isinstance(lanes, Mapping) or not any(_is_cascade(lane) for lane in lanes.values()):
        return raw
    order = raw.get("boundaries") or DEFAULT_BOUNDARIES
    filled = {
        name: {**dict(_derived(lane["cascade"], lanes, order)), **lane} if _is_cascade(lane) else lane
        for name, lane in lanes.items()
    }
    return {**raw, "lanes": filled}


def _is_cascade(lane: Any) -> bool:
    return isinstance(lane, Mapping) and isinstance(lane.get("cascade"), Mapping)


def _derived(cascade: Mapping[str, Any], lanes: Mapping[str, Any], order: Any) -> Iterator[tuple[str, Any]]:
    """Fields of the lane; of parts that are unknown or no lanes themselves, nothing follows."""
    named = [cascade.get("draft"), cascade.get("final"), cascade.get("check")]
    simple = {name: lane for name, lane in lanes.items() if isinstance(lane, Mapping) and not _is_cascade(lane)}
    parts = [simple[name] for name in named if isinstance(name, str) and name in simple]
    if not parts:
        return
    final = simple.get(str(cascade.get("final")), parts[0])
    yield "model", f"cascade/{cascade.get('draft')}+{cascade.get('final')}"
    for key in ("provider", "failure_domain", "region", "price", "latency", "prior"):
        if key in final:
            yield key, final[key]
    wide = [part["boundary"] for part in parts if part.get("boundary") in order]
    if wide:
        yield "boundary", max(wide, key=list(order).index)
    for key in ("context_window", "max_output_tokens"):
        sizes = [part[key] for part in parts if isinstance(part.get(key), int)]
        if sizes:
            yield key, min(sizes)
    answering = [simple[name] for name in named[:2] if isinstance(name, str) and name in simple]
    can = [set(part.get("capabilities") or ()) for part in answering]
    yield "capabilities", sorted(set.intersection(*can)) if can else []
    yield "grade", min((part.get("grade", 1) for part in answering), default=1)
