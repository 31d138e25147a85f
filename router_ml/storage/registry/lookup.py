"""Which versions and aliases there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from router_ml.errors import RegistryError
from router_ml.storage.registry.store import opened, redacted


@dataclass(frozen=True)
class Version:
    """One registered bundle. ``bundle`` is the id of its manifest; ``aliases`` and ``tags`` as of when it was asked
    for."""

    name: str
    version: str
    run_id: str | None
    bundle: str | None
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def uri(self) -> str:
        """``models:/router/3``: what ``fetch`` takes."""
        return f"models:/{self.name}/{self.version}"


def set_alias(name: str, alias: str, version: str | int, *, tracking_uri: str | None = None) -> None:
    """Let an alias point at a version, whatever it pointed at before.

    Raises:
        RegistryError: there is no such version.
    """
    with opened(tracking_uri) as (client, uri):
        find(client, uri, name, str(version))
        client.set_registered_model_alias(name, alias, str(version))


def get_alias(name: str, alias: str, *, tracking_uri: str | None = None) -> str | None:
    """The version that an alias points at, or None."""
    with opened(tracking_uri) as (client, _):
        return next((found.version for found in known(client, name) if alias in found.aliases), None)


def versions(name: str = "router", *, tracking_uri: str | None = None) -> tuple[Version, ...]:
    """All versions, newest first; none if the model does not exist."""
    with opened(tracking_uri) as (client, _):
        return known(client, name)


def find(client: Any, store: str, name: str, version: str | None, *, alias: str | None = None) -> Version:
    """The version with this number, or the one that the alias points at.

    Raises:
        RegistryError: there is none; says which versions and aliases, or else which models, the store holds.
    """
    there = known(client, name)
    for found in there:
        if found.version == version or alias in found.aliases:
            return found
    asked = f"{name}@{alias}" if alias else f"{name}/{version}"
    if not there:
        raise missing(client, store, name, asked)
    numbers = ", ".join(found.version for found in there)
    aliases = ", ".join(f"{alias} -> {found.version}" for found in there for alias in found.aliases) or "none"
    raise RegistryError(
        f"There is no {asked} in {redacted(store)}. Versions: {numbers}; aliases: {aliases}. "
        "Ask for one of these, or let the alias point at one."
    )


def registered(client: Any, name: str) -> Any | None:
    """MLflow's record of a model, None where there is none."""
    return next(iter(client.search_registered_models(f"name = '{name}'")), None)


def missing(client: Any, store: str, name: str, asked: str | None = None) -> RegistryError:
    """The error that says which models there are instead."""
    others = ", ".join(sorted(model.name for model in client.search_registered_models())) or "none"
    return RegistryError(
        f"There is no {asked or name} in {redacted(store)}: it has no versions of {name}; models there: {others}. "
        "Register a bundle first, or name the right store in MLFLOW_TRACKING_URI."
    )


def known(client: Any, name: str) -> tuple[Version, ...]:
    """``versions`` with an open client."""
    model = registered(client, name)
    if model is None:
        return ()
    found = sorted(client.search_model_versions(f"name = '{name}'"), key=lambda item: -int(item.version))
    aliases = {alias: str(version) for alias, version in model.aliases.items()}
    return tuple(
        Version(
            name,
            str(item.version),
            item.run_id or None,
            item.tags.get("bundle"),
            tuple(sorted(alias for alias, version in aliases.items() if version == str(item.version))),
            dict(item.tags),
        )
        for item in found
    )
