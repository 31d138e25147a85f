"""A bundle with priors: everything of another bundle, ``priors.json``, and a seal of its own."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from router_ml.allocation.priors import CellPriors
from router_ml.errors import OfflineDataError
from router_ml.storage.bundle import MANIFEST, Manifest, seal, verify
from router_ml.storage.priors import check_labels, digest, save_priors
from router_ml.storage.promises import FILE as PROMISES
from router_ml.understanding.classifier import Classifier
from training.retraining.writing import copy_contracts


def with_priors(base: Path, priors: CellPriors, out: Path, *, now: datetime, config: Path | None = None) -> Manifest:
    """Write a bundle to ``out``: that of ``base`` with these priors.

    Certificates are left out: they are of what the base believed, and nothing is certified of other beliefs until
    ``training.retrain --priors`` has certified it.

    Args:
        config: the ``router.yaml`` of the new bundle, with the contracts of tools beside it; default: that of the base.

    Raises:
        OfflineDataError: there is something in ``out`` already.
        BundleIntegrityError, BundleFormatError: the base is not a sound bundle, or has other labels.
    """
    if out.exists() and any(out.iterdir()):
        raise OfflineDataError(f"{out} is not empty. Give a folder that is not there yet.")
    before = verify(base)
    spec = Classifier.load(base).spec
    check_labels(priors, intents=spec.intent.labels, domains=spec.domain.labels, where=str(base))
    for name in before.files:
        if name != PROMISES:
            target = out / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(base / name, target)
    if config is not None:
        shutil.copyfile(config, out / "router.yaml")
        copy_contracts(config.read_text(encoding="utf-8"), config.parent, out)
    save_priors(priors, out)
    (out / MANIFEST).unlink(missing_ok=True)
    training = {**before.training, "parent": before.id, "priors_sha256": digest(priors)}
    return seal(out, name=before.name, created_at=now, encoder_sha256=before.encoder_sha256, training=training)
