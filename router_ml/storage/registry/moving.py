"""What a step writes beside its own alias: verdicts, and who is held back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router_ml.errors import ReleaseError
from router_ml.storage.registry import history, verdicts
from router_ml.storage.registry.consent import Opened
from router_ml.storage.registry.lookup import Version
from router_ml.storage.registry.scene import Moves, Scene


def without(now: Scene, alias: str, version: Version) -> Moves:
    """Takes an alias off a version, where it is on it."""
    return {alias: None} if now.aliases.get(alias) == version.version else {}


def judged(now: Scene, found: Version, verdict: str, report: Mapping[str, Any] | None) -> dict[str, str]:
    """Tags of a version by a verdict, which has to be one that is about it and today's champion."""
    champion = now.version(alias="champion") if "champion" in now.aliases else None
    alike = [one for one in now.versions().values() if one.bundle == found.bundle]
    return verdicts.tags_of(verdict, report, version=found, champion=champion, alike=alike)


def holdback(now: Scene, files: Opened, asked: str | int | None) -> Moves:
    """What sessions are held back on from now on: what was ``asked``, else as the configuration of ``files`` wants it.

    Raises:
        ReleaseError: nobody agreed that it routes. As ``Scene.open``, where its files are not what was registered.
    """
    champion = now.aliases.get("champion")
    if asked is not None:
        held = now.version(asked)
        if held.version != champion and not history.stands(held):
            raise ReleaseError(
                f"{now.name}/{held.version} was never champion, or was rolled back. Hold sessions back on one that was "
                "agreed to: the champion, or one before it."
            )
        now.open(held)
        return {"holdback": held.version}
    due = files.release.holdback_share > 0 and "holdback" not in now.aliases and champion is not None
    return {"holdback": champion} if due else {}
