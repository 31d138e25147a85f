"""What a retraining would learn from, read and checked, before anything is fitted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.progress import Progress

from router_ml.allocation.priors import CellPriors
from router_ml.config import RouterConfig, load_config
from router_ml.errors import EncoderMismatchError, OfflineDataError
from router_ml.planning.head import PlanHead
from router_ml.storage.bundle import Manifest, digests, taxonomy
from router_ml.storage.database.records import utc
from router_ml.storage.eventlog import EventLog
from router_ml.storage.priors import check_labels, digest, load_priors, read_priors
from router_ml.understanding.classifier import Classifier
from router_ml.understanding.encoder import fingerprint
from training.allocation import Outcomes
from training.logged.batches import Window
from training.logged.data_checks import Check, check_log, not_concluded
from training.logged.outcomes import drawable, outcomes_of, usable
from training.logged.sample import MOST_ROWS, Reading, read
from training.outcomes import Pack
from training.plan_head import plan_from_log
from training.predicting.pack_outcomes import from_pack
from training.retraining.labels import Corrections, correct, corrected, read_labels, relabelled
from training.retraining.lineage import digest_of


@dataclass(frozen=True)
class Gathered:
    """Outcomes to learn from: those of a pack and of a log, over the configured lanes, with what is known of the log as
    a whole, its checks, and what its labels say of the classifier; ``plan``: heads that its labels of plans taught;
    ``priors``: what evaluations say of lanes by cell."""

    base: Path
    parent: Manifest
    settings: Path
    config: RouterConfig
    classifier: Classifier
    corrections: Corrections
    pack: Pack | None
    evaluated: Outcomes | None
    reading: Reading | None
    logged: Outcomes | None
    checks: tuple[Check, ...]
    window: Window
    seed: int
    most: int = MOST_ROWS
    plan: PlanHead | None = None
    priors: CellPriors | None = None

    @property
    def parts(self) -> list[Outcomes]:
        """All outcomes; those of the log last."""
        return [part for part in (self.evaluated, self.logged) if part is not None]

    @property
    def from_pack(self) -> int:
        """Evaluated prompts."""
        return 0 if self.pack is None else len(self.pack.group)

    @property
    def from_log(self) -> int:
        """Ratings of the log that teach the models; those beyond a sample count as evidence."""
        return 0 if self.reading is None else self.reading.counts.rated

    @cached_property
    def unknown(self) -> tuple[str, ...]:
        """What cannot be concluded, in words."""
        whole = Outcomes.stack(self.parts) if self.parts else None
        counts = None if self.reading is None else self.reading.counts
        return tuple(not_concluded(counts, whole, self.config, self.classifier.spec))

    @property
    def sound(self) -> bool:
        """Whether the log passed the checks that a certificate rests on."""
        return all(check.passed is not False for check in self.checks[:2])

    @cached_property
    def lineage(self) -> dict[str, Any]:
        """What a bundle learned from this would be made from."""
        window = self.window
        return {
            "parent": self.parent.id,
            "pack_sha256": self.pack.digest if self.pack else None,
            "log_sha256": self.reading.digest if self.reading else None,
            "decisions_fitted": 0 if self.logged is None else len(self.logged.contexts),
            "since": window.since and utc(window.since).isoformat(),
            "until": window.until and utc(window.until).isoformat(),
            "org": window.org,
            "settings_sha256": hashlib.sha256(self.settings.read_bytes()).hexdigest(),
            "classifier": {name: found.reason for name, found in self.corrections.items()},
            "seed": self.seed,
            **({} if self.priors is None else {"priors_sha256": digest(self.priors)}),
        }

    @property
    def digest(self) -> str:
        """Of all that the fit depends on."""
        corrections = {name: (each.taken, each.sharpness, each.bias) for name, each in self.corrections.items()}
        kept = {name: value for name, value in self.lineage.items() if name not in ("parent", "classifier")}
        sample = self.most if self.reading else None
        return digest_of([kept, sample, corrections, self.parent.encoder_sha256, self.parent.classifier_sha256])


def gather(  # noqa: PLR0913 - what is not given has a default
    base: Path,
    *,
    pack: Pack | None,
    log: EventLog | None,
    settings: Path | None = None,
    archive: str | None = None,
    window: Window | None = None,
    seed: int = 0,
    most: int = MOST_ROWS,
    priors: Path | None = None,
    progress: Progress | None = None,
) -> Gathered:
    """Read and check everything that would be learned from.

    Args:
        archive: folder that decisions of the log were compacted into.
        priors: file of ``training.evals priors``; by default those of the base, where it has any.
        progress: shows how many decisions have been read.

    Raises:
        EncoderMismatchError: the pack was embedded by another encoder.
        OfflineDataError: no lane names a column of the pack, or the log holds no decision of the window, or was written
            with other features.
        BundleFormatError: the priors cannot be read, or are of other labels than the base's classifier has.
    """
    encoder, classifier, window = fingerprint(base / "encoder"), Classifier.load(base), window or Window()
    evaluations = load_priors(base) if priors is None else read_priors(priors)
    spec = classifier.spec
    check_labels(evaluations, intents=spec.intent.labels, domains=spec.domain.labels, where=str(priors or base))
    settings = settings or base / "router.yaml"
    config = load_config(settings, taxonomy(classifier))
    parent = Manifest("router", "", encoder, digests(base))
    if pack is not None and pack.encoder != encoder:
        raise EncoderMismatchError("The outcome pack was embedded by another encoder. Build it again.")
    evaluated = None if pack is None else from_pack(pack, config)[0]
    reading, logged, corrections, plan = None, None, Corrections(), None
    if log is not None or archive is not None:
        step, batches = _steps(log, progress), window.batches(log, archive, encoder)
        reading = read(batches, config, classifier.spec, seed=seed, most=most, step=step)
        if reading.data is not None:
            logged = outcomes_of(reading.data, usable(reading.data, config), config, classifier.spec)
        if not reading.counts.decisions:
            raise OfflineDataError(
                f"The log holds no decision {window.words}. Give the log that was written, or another window."
            )
        labels = read_labels(window.labelled(log, archive), classifier, parent.classifier_sha256)
        corrections = {name: correct(each, seed=seed) for name, each in labels.items()}
        plan = None if log is None else plan_from_log(window.labelled(log, archive), log, base, seed=seed)
    return Gathered(
        base=base,
        parent=parent,
        settings=settings,
        config=config,
        classifier=corrected(classifier, corrections),
        corrections=corrections,
        pack=pack,
        evaluated=None if evaluated is None else relabelled(evaluated, corrections),
        reading=reading,
        logged=None if logged is None else relabelled(logged, corrections),
        checks=() if reading is None else _checked(reading, config),
        window=window,
        seed=seed,
        most=most,
        plan=plan,
        priors=evaluations,
    )


def _checked(reading: Reading, config: RouterConfig) -> tuple[Check, ...]:
    fair = reading.fair
    return check_log(reading.counts, None if fair is None else fair.select(drawable(fair, config)))


def _steps(log: EventLog | None, progress: Progress | None) -> Callable[[int], None]:
    if progress is None:
        return lambda rows: None
    task = progress.add_task("reading decisions", total=None if log is None else log.counts()["decisions"])
    return lambda rows: progress.update(task, completed=rows)
