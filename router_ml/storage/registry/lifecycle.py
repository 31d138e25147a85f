"""From challenger to champion and back: challenger -> shadow -> canary -> champion, and ``rollback``.

Each step is an audit event first, then tags and aliases of an MLflow model, which serving processes follow within
seconds. ``who`` is what the caller says: let the registry and the log authenticate whoever may write to them.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router_ml.config.schema import Release
from router_ml.errors import InvalidRequestError, ReleaseError
from router_ml.storage.registry import consent
from router_ml.storage.registry.consent import Opened
from router_ml.storage.registry.lookup import Version
from router_ml.storage.registry.record import log_bundle
from router_ml.storage.registry.scene import STAGE, Moves, Scene, Step, release_event, scene
from router_ml.storage.registry.standing import CANARY_DRAW, CANARY_SHARE

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

REPLACED = "replaced"


class Lifecycle:
    """The steps of a release. All raise ``RegistryError`` where the registry fails, ``LogError`` where the event cannot
    be written, ``ReleaseError`` where a step is not allowed, and ``InvalidRequestError`` without who and why; nothing
    has changed then. One that was interrupted is finished by whatever comes next; taking it again is safe.

    Args:
        log: where the audit events go.
        name: of the registered model.
        tracking_uri: the store; by default the one that ``tracking_uri()`` names.
    """

    def __init__(self, log: EventLog, *, name: str = "router", tracking_uri: str | None = None) -> None:
        self.log, self.name, self.tracking_uri = log, name, tracking_uri

    def register(self, folder: str | Path, *, who: str, why: str, **recorded: Any) -> Version:
        """Record a bundle as a new version (``recorded``: as ``log_bundle`` takes it) and let it be the challenger."""
        event = release_event("registered", who, why)
        made = log_bundle(folder, name=self.name, tracking_uri=self.tracking_uri, **recorded)
        with self._scene() as now:
            now.take(event, made, {"challenger": made.version}, stage="challenger")
            return now.version(made.version)

    def judge(
        self, version: str | int, verdict: str, *, report: Mapping[str, Any] | None = None, bundle: str | None = None
    ) -> Version:
        """Keep the verdict of the gate on a version, and the digest of its report. ``bundle``, if given, is the one
        that was judged, and has to be the version's."""
        with self._scene() as now:
            found = now.version(version)
            if bundle is not None and bundle != found.bundle:
                raise ReleaseError(
                    f"{self.name}/{found.version} is bundle {found.bundle}, the verdict is about {bundle}. Name the "
                    "version that was judged."
                )
            tags = consent.verdict_tags(verdict, bundle=found.bundle or "none", report=report)
            for key, value in tags.items():
                now.client.set_model_version_tag(self.name, found.version, key, value)
            return now.version(version)

    def approve(self, version: str | int, *, who: str, why: str, bundle: str | None = None) -> Step:
        """Say that a version may become champion. It is bound to the files as they are; ``bundle``, if given, has to be
        their id. The same person counts once."""
        event = release_event("approved", who, why)
        with self._scene() as now:
            found = now.version(version)
            if done := now.finished("approved", found):
                return done
            files = now.open(found).bundle
            if bundle is not None and bundle != files:
                raise ReleaseError(f"{self.name}/{found.version} is bundle {files}, you approve {bundle}. Look again.")
            if consent.has_approved(found, files, who):
                raise ReleaseError(f"{who.strip()} has approved {self.name}/{found.version} already.")
            key, value = consent.approval_tag(who, bundle=files, at=datetime.now(UTC))
            return now.take(event, found, {}, tags={found.version: {key: value}})

    def to_shadow(self, version: str | int, *, who: str, why: str) -> Step:
        """Let a version decide beside the champion, without effect."""
        event = release_event("shadowed", who, why)
        with self._scene() as now:
            found = now.version(version)
            if done := now.finished("shadowed", found):
                return done
            self._not_champion(now.champion("A shadow decides beside a champion"), found)
            now.open(found)
            return now.take(event, found, {"shadow": found.version}, stage="shadow")

    def to_canary(
        self, version: str | int, *, who: str, why: str, share: float | None = None, force: bool = False
    ) -> Step:
        """Give a version a share of the sessions, drawn anew.

        Args:
            share: by default ``release.canary_share`` of the champion.
            force: also without the verdict of the gate; the event says so.
        """
        with self._scene() as now:
            found = now.version(version)
            if done := now.finished("canary_started", found):
                return done
            champion = now.champion("A canary is compared with a champion")
            self._not_champion(champion, found)
            if (other := now.aliases.get("canary")) is not None:
                raise ReleaseError(f"{self.name}/{other} is the canary, there can be one. Stop or promote it first.")
            files = now.open(found)
            if not force:
                consent.check_verdict(found, files.bundle)
            part = now.open(champion).release.canary_share if share is None else share
            if not 0 < part < 1:
                raise InvalidRequestError(f"Found a share of {part}, expected more than 0 and less than 1.")
            event = release_event("canary_started", who, why, {"share": part, "forced": force})
            moves: Moves = {"canary": found.version, **_without(now, "shadow", found)}
            drawn = {CANARY_SHARE: repr(part), CANARY_DRAW: secrets.token_hex(6)}
            return now.take(event, found, moves, stage="canary", tags={found.version: drawn})

    def stop_canary(self, *, who: str, why: str, detail: Mapping[str, Any] | None = None) -> Step:
        """Give the canary's sessions back to the champion. Its verdict is void: it has to be evaluated again."""
        event = release_event("canary_stopped", who, why, detail)
        with self._scene() as now:
            if done := now.finished("canary_stopped"):
                return done
            if "canary" not in now.aliases:
                raise ReleaseError(f"{self.name} has no canary that could be stopped.")
            found = now.version(alias="canary")
            void = {found.version: {consent.VERDICT: "stopped"}}
            return now.take(event, found, {"canary": None}, stage="stopped", tags=void)

    def promote(
        self, version: str | int, *, who: str, why: str, force: bool = False, holdback: str | int | None = None
    ) -> Step:
        """Make a version the champion. ``previous`` keeps the one that it replaces.

        Args:
            force: also without the verdict of the gate; the event says so. Approvals are needed all the same.
            holdback: the version that held back sessions stay on from now on; by default as it is, or, where
                ``release.holdback_share`` of the new champion asks for one and there is none, the one it replaces.
        """
        with self._scene() as now:
            found, aliases = now.version(version), now.aliases
            if done := now.finished("promoted", found):
                return done
            if aliases.get("champion") == found.version:
                raise ReleaseError(f"{self.name}/{found.version} is the champion already.")
            if (canary := aliases.get("canary", found.version)) != found.version:
                raise ReleaseError(f"{self.name}/{canary} is the canary. Stop it, or promote it.")
            files = now.open(found)
            old = now.open(now.version(alias="champion")) if "champion" in aliases else None
            if old is not None and not force:  # a first champion has nothing that it could be judged against
                consent.check_verdict(found, files.bundle)
            needed = max(one.release.approvals for one in (files, old) if one is not None)
            agreed = consent.check_approvals(found, files.bundle, who=who, needed=needed)
            verdict = {"verdict": found.tags.get(consent.VERDICT), "report_sha256": found.tags.get(consent.REPORT)}
            detail = {"forced": force, "agreed": list(agreed), **verdict}
            moves: Moves = {
                **({"previous": aliases["champion"]} if old is not None else {}),
                **_holdback(now, files, holdback),
                "champion": found.version,
                **{alias: None for alias in ("canary", "shadow", "challenger") if aliases.get(alias) == found.version},
            }
            replaced: dict[str, Moves] = {found.version: {REPLACED: aliases.get("champion")}}
            if old is not None:
                replaced[aliases["champion"]] = {STAGE: "retired"}
            event = release_event("promoted", who, why, detail, before=old, after=files)
            return now.take(event, found, moves, stage="champion", tags=replaced)

    def rollback(self, *, who: str, why: str) -> Step:
        """Make the previous champion the champion again, and stop a canary. Verdict and approvals of the version that
        is left are void; ``previous`` becomes what was champion before the one that returns."""
        with self._scene() as now:
            if done := now.finished("rolled_back"):
                return done
            if now.aliases.get("previous") in (None, now.aliases.get("champion")):
                raise ReleaseError(f"{self.name} has no previous champion to go back to. Promote a version instead.")
            left, found = now.champion("There is something to leave"), now.version(alias="previous")
            files = now.open(found)
            event = release_event(
                "rolled_back", who, why, {"from": left.version, "from_bundle": left.bundle}, after=files
            )
            moves: Moves = {"champion": found.version, "canary": None, "previous": found.tags.get(REPLACED)}
            void = {**consent.without_approvals(left), STAGE: "rolled back", consent.VERDICT: "rolled back"}
            return now.take(event, found, moves, stage="champion", tags={left.version: void})

    def champion_release(self) -> Release:
        """How a challenger becomes champion, by the champion's ``router.yaml``."""
        with self._scene() as now:
            return now.open(now.champion("The rules of a release are the champion's")).release

    def _scene(self) -> AbstractContextManager[Scene]:
        return scene(self.log, self.name, self.tracking_uri)

    def _not_champion(self, champion: Version, found: Version) -> None:
        if champion.version == found.version:
            raise ReleaseError(f"{self.name}/{found.version} is the champion. Give the version that is to follow it.")


def _without(now: Scene, alias: str, version: Version) -> Moves:
    """Takes an alias off a version, where it is on it."""
    return {alias: None} if now.aliases.get(alias) == version.version else {}


def _holdback(now: Scene, files: Opened, asked: str | int | None) -> Moves:
    if asked is not None:
        return {"holdback": now.version(asked).version}
    champion = now.aliases.get("champion")
    due = files.release.holdback_share > 0 and "holdback" not in now.aliases and champion is not None
    return {"holdback": champion} if due else {}
