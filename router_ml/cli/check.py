"""``router-ml check``: what is wrong in a ``router.yaml``, what deserves a look, and what a valid one promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from router_ml.cli.inputs import certified, locate
from router_ml.config import RouterConfig, load_config, prices_sha256
from router_ml.contract import TIERS, RiskTier
from router_ml.contract.base import LogLevel
from router_ml.deciding.recording import must_be_kept
from router_ml.errors import ConfigError, Problem
from router_ml.guardrails.rules import analysis, references
from router_ml.guardrails.rules.analysis import Note
from router_ml.offline.coverage import PolicyLanes, Stop, policy_lanes, stops
from router_ml.storage.promises import Certificate


@dataclass(frozen=True)
class TierKeep:
    """The most that a log keeps of requests of one tier, and for how many days (None: for good). ``unlogged``: the
    traffic classes whose requests of this tier go on where they cannot be logged."""

    tier: RiskTier
    level: LogLevel
    days: int | None
    unlogged: tuple[str, ...]


@dataclass(frozen=True)
class CheckReport:
    """``problems`` is empty for a valid file; only then the rest says something. ``notes`` only deserve a look;
    ``promises``: what the model has certified of each class; ``keep``: what a log keeps of each tier."""

    file: str
    problems: tuple[Problem, ...] = ()
    lanes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    policies: tuple[PolicyLanes, ...] = ()
    stops: tuple[Stop, ...] = ()
    notes: tuple[Note, ...] = ()
    promises: Mapping[str, Certificate] = field(default_factory=dict)
    keep: tuple[TierKeep, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether a router can be opened with this file."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values."""
        promises = {name: each.model_dump(mode="json") for name, each in self.promises.items()}
        return {"ok": self.ok, **asdict(replace(self, promises={})), "promises": promises}


def check(path: Path | None = None, *, model: str | None = None) -> CheckReport:
    """Check a ``router.yaml``.

    Args:
        path: the file; by default the one of the model.
        model: a bundle whose classifier says which labels may be named; without a path, by default
            ``$ROUTER_ML_MODEL``, else the bundle that ships.

    Raises:
        BundleError, RegistryError: the bundle cannot be trusted or fetched.
    """
    file, labels = locate(path, model=model)
    try:
        config = load_config(file, labels, also=references.issues)
        with suppress(ImportError):  # whoever calls tools has what it needs
            from router_ml.execution.tools.arguments import Checker

            Checker(config)
    except ConfigError as error:
        return CheckReport(str(file), problems=error.problems)
    from router_ml.understanding.language import CODES

    promises = certified(path, model=model)
    told = promises.notes(config.traffic_classes, prices_sha256=prices_sha256(config))
    lanes = tuple(name for name, lane in config.lanes.items() if lane.enabled)
    return CheckReport(
        str(file),
        lanes=lanes,
        classes=tuple(config.traffic_classes),
        policies=policy_lanes(config),
        stops=stops(config),
        notes=(
            *references.notes(config, languages=CODES),
            *analysis.notes(config),
            *_documents(config),
            *(Note("promise", (), message) for message in told),
        ),
        promises=promises.certificates,
        keep=tuple(_keep(config)),
    )


def _documents(config: RouterConfig) -> Iterator[Note]:
    for name, index in config.indexes.items():
        if index.folder is not None and not Path(index.folder).is_dir():
            message = f"index {name} reads the folder {index.folder}, which is not there as seen from {Path.cwd()}; "
            yield Note("documents", (), message + "nothing can be carried out until it is.")


def _keep(config: RouterConfig) -> Iterator[TierKeep]:
    for tier in TIERS:
        kept = config.logging.of(tier)
        unlogged = (name for name in config.traffic_classes if not must_be_kept(config, name, tier))
        yield TierKeep(tier, kept.level, kept.days, tuple(unlogged))
