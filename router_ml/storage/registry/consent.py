"""What a version needs before it may serve: a verdict on this very bundle, and people who agree to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from router_ml.config import RouterConfig, load_config, policy_sha256
from router_ml.config.schema import Release
from router_ml.errors import ReleaseError
from router_ml.storage.registry.download import fetch
from router_ml.storage.registry.lookup import Version

VERDICT, REPORT, JUDGED = "verdict", "verdict_sha256", "verdict_bundle"
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


def verdict_tags(verdict: str, *, bundle: str, report: Mapping[str, Any] | None) -> dict[str, str]:
    """How a verdict is kept on a version: what it says, of which bundle, and the digest of the report behind it."""
    said = json.dumps(report, sort_keys=True, default=str) if report is not None else ""
    digest = hashlib.sha256(said.encode()).hexdigest() if said else "none"
    return {JUDGED: bundle, REPORT: digest, VERDICT: verdict}  # last what the others are about


def check_verdict(version: Version, bundle: str) -> None:
    """Whether the gate passed this bundle.

    Raises:
        ReleaseError: it did not, or judged another one; says what to do.
    """
    found, judged = version.tags.get(VERDICT), version.tags.get(JUDGED)
    label = f"{version.name}/{version.version}"
    if found is None:
        raise ReleaseError(
            f"{label} has no verdict, expected promote. Evaluate it with router-ml evaluate, or take the step by force."
        )
    if found != "promote":
        raise ReleaseError(
            f"{label} has the verdict {found!r}, expected promote. Train a better one, or take the step by force."
        )
    if judged is not None and judged != bundle:
        raise ReleaseError(f"The verdict on {label} is about bundle {judged}, it holds {bundle}. Evaluate it again.")


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


def check_approvals(version: Version, bundle: str, *, who: str, needed: int) -> tuple[str, ...]:
    """Who agrees: those who approved, and whoever takes the step.

    Raises:
        ReleaseError: these are fewer than ``needed``.
    """
    agreed = {_person(name): name for name in (*approvers(version, bundle), who.strip())}
    if len(agreed) < needed:
        raise ReleaseError(
            f"{version.name}/{version.version} needs {needed} people who agree, found {len(agreed)}: "
            f"{', '.join(sorted(agreed.values()))}. Let somebody else approve it: router-ml approve."
        )
    return tuple(sorted(agreed.values()))


def _person(who: str) -> str:
    """The same person, however the name was typed."""
    return " ".join(who.split()).casefold()
