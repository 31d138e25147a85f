"""The model registry: bundles as versions of an MLflow model, with aliases such as ``champion``.

The only file of this package that talks to MLflow, and only inside functions: ``mlflow-skinny`` is an optional extra.
It goes through ``MlflowClient`` with an explicit store, so MLflow's process-wide tracking URI and active run stay as
the caller has them. What is fetched is a folder of files; no pyfunc is ever loaded here, since who may write to a
registry could run code that way.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from router_ml.errors import RegistryError
from router_ml.storage.mlflow_store import artifact_root, local_path, open_store, tracking_uri

__all__ = ["RunInfo", "Version", "fetch", "get_alias", "log_bundle", "set_alias", "tracking_uri", "versions"]
