"""Labels of your own: heads for them on the shipped encoder, a report, and a bundle that routes by them.

``python -m training.classifier --data my.jsonl --out runs/mine``. A head that the file has no column for stays as it
ships. Allocation is fitted again: what the outcome pack says of the old labels is left out, so every cell of the new
ones says "no evidence" until outcomes come in.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from router_ml.config import RouterConfig, load_config
from router_ml.errors import OfflineDataError
from router_ml.guardrails.entities import FILES as ENTITY_FILES
from router_ml.storage.bundle import MANIFEST, Manifest, taxonomy
from router_ml.understanding.classifier import HEADS, Classifier, ClassifierSpec, Weights
from router_ml.understanding.encoder import Encoder, fingerprint
from training.labelled.examples import UNKNOWN, Targets, Taxonomy
from training.labelled.tables import SPLITS, Table, check_trainable, read
from training.noise import Suspect, confident_learning
from training.outcomes import Pack, load_pack
from training.predicting.fitting import learn
from training.predicting.pack_outcomes import from_pack
from training.reading.calibration import calibrate, softmax, temperature, uncalibrated
from training.reading.heads import fit_heads
from training.reading.metrics import Predictions, predict, report
from training.reading.readers import Rows, encode, read_columns, scores
from training.retraining.writing import copy_contracts, write_bundle

Floats = NDArray[np.float32]
FOLDS = 5


@dataclass(frozen=True)
class Trained:
    """A classifier with labels of a user's file, what it reached on the file's test part, and suspected errors."""

    classifier: Classifier
    table: Table
    seen: Predictions
    targets: Targets
    found: dict[str, Any]
    suspects: dict[str, list[Suspect]]


def combine(base: Classifier, new: Classifier, trained: Sequence[str]) -> Classifier:
    """Heads named in ``trained`` from ``new``, the others from ``base``; both read the same encoder."""
    weights, parts = [], {}
    for name in (*HEADS, "risks"):
        source = new if name in trained else base
        readers, columns = _columns(source.spec, name)
        own = source.weights
        weights.append(
            Weights(own.attention[:, readers], own.value[:, columns], own.surface[:, columns], own.bias[columns])
        )
        parts[name] = getattr(source.spec, name)
    joined = {field: np.concatenate([getattr(part, field) for part in weights], axis=-1) for field in vars(weights[0])}
    return Classifier(Weights(**joined), ClassifierSpec(**parts))


def _columns(spec: ClassifierSpec, name: str) -> tuple[slice, slice]:
    """Which readers and which label columns belong to a head."""
    cuts, count = (0, *spec.cuts), len(spec.risks.labels)
    if name == "risks":
        return slice(len(HEADS), len(HEADS) + count), slice(cuts[-1], cuts[-1] + count)
    at = HEADS.index(name)
    return slice(at, at + 1), slice(cuts[at], cuts[at + 1])


def checked(path: Path, *, seed: int = 0) -> Table:
    """A file's rows, once everything that training needs is known to be there.

    Raises:
        OfflineDataError: the file is not what ``training.labelled.tables`` asks for.
    """
    table = read(path, seed=seed)
    check_trainable(table, path)
    return table


@dataclass(frozen=True)
class Plan:
    """What a bundle with new labels is made with; ``left_out``: rules of the base that name labels which are gone;
    ``beside``: folder of the files that ``settings`` names."""

    settings: str
    pack: Pack
    left_out: tuple[str, ...]
    beside: Path


def prepare(table: Table, base: Path, *, config: Path | None) -> Plan:
    """Check configuration and outcome pack before anything is trained.

    Args:
        config: ``router.yaml`` of the new bundle; by default that of ``base`` with the new labels, less plan rules and
            traffic classes for labels that are gone. A policy is never left out.

    Raises:
        ConfigError: the configuration names labels that are not there. Give one that fits.
        EncoderMismatchError: the outcome pack is of another encoder.
        OfflineDataError: no configured lane is in the outcome pack.
    """
    labels = _complete(table.taxonomy, Classifier.load(base))
    names = {"intents": labels.intent, "domains": labels.domain, "risks": labels.risks}
    pack = load_pack(encoder=fingerprint(base / "encoder"))
    text = (base / "router.yaml").read_text(encoding="utf-8")
    left_out: tuple[str, ...] = ()
    beside = base if config is None else config.parent
    if config is not None:
        text = config.read_text(encoding="utf-8")
    elif yaml.safe_load(text)["taxonomy"] != {name: list(own) for name, own in names.items()}:
        text, left_out = _relabelled(text, names)
    with TemporaryDirectory() as folder:
        path = Path(folder, "router.yaml")
        path.write_text(text, encoding="utf-8")
        copy_contracts(text, beside, path.parent)
        _learnable(load_config(path, names), pack)
    return Plan(text, pack, left_out, beside)


def _learnable(config: RouterConfig, pack: Pack) -> None:
    """The bundle's first estimates are of the pack, so one of its columns has to be a lane."""
    if not any(lane.outcomes in pack.lanes for lane in config.lanes.values()):
        raise OfflineDataError(
            "None of the configured lanes names a column of the outcome pack, so there is nothing to begin with. Leave "
            "--config out here; lanes of your own come with training.retrain --config, once there are outcomes of them."
        )


