"""What a version needs before it may serve, beside a verdict: the files that were registered, and people who agree."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from router_ml.config import RouterConfig, load_config, policy_sha256
from router_ml.config.schema import Release
from router_ml.errors import ReleaseError
from router_ml.storage.registry.download import fetch
from router_ml.storage.registry.lookup import Version

APPROVED = "approved."


@dataclass(frozen=True)
class Opened:
    """What a version is, by its files: the id in the manifest, and what its ``router.yaml`` says."""

    bundle: str
    config: RouterConfig

    @property
    def release(self) -> Release:
        """How a challenger of it becomes champion."""
        return self.config.release

    @property
    def policy_sha256(self) -> str:
        """Digest of its rules, as decisions record it."""
        return policy_sha256(self.config)


def open_version(version: Version, *, tracking_uri: str | None) -> Opened:
    """Fetch a version, check every file of it, and read what its ``router.yaml`` says.

    Raises:
        RegistryError, BundleError, ConfigError: it cannot be fetched, trusted or read.
        ReleaseError: its files are of another bundle than the one that was registered.
    """
    from router_ml.storage.bundle import taxonomy, verify  # opens the libraries of serving
    from router_ml.understanding.classifier import Classifier

    folder, label = fetch(version.uri, tracking_uri=tracking_uri)
    files = verify(folder).id
    if files != version.bundle:
        raise ReleaseError(f"{label} was registered as {version.bundle}, its files are {files}. Register it again.")
    return Opened(files, load_config(folder / "router.yaml", taxonomy(Classifier.load(folder))))


def approval_tag(who: str, *, bundle: str, at: datetime) -> tuple[str, str]:
    """Key and value of an approval: one per person, bound to what was approved."""
    key = APPROVED + hashlib.sha256(_person(who).encode()).hexdigest()[:16]
    return key, json.dumps({"who": who.strip(), "bundle": bundle, "at": at.isoformat()})


def approvers(version: Version, bundle: str) -> tuple[str, ...]:
    """Who approved this very bundle."""
    given = [json.loads(value) for key, value in version.tags.items() if key.startswith(APPROVED)]
    return tuple(sorted(str(one["who"]) for one in given if one["bundle"] == bundle))


def has_approved(version: Version, bundle: str, who: str) -> bool:
    """Whether somebody approved this very bundle."""
    return _person(who) in {_person(name) for name in approvers(version, bundle)}


def without_approvals(version: Version) -> dict[str, str | None]:
    """Tags that take all approvals off a version."""
    return {key: None for key in version.tags if key.startswith(APPROVED)}


def agreed(version: Version, bundle: str, *, who: str) -> tuple[str, ...]:
    """Who agrees: those who approved this very bundle, and whoever takes the step."""
    return tuple(sorted({_person(name): name for name in (*approvers(version, bundle), who.strip())}.values()))


def needed(*opened: Opened | None) -> int:
    """How many people have to agree: as many as the strictest of these asks for."""
    return max(one.release.approvals for one in opened if one is not None)


def check_approvals(version: Version, people: tuple[str, ...], *, needed: int, step: str = "") -> None:
    """Whether enough people agree.

    Raises:
        ReleaseError: these are fewer than ``needed``.
    """
    if len(people) < needed:
        raise ReleaseError(
            f"{version.name}/{version.version} needs {needed} people who agree{step}, found {len(people)}: "
            f"{', '.join(people)}. Let somebody else approve it: router-ml approve."
        )


def _person(who: str) -> str:
    """The same person, however the name was typed."""
    return " ".join(who.split()).casefold()
