"""From a model URI to the folder of a bundle on this machine."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from urllib.request import url2pathname

from router_ml.errors import RegistryError
from router_ml.storage.registry.lookup import find
from router_ml.storage.registry.store import opened, redacted

BUNDLE_PATH = "artifacts/bundle"  # where MLflow puts the artifact named "bundle" inside a pyfunc
MANIFEST = "manifest.json"


def fetch(uri: str, *, tracking_uri: str | None = None) -> tuple[Path, str]:
    """The folder of a registered bundle, and the version that it is.

    Args:
        uri: ``models:/router@champion`` or ``models:/router/3``.
        tracking_uri: the store; by default the one that ``tracking_uri()`` names.

    Returns:
        The folder (in place if the artifacts are on this machine, else downloaded once into ``$XDG_CACHE_HOME``) and
        ``router/3``. The files are not checked here: opening the bundle does that.

    Raises:
        RegistryError: what was asked for, what there is, and what to do.
        MissingExtraError: MLflow is not installed.
    """
    asked = re.fullmatch(r"models:/([^/@:]+)(?:@([^/@:]+)|/(\d+))", uri)
    if asked is None:
        raise RegistryError(f"{uri!r} names no model. Write models:/router@champion or models:/router/3.")
    with opened(tracking_uri) as (client, store):
        found = find(client, store, asked[1], asked[3], alias=asked[2])
        label = f"{found.name}/{found.version}"
        location = client.get_model_version_download_uri(found.name, found.version).rstrip("/")
        folder = local_path(f"{location}/{BUNDLE_PATH}") or _download(f"{location}/{BUNDLE_PATH}", store)
    if not (folder / MANIFEST).is_file():
        raise RegistryError(
            f"{label} in {redacted(store)} should have its bundle in {redacted(location)}, but there is no {MANIFEST}. "
            "Restore the artifacts of the store, or register the bundle again."
        )
    return folder, label


def local_path(location: str) -> Path | None:
    """The path of an artifact location on this machine; None if it is elsewhere."""
    parts = urlsplit(location)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return Path(location) if not parts.scheme else None


def cache_folder() -> Path:
    """Where downloaded bundles are kept: ``$XDG_CACHE_HOME``, by default ``~/.cache``. Created if missing."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "router_ml" / "registry"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _download(artifact: str, store: str) -> Path:
    from mlflow.artifacts import download_artifacts

    key = hashlib.sha256(f"{store} {artifact}".encode()).hexdigest()[:16]  # artifacts of a version never change
    target = cache_folder() / key
    if not target.is_dir():
        with TemporaryDirectory(dir=target.parent, prefix="download-") as temporary:
            found = download_artifacts(artifact, dst_path=temporary, tracking_uri=store)
            try:
                Path(found).rename(target)
            except OSError:
                if not target.is_dir():  # else another process was faster, with the same files
                    raise
    return target