def _relabelled(text: str, labels: dict[str, tuple[str, ...]]) -> tuple[str, tuple[str, ...]]:
    """A configuration for other labels, without plan rules and classes that could never match again."""
    record = yaml.safe_load(text)
    record["taxonomy"] = {name: list(values) for name, values in labels.items()}
    known = {"intent": labels["intents"], "domain": labels["domains"]}

    def lives(when: Mapping[str, Sequence[str]]) -> bool:
        return all(set(when[key]) & set(own) for key, own in known.items() if key in when)

    left_out = []
    for rule in list(record["plan"]):
        if not lives(rule.get("when", {})):
            record["plan"].remove(rule)
            left_out.append(f"plan rule for {rule['when']}")
    for name, promise in list(record["traffic_classes"].items()):
        if not lives(promise.get("when", {})):
            del record["traffic_classes"][name]
            left_out.append(f"traffic class {name}")
    for rule in (*record["plan"], *record["traffic_classes"].values()):
        for key, own in known.items():
            if key in rule.get("when", {}):
                rule["when"][key] = [label for label in rule["when"][key] if label in own]
    return yaml.safe_dump(record, sort_keys=False, allow_unicode=True), tuple(left_out)


def train(table: Table, base: Path, *, seed: int = 0) -> Trained:
    """Train heads on a table's training part, calibrate them on its calibration part, measure on its test part."""
    encoder, shipped = Encoder.load(base / "encoder"), Classifier.load(base)
    labels = _complete(table.taxonomy, shipped)
    rows = encode(encoder, [example.text for example in table.examples], Targets.of(table.examples, labels))
    parts = [table.rows(name) for name in SPLITS]
    weights = fit_heads(rows.tokens, rows.surface, rows.targets, parts[0], seed=seed)
    plain = Classifier(weights, uncalibrated(labels))
    spec = calibrate(scores(plain, rows.take(parts[1])), rows.targets.take(parts[1]))
    served = combine(shipped, Classifier(weights, spec), table.labels)
    test = rows.take(parts[2])
    seen = predict(served, [read_columns(one, served.columns) for one in test.encoded], test.surface)
    found = {"rows": {name: len(part) for name, part in zip(SPLITS, parts, strict=True)}}
    found |= report(seen, test.targets)
    return Trained(served, table, seen, test.targets, found, _suspects(rows, table, seed))


def _complete(own: Taxonomy, shipped: Classifier) -> Taxonomy:
    """The labels of the file, and those that ship for heads it does not have."""
    spec = shipped.spec
    return Taxonomy(
        own.intent or spec.intent.labels, own.domain or spec.domain.labels, own.mode, own.risks or spec.risks.labels
    )


def _suspects(rows: Rows, table: Table, seed: int) -> dict[str, list[Suspect]]:
    """Suspected label errors by head, from heads trained on the other folds; rows of one unit share a fold."""
    units = np.unique(table.units, return_inverse=True)[1]
    fold = np.random.default_rng(seed).integers(0, FOLDS, units.max() + 1)[units]
    raw = np.zeros(rows.targets.values.shape, np.float32)
    for part in range(FOLDS):
        mine = np.flatnonzero(fold == part)
        if len(mine):
            weights = fit_heads(rows.tokens, rows.surface, rows.targets, np.flatnonzero(fold != part), seed=seed)
            raw[mine] = scores(Classifier(weights, uncalibrated(rows.targets.taxonomy)), rows.take(mine))
    result = {}
    for name, part_of in zip(HEADS, np.split(raw, rows.targets.taxonomy.cuts, axis=1), strict=False):
        truth = rows.targets.truth(name)
        known = np.flatnonzero(truth != UNKNOWN)
        if name in table.labels:
            heat = np.float32(temperature(part_of[known], truth[known]))
            found = confident_learning(softmax(part_of[known] / heat), truth[known])
            result[name] = [replace(suspect, row=int(known[suspect.row])) for suspect in found]
    return result


def bundle(trained: Trained, base: Path, out: Path, plan: Plan, *, now: datetime | None = None) -> Manifest:
    """Write a bundle that routes by the new labels; one that was in ``out`` before is replaced once it is whole.

    Raises:
        OfflineDataError: ``out`` holds something that is not a bundle.
    """
    if out.exists() and not (out / MANIFEST).is_file():
        raise OfflineDataError(f"{out} exists and is not a bundle. Give a new folder, or one that holds a bundle.")
    labels = taxonomy(trained.classifier)
    with TemporaryDirectory(dir=_made(out.parent)) as temporary:
        folder = Path(temporary, out.name)
        trained.classifier.save(folder)
        settings = folder / "router.yaml"
        settings.write_text(plan.settings, encoding="utf-8")
        copy_contracts(plan.settings, plan.beside, folder)
        parsed = load_config(settings, labels)
        known = plan.pack.relabelled(len(labels["intents"]), len(labels["domains"]))
        allocation = learn([from_pack(known, parsed)[0]], parsed)
        record = {"rows": trained.found["rows"], "pack_sha256": plan.pack.digest}
        made = now or datetime.now(UTC)
        manifest = write_bundle(
            base, folder, allocation, settings=settings, training=record, now=made, kept=("encoder", *ENTITY_FILES)
        )
        shutil.rmtree(out, ignore_errors=True)
        shutil.move(folder, out)
    return manifest


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
