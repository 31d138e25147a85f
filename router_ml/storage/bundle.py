"""A bundle: everything learned, as one folder that proves what it is.

``manifest.json`` lists the sha256 of every file. Nothing is opened before all of them have been checked, so a flipped
byte, a missing or an extra file, or a format from the future is an error that says so, never a strange decision.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from router_ml.allocation.bandit import Bandit
from router_ml.allocation.context import Projection
from router_ml.allocation.cost import CostModel
from router_ml.allocation.estimate import Allocation
from router_ml.allocation.quality import QualityModel
from router_ml.allocation.similarity import Similarity
from router_ml.config import RouterConfig, load_config
from router_ml.errors import BundleFormatError, BundleIntegrityError, EncoderMismatchError
from router_ml.guardrails.entities import FILES as ENTITY_FILES
from router_ml.guardrails.entities import Tagger
from router_ml.planning.head import FILES as PLAN_FILES
from router_ml.planning.head import PlanHead
from router_ml.storage.priors import check_labels, load_priors, save_priors
from router_ml.storage.promises import Promises, load_promises
from router_ml.understanding.classifier import Classifier
from router_ml.understanding.encoder import Encoder, Floats

FORMAT = 1
ALLOCATION_FORMAT = 2
MANIFEST = "manifest.json"
ALLOCATION_FILES = ("allocation.safetensors", "allocation.json", "bandit.vw", "bandit.json")


@dataclass(frozen=True)
class Manifest:
    """``manifest.json``. ``training`` says what it was made from: digests of data, metrics, parameters; ``seal`` is the
    sha256 of all other fields."""

    name: str
    created_at: str
    encoder_sha256: str
    files: dict[str, str]
    training: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT
    seal: str = ""

    @property
    def id(self) -> str:
        """Name and the first 12 digits of the digest of all files: changes when anything in the bundle does."""
        digest = hashlib.sha256(json.dumps(self.files, sort_keys=True).encode()).hexdigest()
        return f"{self.name}-{digest[:12]}"

    @property
    def classifier_sha256(self) -> str:
        """sha256 over the digests of the classifier's files."""
        return self._sha256_of("classifier.")

    @property
    def entities_sha256(self) -> str:
        """sha256 over the digests of the tagger's files; ``none`` without one."""
        return self._sha256_of("entities.")

    def _sha256_of(self, prefix: str) -> str:
        files = {name: self.files[name] for name in sorted(self.files) if name.startswith(prefix)}
        return hashlib.sha256(json.dumps(files).encode()).hexdigest() if files else "none"


@dataclass(frozen=True)
class Bundle:
    """An opened bundle; without a ``tagger``, patterns alone look for personal data; without ``promises``, nothing is
    certified; without a ``plan``, the rules alone make it."""

    folder: Path
    manifest: Manifest
    config: RouterConfig
    encoder: Encoder
    classifier: Classifier
    allocation: Allocation
    tagger: Tagger | None = None
    promises: Promises = field(default_factory=Promises)
    plan: PlanHead | None = None

    @classmethod
    def load(cls, folder: str | Path, *, threads: int = 1) -> Bundle:
        """Check every file against the manifest, then open.

        Raises:
            BundleIntegrityError: a file is missing, unlisted or changed.
            BundleFormatError: the format is one this release does not read.
            EncoderMismatchError: the learned parts were made for another encoder.
            ConfigError: its ``router.yaml`` is wrong.
        """
        folder = Path(folder)
        manifest = verify(folder)
        encoder = Encoder.load(folder / "encoder", threads=threads)
        if encoder.sha256 != manifest.encoder_sha256:
            raise EncoderMismatchError(
                f"{folder} was trained on encoder {manifest.encoder_sha256[:12]}, it holds {encoder.sha256[:12]}. "
                "Retrain the bundle with the encoder it ships."
            )
        classifier = Classifier.load(folder)
        config = load_config(folder / "router.yaml", taxonomy(classifier))
        tagger = Tagger.load(folder) if ENTITY_FILES[0] in manifest.files else None
        learned, certified = load_allocation(folder), load_promises(folder)
        spec = classifier.spec
        check_labels(learned.priors, intents=spec.intent.labels, domains=spec.domain.labels, where=str(folder))
        seen = learned.quality.similarity.landmarks.shape[1] + len(spec.intent.labels) + len(spec.domain.labels)
        plan = PlanHead.load(folder, features=seen) if PLAN_FILES[0] in manifest.files else None
        return cls(folder, manifest, config, encoder, classifier, learned, tagger, certified, plan)

    @cached_property
    def columns(self) -> Floats | None:
        """What is read off each token vector: the classifier's part, then the tagger's; None without a tagger."""
        if self.tagger is None:
            return None
        return np.concatenate([self.classifier.columns, self.tagger.columns], axis=1)

    @property
    def taxonomy(self) -> dict[str, tuple[str, ...]]:
        """The labels its classifier knows, as ``load_config`` takes them."""
        return taxonomy(self.classifier)


def taxonomy(classifier: Classifier) -> dict[str, tuple[str, ...]]:
    """The labels a classifier knows."""
    spec = classifier.spec
    return {"intents": spec.intent.labels, "domains": spec.domain.labels, "risks": spec.risks.labels}


