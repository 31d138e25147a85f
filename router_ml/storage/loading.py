"""Where a router comes from: a bundle folder, the registry, a ``router.yaml``, or the bundle that ships."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from router_ml.config import RouterConfig, config_sha256, load_config, policy_sha256, prices_sha256
from router_ml.config.rewards import Rewards, rewards_beside
from router_ml.contract import CONTRACT_VERSION, Versions
from router_ml.errors import BundleError
from router_ml.guardrails.rules import references
from router_ml.storage import runtime
from router_ml.storage.bundle import Bundle

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog
    from router_ml.storage.spooling.drain import Drain

MODEL_VARIABLE = "ROUTER_ML_MODEL"
LOG_VARIABLE = "ROUTER_ML_LOG"
SPOOL_VARIABLE = "ROUTER_ML_SPOOL"


@dataclass(frozen=True)
class Parts:
    """What a router is made of.

    ``registry`` is the version in the model registry, where it came from there; ``folder`` that of a ``router.yaml``
    which is no bundle's; ``drain`` the way from a spool to the log, where one is used; ``rewards`` stands beside the
    ``router.yaml``, where that has any.
    """

    config: RouterConfig
    bundle: Bundle | None
    registry: str | None
    log: EventLog | None
    drain: Drain | None
    folder: Path | None
    rewards: Rewards


def open_parts(
    source: str | Path | None,
    *,
    config: str | Path | None,
    log: str | Path | None,
    threads: int,
    tracking_uri: str | None,
    keeps: bool = True,
) -> Parts:
    """Open what ``Router.load`` was asked for; without the log, where a router of this process has it open
    (``keeps``)."""
    parts = open_learned(source, config=config, threads=threads, tracking_uri=tracking_uri)
    settings = parts.config.logging
    url = log or os.environ.get(LOG_VARIABLE) or settings.url
    if not url or not keeps:
        return parts
    from router_ml.storage.opening import open_log

    spool = os.environ.get(SPOOL_VARIABLE) or settings.spool
    opened, drain = open_log(str(url), spool=spool, attribution_days=settings.attribution_days)
    return replace(parts, log=opened, drain=drain)


def open_learned(
    source: str | Path | None, *, config: str | Path | None = None, threads: int = 1, tracking_uri: str | None = None
) -> Parts:
    """Configuration and learned parts alone, for whoever must not write into a log."""
    source = one_version(str(source or os.environ.get(MODEL_VARIABLE) or shipped_bundle()))
    registry, bundle = None, None
    if source.startswith("models:/"):
        from router_ml.storage.registry import fetch

        folder, registry = fetch(source, tracking_uri=tracking_uri)
        bundle = Bundle.load(folder, threads=threads)
    elif not source.endswith((".yaml", ".yml")):
        bundle = Bundle.load(source, threads=threads)
    if bundle is None:
        settings = load_config(config or source, also=references.issues)
    else:
        settings = load_config(config, bundle.taxonomy, also=references.issues) if config else bundle.config
    own = config or (source if bundle is None else None)
    beside = Path(own).parent if own else None
    rewards = rewards_beside(beside or (bundle.folder if bundle else None), config=settings)
    return Parts(settings, bundle, registry, None, None, beside, rewards)


def one_version(source: str) -> str:
    """A source; of a registered model without version or alias, its champion."""
    return f"{source}@champion" if whole_model(source) else source


def whole_model(source: str | None) -> str | None:
    """The name of the model, where ``models:/router`` names all of its arms; else None."""
    found = re.fullmatch(r"models:/([^/@:]+)", source or "")
    return found[1] if found else None


def versions_of(config: RouterConfig, *, bundle: Bundle | None, registry: str | None, detectors: str) -> Versions:
    """What decisions say they were made with."""
    return Versions(
        contract=CONTRACT_VERSION,
        bundle=bundle.manifest.id if bundle else "none",
        policy_sha256=policy_sha256(config),
        config_sha256=config_sha256(config),
        encoder=bundle.encoder.sha256 if bundle else "none",
        classifier=bundle.manifest.classifier_sha256 if bundle else "none",
        entities=bundle.manifest.entities_sha256 if bundle else "none",
        detectors=detectors,
        registry=registry,
        prices=prices_sha256(config),
        lanes={name: lane.version for name, lane in config.lanes.items() if lane.version != "1"},
        platform=runtime.platform(),
    )


def shipped_bundle() -> Path:
    """The bundle inside an installed wheel, else the one of a source checkout.

    Raises:
        BundleError: neither is there.
    """
    package = Path(__file__).parent
    for folder in (package / "_bundle", package.parent / "models" / "default"):
        if (folder / "manifest.json").is_file():
            return folder
    raise BundleError(f"No bundle ships with this installation. Give one: Router.load(FOLDER) or ${MODEL_VARIABLE}.")
