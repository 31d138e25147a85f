"""The bundle that a run is made with: settled once, and the same in every worker."""

from __future__ import annotations

import os

from router_ml.errors import OfflineDataError
from router_ml.storage.bundle import Bundle
from router_ml.storage.loading import MODEL_VARIABLE, open_learned


def settled(model: str | None) -> tuple[Bundle, str | None]:
    """The bundle that ``model`` names, as ``Router.load`` takes it, and a name that does not move: of a registered
    model the version that it is now, and what ``$ROUTER_ML_MODEL`` says here. None: the bundle that ships.

    Raises:
        OfflineDataError: it is a ``router.yaml``, which has learned nothing.
    """
    model = model or os.environ.get(MODEL_VARIABLE) or None
    parts = open_learned(model)
    if parts.bundle is None:
        raise OfflineDataError("A router.yaml has no learned part. Give a bundle folder or a models:/ URI.")
    return parts.bundle, f"models:/{parts.registry}" if parts.registry else model


def open_bundle(model: str | None, bundle: str | None = None) -> Bundle:
    """The bundle that ``model`` names, which has to have the id ``bundle`` where one is given.

    Raises:
        OfflineDataError: it is a ``router.yaml``, or another bundle.
    """
    found, _ = settled(model)
    if bundle is not None and found.manifest.id != bundle:
        raise OfflineDataError(
            f"{model or 'The bundle that ships'} is {found.manifest.id} for a worker, the run was started with "
            f"{bundle}. Let all workers reach the same bundle, and do not replace it while a run goes on."
        )
    return found