def verify(folder: Path) -> Manifest:
    """Check a bundle's files against its manifest without opening them.

    Raises:
        BundleIntegrityError, BundleFormatError: as ``Bundle.load`` does.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleIntegrityError(f"{folder} is not a bundle: it has no {MANIFEST}. Give the folder of a bundle.")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        version = record["format"]
    except (ValueError, KeyError, TypeError):
        raise BundleFormatError(f"{path} is not a manifest. Restore it, or build the bundle again.") from None
    if version != FORMAT:
        raise BundleFormatError(
            f"{path} has format {version}, this release reads format {FORMAT}. Install the release that wrote it."
        )
    try:
        manifest = Manifest(**record)
    except TypeError as error:
        raise BundleFormatError(f"{path} is not a manifest of format {FORMAT}: {error}.") from None
    if not _typed(manifest):
        raise BundleFormatError(
            f"{path} is not a manifest of format {FORMAT}: expected text for name, created_at, encoder_sha256, seal, "
            "a mapping of text to text for files, a mapping for training. Restore it, or build the bundle again."
        )
    if manifest.seal != _seal(record):
        raise BundleIntegrityError(f"{path} was changed after it was sealed. Restore it, or build the bundle again.")
    found = digests(folder)
    for name in sorted(manifest.files.keys() | found.keys()):
        if name not in found:
            raise BundleIntegrityError(f"{folder / name} is missing. Restore it, or build the bundle again.")
        if name not in manifest.files:
            raise BundleIntegrityError(f"{folder / name} is not listed in the manifest. Remove it.")
        if found[name] != manifest.files[name]:
            raise BundleIntegrityError(
                f"{folder / name} has sha256 {found[name][:12]}, the manifest says {manifest.files[name][:12]}. "
                "The file was changed or damaged: restore it, or build the bundle again."
            )
    return manifest


def seal(
    folder: Path, *, name: str, created_at: datetime, encoder_sha256: str, training: Mapping[str, Any]
) -> Manifest:
    """Write the manifest over the files that are in the folder now."""
    manifest = Manifest(
        name=name,
        created_at=created_at.isoformat(),
        encoder_sha256=encoder_sha256,
        files=digests(folder),
        training=dict(training),
    )
    record = {item.name: getattr(manifest, item.name) for item in fields(manifest)}
    record["seal"] = _seal(record)
    (folder / MANIFEST).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return Manifest(**record)


def _typed(manifest: Manifest) -> bool:
    """Whether the values, which come from a file, are of the types that the fields promise."""
    texts = (manifest.name, manifest.created_at, manifest.encoder_sha256, manifest.seal)
    mappings = isinstance(manifest.files, dict) and isinstance(manifest.training, dict)
    return mappings and all(isinstance(text, str) for text in (*texts, *manifest.files.values()))


def _seal(record: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in record.items() if key != "seal"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """sha256 by relative path of every file but the manifest; hidden files are left out."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(paths)
        if path != folder / MANIFEST
    }


def save_allocation(folder: Path, allocation: Allocation) -> None:
    """Write ``ALLOCATION_FILES``, and ``priors.json`` where it has priors."""
    quality, cost, bandit = allocation.quality, allocation.cost, allocation.bandit
    parts: dict[str, Similarity | QualityModel | CostModel | Projection] = {
        "similarity": quality.similarity,
        "quality": quality,
        "cost": cost,
        "projection": bandit.projection,
    }
    arrays = {
        f"{name}.{item.name}": np.ascontiguousarray(getattr(part, item.name))
        for name, part in parts.items()
        for item in fields(part)
        if isinstance(getattr(part, item.name), np.ndarray)
    }
    save_file(arrays, folder / "allocation.safetensors")
    record = {"format": ALLOCATION_FORMAT, "lanes": list(quality.lanes), "blend": allocation.blend}
    (folder / "allocation.json").write_text(json.dumps(record) + "\n", encoding="utf-8")
    bandit.save(folder)
    save_priors(allocation.priors, folder)


def load_allocation(folder: Path) -> Allocation:
    """Read ``ALLOCATION_FILES`` and the priors beside them.

    Raises:
        BundleFormatError: a file is missing or was written in another format.
    """
    path = folder / "allocation.json"
    record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if record.get("format") != ALLOCATION_FORMAT:
        raise BundleFormatError(
            f"{path} is missing or in a format that this release does not read. Retrain: python -m training.retrain."
        )
    arrays: dict[str, NDArray[np.float32]] = load_file(folder / "allocation.safetensors")

    def part(name: str) -> dict[str, Any]:
        return {key.removeprefix(f"{name}."): value for key, value in arrays.items() if key.startswith(f"{name}.")}

    lanes, similarity = tuple(record["lanes"]), Similarity(**part("similarity"))
    quality = QualityModel(lanes=lanes, similarity=similarity, **part("quality"))
    cost = CostModel(lanes=lanes, similarity=similarity, **part("cost"))
    bandit = Bandit.load(folder, Projection(**part("projection")))
    return Allocation(quality, cost, bandit, record["blend"], load_priors(folder))
