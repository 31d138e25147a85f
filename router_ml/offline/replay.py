"""Logged decisions once more, bit for bit, and why any comes out otherwise. Nothing is written anywhere.

A decision whose text was kept is made again as a whole; one whose embedding was kept from its estimates on; any other
from the estimates in its record, which must at least give the propensities, the draw and the lane that it says. What a
router remembered at that moment (health, money, session, probes) is in the record; which rules were in force is found
again from the configuration and the audit events of the log.

What it does not show: that a text, an embedding or an estimate is the one of that time. That is what the log's chain of
digests is for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from router_ml.config import RouterConfig
from router_ml.contract import AuditEvent, RouteDecision
from router_ml.deciding.decider import Decider
from router_ml.deciding.reading import Guards
from router_ml.errors import InvalidRequestError, LogError
from router_ml.offline.importing.deciding import MARK
from router_ml.offline.replaying.causes import ADVICE, causes, differences, inputs_that_differ
from router_ml.offline.replaying.rules import KnownRules
from router_ml.offline.replaying.sources import Values, from_embedding, from_estimates, from_rules, from_text
from router_ml.state.overrides import InForce
from router_ml.storage.bundle import Bundle
from router_ml.storage.loading import versions_of
from router_ml.storage.readers.made_from import Kept, read_kept

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

Source = Literal["text", "embedding", "estimates"]
AT_ONCE = 500
NOTHING = Kept()
UNLEARNED = (
    *("request_id", "route", "traffic_class", "floor", "intent", "domain", "mode", "language", "risks", "risk_tier"),
    *("findings", "guard_state", "guard_reasons", "circumstances", "eligible", "excluded", "narrowing", "policies"),
    *("destinations", "log_level"),
)


@dataclass(frozen=True)
class Difference:
    """One field of one decision that came out otherwise, and why: keys of ``replaying.causes.ADVICE``."""

    decision_id: str
    field: str
    recorded: Any
    found: Any
    because: tuple[str, ...]


@dataclass(frozen=True)
class ReplayReport:
    """``replayed`` decisions, of which ``identical`` came out the same in everything that could be worked out; from
    which source. ``inputs``: how many were made with another bundle, policy, and so on, whether it shows or not.
    ``not_replayed``: how many could not be, by reason."""

    replayed: int = 0
    identical: int = 0
    from_text: int = 0
    from_embedding: int = 0
    from_estimates: int = 0
    differences: tuple[Difference, ...] = ()
    inputs: Mapping[str, int] = field(default_factory=dict)
    not_replayed: Mapping[str, int] = field(default_factory=dict)

    @property
    def because(self) -> dict[str, int]:
        """How many decisions came out otherwise, by cause."""
        whose = {(each.decision_id, cause) for each in self.differences for cause in each.because}
        counted = Counter(cause for _, cause in whose)
        return {cause: counted[cause] for cause in ADVICE if cause in counted}

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values."""
        advice = {cause: ADVICE[cause] for cause in self.because}
        return {**asdict(self), "because": self.because, "advice": advice}


@dataclass(frozen=True)
class Replayed:
    """One decision made again; ``source`` None where it could not be, and ``why``."""

    source: Source | None
    differences: tuple[Difference, ...] = ()
    inputs: tuple[str, ...] = ()
    why: str = ""


