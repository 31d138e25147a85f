"""A bundle folder from learned parts and what is kept of another bundle."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from router_ml.allocation.estimate import Allocation
from router_ml.config.tool_files import contract_files
from router_ml.guardrails.entities import FILES as ENTITY_FILES
from router_ml.planning.head import FILES as PLAN_FILES
from router_ml.storage.bundle import Manifest, save_allocation, seal
from router_ml.storage.promises import Promises, save_promises
from router_ml.understanding.encoder import fingerprint

CLASSIFIER = ("classifier.safetensors", "classifier.json")
KEPT = ("encoder", *CLASSIFIER, *ENTITY_FILES, *PLAN_FILES)
OPTIONAL = (*ENTITY_FILES, *PLAN_FILES)


def write_bundle(
    base: Path,
    out: Path,
    allocation: Allocation,
    *,
    settings: Path,
    training: dict[str, object],
    now: datetime,
    promises: Promises | None = None,
    kept: Sequence[str] = KEPT,
) -> Manifest:
    """A bundle folder: what is kept of ``base`` with new allocation parts, the ``router.yaml`` with the contracts of
    tools that it names and the certificates given, sealed."""
    out.mkdir(parents=True, exist_ok=True)
    if out.resolve() != base.resolve():
        for name in kept:
            source, target = base / name, out / name
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            elif source.exists() or name not in OPTIONAL:
                shutil.copyfile(source, target)
    copy_contracts(settings.read_text(encoding="utf-8"), settings.parent, out)
    for source in (settings, settings.parent / "rewards.yaml"):
        target = out / ("router.yaml" if source == settings else source.name)
        if source.is_file() and source.resolve() != target.resolve():
            shutil.copyfile(source, target)
    save_allocation(out, allocation)
    save_promises(promises or Promises(), out)  # also where nothing is certified: those of another model are not ours
    return seal(out, name="router", created_at=now, encoder_sha256=fingerprint(out / "encoder"), training=training)


def copy_contracts(settings: str, source: Path, out: Path) -> None:
    """Copy the contracts of tools that a ``router.yaml`` names from beside it to beside its copy."""
    for name in contract_files(settings):
        path, target = source / name, out / name
        if path.is_file() and path.resolve() != target.resolve():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
