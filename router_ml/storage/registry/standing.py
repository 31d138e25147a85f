"""What the registry says should serve now: which version each alias names, and how sessions are given to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from router_ml.storage.registry.lookup import missing, registered
from router_ml.storage.registry.store import opened

ALIASES = ("challenger", "shadow", "canary", "champion", "holdback", "previous")
"""What a version can be. ``challenger``: the newest; ``shadow`` decides beside the champion, and nobody acts on it;
``canary`` has a share of the sessions; ``holdback`` is what a permanent share of them stays on; ``previous`` is what
``rollback`` goes back to."""
SALT = "release.salt"
CANARY_SHARE, CANARY_DRAW = "canary_share", "canary_draw"


@dataclass(frozen=True)
class Standing:
    """One reading of the registry.

    ``aliases``: version by alias. ``salt``: the secret that sessions are drawn with, the same for every process;
    empty where no step of a release has been taken yet. ``canary_share``, ``canary_draw``: of the sessions, and which
    draw of them this is; None where the alias was set by hand.
    """

    name: str
    aliases: Mapping[str, str]
    salt: str = ""
    canary_share: float | None = None
    canary_draw: str | None = None


def read_standing(name: str = "router", *, tracking_uri: str | None = None) -> Standing:
    """Read it.

    Raises:
        RegistryError: the store cannot be reached, or there is no such model.
    """
    with opened(tracking_uri) as (client, store):
        return standing(client, store, name)


def standing(client: Any, store: str, name: str) -> Standing:
    """``read_standing`` with an open client. Aliases are read before the tags of what they name, which are written
    before an alias is: so what is read belongs together."""
    model = registered(client, name)
    if model is None:
        raise missing(client, store, name)
    aliases = {alias: str(version) for alias, version in model.aliases.items()}
    canary = aliases.get("canary")
    tags = dict(client.get_model_version(name, canary).tags) if canary else {}
    return Standing(name, aliases, model.tags.get(SALT, ""), _share(tags.get(CANARY_SHARE)), tags.get(CANARY_DRAW))


def _share(text: str | None) -> float | None:
    try:
        share = float(text or "")
    except ValueError:
        return None
    return share if 0 < share < 1 else None
