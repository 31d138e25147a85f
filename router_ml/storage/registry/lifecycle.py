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
from router_ml.storage.registry import consent, history, moving, verdicts
from router_ml.storage.registry.lookup import Version
from router_ml.storage.registry.record import log_bundle
from router_ml.storage.registry.scene import STAGE, Moves, Scene, Step, release_event, scene
from router_ml.storage.registry.standing import CANARY_DRAW, CANARY_SHARE

if TYPE_CHECKING:
    from router_ml.storage.eventlog import EventLog

GATE = "router-ml evaluate"


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
            now.take(event, now.version(made.version), {"challenger": made.version}, stage="challenger")
            return now.version(made.version)

    def judge(
        self,
        version: str | int,
        verdict: str,
        *,
        report: Mapping[str, Any] | None = None,
        bundle: str | None = None,
        who: str = GATE,
        why: str = "the gate has judged it",
    ) -> Version:
        """Keep the verdict of the gate on a version, and the digest of its report.

        Args:
            report: as ``Verdict.to_dict`` of the gate gives it, about this version against today's champion; needed for
                ``promote``. One that was used before a stop or a rollback does not count.
            bundle: if given, has to be the version's.
        """
        with self._scene() as now:
            found = now.version(version)
            if bundle is not None and bundle != found.bundle:
                raise ReleaseError(
                    f"{self.name}/{found.version} is bundle {found.bundle}, the verdict is about {bundle}."
                )
            tags = moving.judged(now, found, verdict, report)
            event = release_event("judged", who, why, verdicts.detail_of(tags))
            now.take(event, found, {}, tags={found.version: tags})
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
        self,
        version: str | int,
        *,
        who: str,
        why: str,
        share: float | None = None,
        force: bool = False,
        report: Mapping[str, Any] | None = None,
    ) -> Step:
        """Give a version a share of the sessions, drawn anew.

        Args:
            share: by default ``release.canary_share`` of the champion, which is the most as long as fewer people agree
                than a promotion of this version needs.
            force: also without the verdict of the gate; the event says so.
            report: the verdict, as ``judge`` takes it; kept with this step.
        """
        with self._scene() as now:
            found = now.version(version)
            if done := now.finished("canary_started", found):
                return done
            champion = now.champion("A canary is compared with a champion")
            self._not_champion(champion, found)
            if (other := now.aliases.get("canary")) is not None:
                raise ReleaseError(f"{self.name}/{other} is the canary, there can be one. Stop or promote it first.")
            files, ruling = now.open(found), now.open(champion)
            judged = {} if report is None else moving.judged(now, found, str(report.get("verdict")), report)
            tags = {**found.tags, **judged}
            if not force:
                verdicts.check(tags, version=found, bundle=files.bundle, champion=ruling.bundle)
            most = ruling.release.canary_share
            part = most if share is None else share
            if not 0 < part < 1:
                raise InvalidRequestError(f"Found a share of {part}, expected more than 0 and less than 1.")
            agreed = consent.agreed(found, files.bundle, who=who)
            if part > most:
                needed, step = consent.needed(files, ruling), f" before its share is more than {most}"
                consent.check_approvals(found, agreed, needed=needed, step=step)
            detail = {"share": part, "forced": force, "agreed": list(agreed), **verdicts.detail_of(tags)}
            event = release_event("canary_started", who, why, detail)
            moves: Moves = {"canary": found.version, **moving.without(now, "shadow", found)}
            drawn = {CANARY_SHARE: repr(part), CANARY_DRAW: secrets.token_hex(6)}
            return now.take(event, found, moves, stage="canary", tags={found.version: {**judged, **drawn}})

    def stop_canary(self, *, who: str, why: str, detail: Mapping[str, Any] | None = None) -> Step:
        """Give the canary's sessions back to the champion. Its verdict is void: it has to be evaluated again."""
        event = release_event("canary_stopped", who, why, detail)
        with self._scene() as now:
            if done := now.finished("canary_stopped"):
                return done
            if "canary" not in now.aliases:
                raise ReleaseError(f"{self.name} has no canary that could be stopped.")
            found = now.version(alias="canary")
            void = {found.version: {verdicts.VERDICT: verdicts.STOPPED}}
            return now.take(event, found, {"canary": None}, stage="stopped", tags=void)

    def promote(
        self,
        version: str | int,
        *,
        who: str,
        why: str,
        force: bool = False,
        holdback: str | int | None = None,
        report: Mapping[str, Any] | None = None,
    ) -> Step:
        """Make a version the champion. ``previous`` keeps the one that it replaces.

        Args:
            force: also without the verdict of the gate; the event says so. Approvals are needed all the same.
            holdback: the version that held back sessions stay on from now on: one that is or was champion, and was not
                rolled back since. By default as it is, or, where ``release.holdback_share`` of the new champion asks
                for one and there is none, the one it replaces.
            report: the verdict, as ``judge`` takes it; kept with this step.
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
            left = now.version(alias="champion") if "champion" in aliases else None
            old = None if left is None else now.open(left)
            judged = {} if report is None else moving.judged(now, found, str(report.get("verdict")), report)
            tags = {**found.tags, **judged}
            if old is not None and not force:  # a first champion has nothing that it could be judged against
                verdicts.check(tags, version=found, bundle=files.bundle, champion=old.bundle)
            agreed = consent.agreed(found, files.bundle, who=who)
            consent.check_approvals(found, agreed, needed=consent.needed(files, old))
            detail = {"forced": force, "agreed": list(agreed), **verdicts.detail_of(tags)}
            moves: Moves = {
                **({"previous": left.version} if left is not None else {}),
                **moving.holdback(now, files, holdback),
                "champion": found.version,
                **{alias: None for alias in ("canary", "shadow", "challenger") if aliases.get(alias) == found.version},
            }
            event = release_event("promoted", who, why, detail, before=old, after=files)
            written: dict[str, Moves] = {found.version: {**judged, **history.entered(found, left, event.at)}}
            if left is not None:
                written[left.version] = {STAGE: "retired"}
            return now.take(event, found, moves, stage="champion", tags=written)

    def rollback(self, *, who: str, why: str) -> Step:
        """Make the previous champion the champion again, and stop a canary. Verdict and approvals of the version that
        is left are void; ``previous`` becomes what was champion before the one that returns, unless that was rolled
        back itself."""
        with self._scene() as now:
            if done := now.finished("rolled_back"):
                return done
            if now.aliases.get("previous") in (None, now.aliases.get("champion")):
                raise ReleaseError(f"{self.name} has no previous champion to go back to. Promote a version instead.")
            left, found = now.champion("There is something to leave"), now.version(alias="previous")
            files, behind = now.open(found), history.behind(found, left, now.versions())
            event = release_event(
                "rolled_back", who, why, {"from": left.version, "from_bundle": left.bundle}, after=files
            )
            moves: Moves = {
                "champion": found.version,
                "canary": None,
                "previous": behind[-1] if behind else None,
                **moving.without(now, "holdback", left),
            }
            tags: dict[str, Moves] = {
                left.version: {
                    **consent.without_approvals(left),
                    STAGE: "rolled back",
                    verdicts.VERDICT: verdicts.ROLLED_BACK,
                    history.SINCE: None,
                },
                found.version: {history.BEFORE: ",".join(behind) or None},
            }
            if (canary := now.aliases.get("canary")) not in (None, left.version):
                tags[str(canary)] = {STAGE: "stopped", verdicts.VERDICT: verdicts.STOPPED}
            return now.take(event, found, moves, stage="champion", tags=tags)

    def champion_release(self) -> Release:
        """How a challenger becomes champion, by the champion's ``router.yaml``."""
        with self._scene() as now:
            return now.open(now.champion("The rules of a release are the champion's")).release

    def _scene(self) -> AbstractContextManager[Scene]:
        return scene(self.log, self.name, self.tracking_uri)

    def _not_champion(self, champion: Version, found: Version) -> None:
        if champion.version == found.version:
            raise ReleaseError(f"{self.name}/{found.version} is the champion. Give the version that is to follow it.")
