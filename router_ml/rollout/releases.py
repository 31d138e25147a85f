"""Which bundles should decide now, and for which share of the sessions: what the registry says, made into arms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from router_ml.router import Router
from router_ml.state.draws import SHADOW, Shares
from router_ml.state.memory import Memory

if TYPE_CHECKING:
    from router_ml.storage.registry import Standing

SERVED = ("champion", "canary", "holdback", SHADOW)
"""The aliases that a serving process opens; what is not opened at the start is opened beside the requests."""


class Source(Protocol):
    """Where releases come from."""

    def standing(self) -> Standing:
        """What should serve now. ``RouterError`` where nobody can say."""

    def open(self, version: str, *, memory: Memory | None) -> Router:
        """A router of a version. ``RouterError`` where it cannot be fetched, trusted or read."""


@dataclass(frozen=True)
class Registered:
    """The versions of a registered model. The first router opens the log; the others share it."""

    name: str
    config: str | Path | None = None
    log: str | Path | None = None
    threads: int = 1
    tracking_uri: str | None = None
    online: bool = False

    def standing(self) -> Standing:
        """As ``Source``."""
        from router_ml.storage.registry import read_standing

        return read_standing(self.name, tracking_uri=self.tracking_uri)

    def open(self, version: str, *, memory: Memory | None) -> Router:
        """As ``Source``."""
        return Router.load(
            f"models:/{self.name}/{version}",
            config=self.config,
            log=self.log,
            threads=self.threads,
            tracking_uri=self.tracking_uri,
            online=self.online,
            memory=memory,
        )


class Serving(NamedTuple):
    """A version and the router that it was opened as."""

    version: str
    router: Router


@dataclass(frozen=True)
class Arrangement:
    """Who decides, as of one moment: replaced as a whole, never changed. ``shares``: None where there is a champion
    alone; ``salt``: what sessions are drawn with."""

    champion: Serving
    canary: Serving | None = None
    holdback: Serving | None = None
    shadow: Serving | None = None
    shares: Shares | None = None
    salt: str = ""

    def router(self, arm: str) -> Router:
        """The router of an arm; of one that is not there any more, the champion."""
        given: Serving | None = {"canary": self.canary, "holdback": self.holdback}.get(arm)
        return (given or self.champion).router

    def serving(self) -> Iterator[Serving]:
        """All of them, the champion first."""
        yield from (one for one in (self.champion, self.canary, self.holdback, self.shadow) if one is not None)

    def named(self) -> dict[str, str | None]:
        """The version by arm."""
        return {arm: one.version if (one := getattr(self, arm)) else None for arm in SERVED}


def wanted(standing: Standing) -> tuple[str, ...]:
    """The versions that a serving process needs, the champion's first."""
    drawn = {"canary": _draws_canary(standing), "holdback": bool(standing.salt)}
    found = (standing.aliases.get(alias) for alias in SERVED if drawn.get(alias, True))
    return tuple(dict.fromkeys(version for version in found if version is not None))


def arrange(standing: Standing, opened: Mapping[str, Router], *, champion: Serving) -> Arrangement:
    """The arms, of versions that could be opened. ``champion``: the one so far, which stays until the next is there.

    >>> from router_ml.storage.registry.standing import Standing
    >>> arrange(Standing("router", {}), {}, champion=Serving("1", ...)).named()
    {'champion': '1', 'canary': None, 'holdback': None, 'shadow': None}
    """

    def ready(alias: str) -> Serving | None:
        version = standing.aliases.get(alias)
        return Serving(version, opened[version]) if version is not None and version in opened else None

    first = ready("champion") or champion
    canary = ready("canary") if _draws_canary(standing) else None
    canary = canary if canary and canary.version != first.version else None
    held = first.router.config.release.holdback_share if standing.salt and "holdback" in standing.aliases else 0.0
    holdback = ready("holdback") if held else None
    holdback = holdback if holdback and holdback.version != first.version else None
    shadow = ready(SHADOW)
    shadow = shadow if shadow and shadow.version not in (first.version, canary.version if canary else None) else None
    if canary is None and holdback is None:
        return Arrangement(first, shadow=shadow)
    shares = Shares(
        rollout="".join(
            [
                f"{standing.name}/{first.version}",
                f"+canary/{canary.version}:{standing.canary_draw}" if canary else "",
                f"+holdback/{holdback.version}" if holdback else "",
            ]
        ),
        holdback=held if holdback else 0.0,
        holdback_draw=holdback.version if holdback else "",
        canary=standing.canary_share or 0.0 if canary else 0.0,
        canary_draw=standing.canary_draw or "" if canary else "",
    )
    return Arrangement(first, canary, holdback, shadow, shares, standing.salt)


def _draws_canary(standing: Standing) -> bool:
    """Whether sessions can be drawn for a canary: not where its alias was set by hand."""
    return bool(standing.salt and standing.canary_share and standing.canary_draw)
