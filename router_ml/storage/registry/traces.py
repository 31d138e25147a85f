"""The traces of an MLflow store, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from router_ml.errors import RegistryError
from router_ml.storage.registry.store import opened

PAGE = 100


def read_traces(experiment: str, *, tracking_uri: str | None = None) -> Iterator[dict[str, Any]]:
    """Traces of an experiment, oldest first, each as ``Trace.to_dict()``.

    Raises:
        RegistryError: there is no such experiment, or the store cannot be reached. MissingExtraError: no MLflow.
    """
    with opened(tracking_uri) as (client, uri):
        found = client.get_experiment_by_name(experiment)
        if found is None:
            raise RegistryError(
                f"{uri.partition('://')[0]} store holds no experiment of this name. Check its spelling."
            )
        token = None
        while True:
            page = client.search_traces(
                locations=[found.experiment_id], max_results=PAGE, order_by=["timestamp_ms ASC"], page_token=token
            )
            for trace in page:
                yield trace.to_dict()
            token = page.token
            if not token:
                return
