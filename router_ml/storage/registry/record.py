"""Runs recorded: a training run with its bundle, which is registered; a benchmark without one."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from router_ml.storage.registry.lookup import Version
from router_ml.storage.registry.store import artifact_root, opened

SERVED_MODEL = Path(__file__).parents[2] / "served_model.py"
BATCH = 100  # parameters that one request to MLflow may carry
DIGEST_LENGTH = 36  # of a dataset, in MLflow's schema; the whole digest is kept beside it


def log_bundle(
    folder: str | Path,
    *,
    name: str = "router",
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    datasets: Mapping[str, str] | None = None,
    files: Sequence[Path] = (),
    tags: Mapping[str, str] | None = None,
    tracking_uri: str | None = None,
) -> Version:
    """Record one MLflow run, and register the bundle as a new version.

    The version appears last, so that a failure on the way leaves a failed run and no half version. The bundle is
    stored as model from code: its files, and ``served_model.py`` as text; nothing is pickled.

    Args:
        folder: of a sealed bundle.
        name: of the registered model, and of the experiment that its runs are in.
        params: how it was made; values are kept as their ``str``.
        metrics: what it reached.
        datasets: digest (sha256) of what it learned from, by name.
        files: plots and reports.
        tags: of the run and the version; ``bundle``, the id in the manifest, is always among them.
        tracking_uri: the store; by default the one that ``tracking_uri()`` names.

    Raises:
        BundleError: the folder is not a sound bundle; nothing was recorded.
        RegistryError: the store cannot be reached or refused something.
        MissingExtraError: MLflow is not installed.
    """
    from router_ml.storage.bundle import verify  # opens the libraries of serving, which fetching has no need of

    bundle = verify(Path(folder)).id
    with opened(tracking_uri, create=True) as (client, uri):
        experiment_id = _experiment(client, name, artifact_root(uri))
        labels = {**(tags or {}), "bundle": bundle}
        run_id = client.create_run(experiment_id, tags=labels, run_name=bundle).info.run_id
        status = "FAILED"
        try:
            model = client.create_logged_model(experiment_id, name=name, source_run_id=run_id)
            _log_numbers(client, run_id, model.model_id, params or {}, metrics or {})
            _log_datasets(client, run_id, datasets or {})
            for path in files:
                client.log_artifact(run_id, str(path))
            _log_model(client, run_id, model, Path(folder))
            _create(client.create_registered_model, name)
            made = client.create_model_version(
                name, source=model.artifact_location, run_id=run_id, model_id=model.model_id, tags=labels
            )
            status = "FINISHED"
        finally:
            client.set_terminated(run_id, status)
    return Version(name, str(made.version), run_id, bundle)


def log_run(
    name: str,
    *,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    datasets: Mapping[str, str] | None = None,
    files: Sequence[Path] = (),
    tags: Mapping[str, str] | None = None,
    tracking_uri: str | None = None,
) -> str:
    """Record one MLflow run without a bundle, such as a benchmark; what fails on the way leaves a failed run.

    Args:
        name: of the experiment; the others are those of ``log_bundle``.

    Returns:
        The id of the run.

    Raises:
        RegistryError: the store cannot be reached or refused something.
        MissingExtraError: MLflow is not installed.
    """
    with opened(tracking_uri, create=True) as (client, uri):
        run_id = str(client.create_run(_experiment(client, name, artifact_root(uri)), tags=dict(tags or {})).info.run_id)
        status = "FAILED"
        try:
            _log_numbers(client, run_id, None, params or {}, metrics or {})
            _log_datasets(client, run_id, datasets or {})
            for path in files:
                client.log_artifact(run_id, str(path))
            status = "FINISHED"
        finally:
            client.set_terminated(run_id, status)
    return run_id


def _create(create: Any, name: str, **fields: str | None) -> Any:
    """Create an experiment or a model, or None if there is one already, possibly since a moment ago."""
    from mlflow.exceptions import MlflowException

    try:
        return create(name, **fields)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return None


def _experiment(client: Any, name: str, artifacts: str | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is None and (made := _create(client.create_experiment, name, artifact_location=artifacts)) is not None:
        return str(made)
    return str((found or client.get_experiment_by_name(name)).experiment_id)


def _log_numbers(
    client: Any, run_id: str, model_id: str | None, params: Mapping[str, object], metrics: Mapping[str, float]
) -> None:
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    texts = [Param(key, str(value)) for key, value in params.items()]
    numbers = [Metric(key, float(value), now, 0, model_id=model_id) for key, value in metrics.items()]
    for start in range(0, max(len(texts), len(numbers)), BATCH):
        client.log_batch(run_id, numbers[start : start + BATCH], texts[start : start + BATCH])


def _log_datasets(client: Any, run_id: str, datasets: Mapping[str, str]) -> None:
    from mlflow.entities import Dataset, DatasetInput

    inputs = [
        DatasetInput(Dataset(name, digest[:DIGEST_LENGTH], "digest", json.dumps({"digest": digest})))
        for name, digest in datasets.items()
    ]
    if inputs:
        client.log_inputs(run_id, inputs)


def _log_model(client: Any, run_id: str, model: Any, folder: Path) -> None:
    from mlflow import pyfunc
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    record = Model(
        artifact_path=model.artifact_location, run_id=run_id, model_uuid=model.model_id, model_id=model.model_id
    )
    with TemporaryDirectory() as temporary:
        bundle = shutil.copytree(folder, Path(temporary, "bundle"))  # the artifact is called as its folder is
        target = Path(temporary, "model")
        pyfunc.save_model(
            target,
            python_model=str(SERVED_MODEL),
            artifacts={"bundle": str(bundle)},
            pip_requirements=[_requirement()],  # named, or MLflow would load the model to find out
            mlflow_model=record,
        )
        client.log_model_artifacts(model.model_id, str(target))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])


def _requirement() -> str:
    try:
        return f"router-ml=={metadata.version('router-ml')}"
    except metadata.PackageNotFoundError:  # run from a clone that is not installed
        return "router-ml"
