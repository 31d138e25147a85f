"""The model registry: bundles as versions of an MLflow model, with aliases such as ``champion``.

The only folder of the package that talks to MLflow, and only inside functions: ``mlflow-skinny`` is an optional extra.
It names its store in every call, so the tracking URI and the active run that a caller has set stay as they are. What
is fetched is a folder of files; no pyfunc is ever loaded, since whoever may write to a registry could run code so.
"""

from router_ml.storage.registry.download import fetch
from router_ml.storage.registry.lifecycle import Lifecycle
from router_ml.storage.registry.lookup import Version, get_alias, set_alias, versions
from router_ml.storage.registry.record import log_bundle, log_run
from router_ml.storage.registry.scene import Step
from router_ml.storage.registry.standing import Standing, read_standing
from router_ml.storage.registry.store import tracking_uri

__all__ = [
    "Lifecycle",
    "Standing",
    "Step",
    "Version",
    "fetch",
    "get_alias",
    "log_bundle",
    "log_run",
    "read_standing",
    "set_alias",
    "tracking_uri",
    "versions",
]
