"""What a command line names as evidence, opened: an outcome pack beside the bundle that routes, or an event log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from router_ml.cli.inputs import event_log, open_config
from router_ml.errors import InvalidRequestError, OfflineDataError

if TYPE_CHECKING:
    from router_ml.offline.judging.judged import Judged
    from router_ml.offline.judging.packs import Pack
    from router_ml.storage.bundle import Bundle

_IN_MEMORY = "sqlite://"


def open_bundle(model: str | None) -> Bundle:
    """The bundle that ``model`` names, as ``Router.load`` takes it.

    Raises:
        InvalidRequestError: it is a ``router.yaml``, which has learned nothing.
    """
    from router_ml.router import Router

    bundle = Router.load(model, log=_IN_MEMORY).bundle
    if bundle is None:
        raise InvalidRequestError("A router.yaml has no learned part to judge. Give --model a bundle.")
    return bundle


def open_pack(data: Path, bundle: Bundle) -> Pack:
    """A pack that was embedded by the bundle's encoder."""
    from router_ml.offline.judging.packs import read_pack

    return read_pack(data, encoder=bundle.encoder.sha256)


def judged(
    data: Path | None, *, log: str | None = None, model: str | None = None, traffic_class: str | None = None
) -> tuple[Judged, bool]:
    """What is known of every lane, and whether the router has learned from it.

    Args:
        data: an outcome pack; the bundle of ``model`` routes it as ``traffic_class`` (``default``).
        log: an event log instead, by default ``$ROUTER_ML_LOG``; what routed there is judged, of ``traffic_class``
            alone if given. ``model`` gives the configuration.

    Raises:
        InvalidRequestError: both are given. OfflineDataError: they do not allow it, and why.
    """
    from router_ml.offline.judging.judged import from_log, from_pack, pack_policy
    from router_ml.offline.judging.packs import learned_from

    if data is None:
        _, config = open_config(model=model)
        with event_log(log) as events:
            logged = events.logged()
        if traffic_class is not None:
            logged = logged.select(logged.traffic_class == traffic_class)
        if len(logged) == 0:
            of = f" of the traffic class {traffic_class!r}" if traffic_class else ""
            raise OfflineDataError(f"The log holds no decision{of}. Route some requests with this log first.")
        return from_log(logged, config), False
    if log is not None:
        raise InvalidRequestError("Found both --data and --log, expected one: outcomes of every lane, or a log.")
    bundle = open_bundle(model)
    pack, name = open_pack(data, bundle), traffic_class or "default"
    spec = bundle.classifier.spec
    labels = (tuple(spec.intent.labels), tuple(spec.domain.labels))
    policy = pack_policy(pack, bundle.allocation, bundle.config, traffic_class=name, promises=bundle.promises)
    found = from_pack(pack, policy, bundle.config, labels=labels, traffic_class=name)
    return found, learned_from(bundle, pack)