class Replayer:
    """Makes decisions again; arguments are those of ``replay``."""

    def __init__(
        self,
        bundle: Bundle | RouterConfig,
        *,
        events: Iterable[AuditEvent] = (),
        configs: Sequence[RouterConfig] = (),
        folder: Path | None = None,
    ) -> None:
        learned = bundle if isinstance(bundle, Bundle) else None
        own = bundle.config if isinstance(bundle, Bundle) else bundle
        self._deciders: dict[str, Decider] = {}
        roots = []
        for config in (own, *configs):
            guards = Guards.open(config, folder=folder)
            versions = versions_of(config, bundle=learned, registry=None, detectors=guards.sha256)
            roots.append(InForce(config, versions))
            self._deciders[versions.config_sha256] = Decider(config, bundle=learned, guards=guards)
        self._rules = KnownRules(roots, events)

    def replay(self, decision: RouteDecision, kept: Kept = NOTHING) -> Replayed:
        """One decision, from the best that was kept of it."""
        if (decision.versions.bundle or "").startswith(MARK):  # its lane and propensities are nobody's who could decide
            return Replayed(None, why="imported: decided elsewhere")
        force, root = self._rules.find(decision) or self._rules.nearest(decision)
        inputs = inputs_that_differ(decision.versions, force.versions)
        try:
            found, recorded = from_estimates(decision)
        except InvalidRequestError:
            return Replayed(None, inputs=inputs, why="recorded under an older contract")
        if found != recorded:  # whatever decided, a record has to agree with itself
            return Replayed("estimates", _compared(decision, recorded, found, ("record",)), inputs)
        decider = self._deciders[root.versions.config_sha256]
        source, found, recorded = self._best(decider, force, decision, kept)
        changed = [path.partition(".")[0] for path, *_ in differences(recorded, found)]
        return Replayed(source, _compared(decision, recorded, found, causes(inputs, changed)), inputs)

    def _best(
        self, decider: Decider, force: InForce, decision: RouteDecision, kept: Kept
    ) -> tuple[Source, Values, Values]:
        """The source that knows most, and what it gives beside what is recorded."""
        remembers = "session" in decision.state.model_fields_set  # else an older record lacks what was remembered
        if kept.text is not None and remembers:
            try:
                return "text", *_of_online(decision, *from_text(decider, force, decision, kept.text))
            except InvalidRequestError as error:
                return "text", {"request": str(error)}, {"request": "accepted"}
        if (
            kept.features is not None
            and kept.features.embedding is not None
            and remembers
            and not decision.state.online
        ):
            with suppress(InvalidRequestError):
                return "embedding", *from_embedding(decider, force, decision, kept.features)
        return "estimates", *from_rules(force.config, decision)


def _of_online(decision: RouteDecision, found: Values, recorded: Values) -> tuple[Values, Values]:
    """Of a router that learned online only what its estimates have no part in: no bundle gives those again."""
    if not decision.state.online:
        return found, recorded
    return {name: found[name] for name in UNLEARNED}, {name: recorded[name] for name in UNLEARNED}


def _compared(
    decision: RouteDecision, recorded: Values, found: Values, because: tuple[str, ...]
) -> tuple[Difference, ...]:
    return tuple(
        Difference(decision.decision_id, path, before, after, because)
        for path, before, after in differences(recorded, found)
    )


def replay(
    log: EventLog,
    bundle: Bundle | RouterConfig,
    *,
    ids: Sequence[str] | None = None,
    since: datetime | None = None,
    limit: int | None = None,
    configs: Sequence[RouterConfig] = (),
    folder: Path | None = None,
) -> ReplayReport:
    """Make the decisions of a log again.

    Args:
        bundle: what decided, or a configuration where nothing learned did.
        ids: these decisions alone. since, limit: from a time on, at most so many, oldest first.
        configs: further configurations that were in force at some time: a ``router.yaml`` that replaced the bundle's,
            one with earlier prices, or newer rules that were put in force while a router ran.
        folder: of a ``router.yaml``, to which the paths of a user's own detectors are relative.

    Raises:
        LogError: the log cannot be read, or holds no decision with one of the ``ids``.
        ConfigError: a detector of a configuration cannot be opened.
    """
    decisions = _named(log, ids) if ids else log.decisions(since)
    again = Replayer(bundle, events=log.audit_events(), configs=configs, folder=folder)
    return replay_decisions(islice(decisions, limit), again, kept=partial(read_kept, log))


def replay_decisions(
    decisions: Iterable[RouteDecision], again: Replayer, *, kept: Callable[[Sequence[str]], Mapping[str, Kept]]
) -> ReplayReport:
    """The same of decisions from anywhere; ``kept`` says what was kept of some ids."""
    count: Counter[str] = Counter()
    inputs: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    found: list[Difference] = []
    rest = iter(decisions)
    while some := list(islice(rest, AT_ONCE)):
        known = kept([decision.decision_id for decision in some])
        for decision in some:
            one = again.replay(decision, known.get(decision.decision_id, NOTHING))
            inputs.update(one.inputs)
            if one.source is None:
                left_out[one.why] += 1
                continue
            count.update(["replayed", f"from_{one.source}", *(["identical"] if not one.differences else [])])
            found.extend(one.differences)
    return ReplayReport(**count, differences=tuple(found), inputs=dict(inputs), not_replayed=dict(left_out))


def _named(log: EventLog, ids: Sequence[str]) -> Iterator[RouteDecision]:
    for decision_id in ids:
        found = log.decision(decision_id)
        if found is None:
            raise LogError("The event log holds no decision with one of these ids. Check them, and which log it is.")
        yield found
