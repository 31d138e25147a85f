"""From outcomes to a new bundle: quality, cost and bandit are fitted again, encoder and classifier are kept.

``python -m training.retrain --out FOLDER [--log URL] [--register]`` learns from the outcome pack that ships and, with
``--log``, from logged decisions with outcomes; no text is needed for either. The result is a challenger: nothing routes
with it until it is promoted.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import Progress

from router_ml.allocation.estimate import Allocation
from router_ml.config import Lane, RouterConfig, load_config, prices_sha256
from router_ml.errors import EncoderMismatchError, OfflineDataError
from router_ml.guardrails.entities import FILES as ENTITY_FILES
from router_ml.offline.champion import logged_contexts
from router_ml.storage.bundle import Manifest, save_allocation, seal
from router_ml.storage.eventlog import EventLog
from router_ml.storage.promises import Promises, save_promises
from router_ml.storage.records import LoggedData, utc
from router_ml.understanding.classifier import Classifier
from router_ml.understanding.encoder import fingerprint
from router_ml.understanding.surface import NAMES
from training.allocation import Outcomes, fit
from training.certification import FOLDS, certify_all, cross_fit
from training.outcomes import DEFAULT, Pack, load_pack

ROOT = Path(__file__).parents[1]
MIN_OUTCOMES = 20
FIRST_VERSION = "1"
OTHER_VERSION = 0.2  # how much an outcome counts that another version of the lane made
KEPT = ("encoder", "classifier.safetensors", "classifier.json", *ENTITY_FILES)


@dataclass(frozen=True)
class Learned:
    """What retraining made and from how much."""

    allocation: Allocation
    from_pack: int
    from_log: int
    left_out: dict[str, int]
    promises: Promises = field(default_factory=Promises)


def from_pack(pack: Pack, config: RouterConfig) -> tuple[Outcomes, dict[str, int]]:
    """A pack as outcomes over all configured lanes (NaN for lanes it does not know).

    Lanes are matched by ``outcomes`` in ``router.yaml``.

    Raises:
        OfflineDataError: no configured lane names a column of the pack.
    """
    lanes = list(config.lanes)
    column = {name: pack.lanes.index(x.outcomes) for name, x in config.lanes.items() if x.outcomes in pack.lanes}
    if not column:
        raise OfflineDataError(
            f"No lane has 'outcomes' set to one of {', '.join(pack.lanes)}. Name the columns in router.yaml."
        )
    quality, cost = np.full((2, len(pack.group), len(lanes)), np.nan)
    for name, index in column.items():
        quality[:, lanes.index(name)] = pack.quality[:, index]
        cost[:, lanes.index(name)] = _at_price_of(config.lanes[name], pack, index)
    # a pack does not say which version of a lane it is of: the first
    weight = np.array([1.0 if lane.version == FIRST_VERSION else OTHER_VERSION for lane in config.lanes.values()])
    return Outcomes(pack.contexts, quality, cost, np.ones_like(quality), np.tile(weight, (len(quality), 1))), column


def _at_price_of(lane: Lane, pack: Pack, column: int) -> NDArray[np.float64]:
    """What a pack's answers of a lane would cost today, (n,): a price that has changed since is no change of tokens."""
    cost, tokens_in, now = pack.cost_usd[:, column], pack.contexts.tokens_in, lane.price
    paid = pack.prices.get(pack.lanes[column])
    if paid is None:
        return cost
    tokens_out = np.maximum(cost * 1e6 - tokens_in * paid[0], 0) / max(paid[1], 1e-12)
    result: NDArray[np.float64] = (tokens_in * now.input_per_mtok + tokens_out * now.output_per_mtok) / 1e6
    return result


def from_log(data: LoggedData, config: RouterConfig, classifier: Classifier) -> tuple[Outcomes, dict[str, int]]:
    """Rated decisions of a log as outcomes over all configured lanes, one lane per row; and why rows were left out.

    What a lane did under another version or model than it has now counts for ``OTHER_VERSION`` only.
    """
    lanes = list(config.lanes)
    position = np.array([lanes.index(lane) if lane in lanes else -1 for lane in data.lanes] or [-1])
    executed = np.where(data.executed >= 0, data.executed, data.action)
    lane = np.where(executed >= 0, position[np.maximum(executed, 0)], -1)
    rated, embedded = np.isfinite(data.quality), np.isfinite(data.embeddings).all(axis=1) & (data.embeddings.size > 0)
    usable = rated & embedded & (lane >= 0)
    left_out = {
        "not rated": int((~rated).sum()),
        "no embedding kept": int((rated & ~embedded).sum()),
        "lane not configured": int((rated & embedded & (lane < 0)).sum()),
    }
    part = data.select(usable)
    quality, cost, probability, latency = np.full((4, len(part), len(lanes)), np.nan)
    rows, lane = np.arange(len(part)), lane[usable]
    quality[rows, lane], cost[rows, lane], latency[rows, lane] = part.quality, part.cost_usd, part.latency_ms
    cost[part.prices != prices_sha256(config)] = np.nan  # other prices: what was paid no longer says how many tokens
    drawn = part.propensities[rows, np.maximum(part.action, 0)] if len(part) else np.zeros(0)
    probability[rows, lane] = np.where(drawn > 0, drawn, 1.0)
    weight = np.ones(quality.shape)
    weight[rows, lane] = np.where(_is_current(part, lane, config), 1.0, OTHER_VERSION)
    spec = classifier.spec
    sizes = (len(NAMES), len(spec.intent.labels), len(spec.domain.labels))
    return Outcomes(logged_contexts(part, sizes), quality, cost, probability, weight, latency), left_out


def _is_current(data: LoggedData, lane: NDArray[np.intp], config: RouterConfig) -> NDArray[np.bool_]:
    """Whether the configured lane (n,) that answered is still the arm it was then: same version, and same model where
    the log knows it, which it does of the planned lane."""
    places = [list(config.lanes.values())[index] for index in lane]
    names = [list(config.lanes)[index] for index in lane]
    planned = [data.lanes[at] if at >= 0 else None for at in data.action]
    then = zip(data.lane_version.tolist(), data.model.tolist(), planned, names, places, strict=True)
    return np.array(
        [
            version == place.version and (name != plan or model == place.model)
            for version, model, plan, name, place in then
        ],
        dtype=bool,
    )


def learn(parts: Sequence[Outcomes], config: RouterConfig, *, seed: int = 0) -> Allocation:
    """Fit allocation to outcomes over all configured lanes; lanes with too few outcomes keep their prior alone.

    Raises:
        OfflineDataError: no lane has ``MIN_OUTCOMES``.
    """
    found = [part for part in parts if len(part.contexts)]
    if not found:
        raise OfflineDataError(
            f"There is no rated outcome to learn from; a lane needs {MIN_OUTCOMES}. Rate more first."
        )
    whole = Outcomes.stack(found)
    seen = np.isfinite(whole.quality).sum(axis=0)
    columns = [index for index, count in enumerate(seen) if count >= MIN_OUTCOMES]
    if not columns:
        raise OfflineDataError(f"No lane has {MIN_OUTCOMES} rated outcomes (most: {seen.max()}). Rate more first.")
    names = list(config.lanes)
    lanes: dict[str, Lane] = {names[index]: config.lanes[names[index]] for index in columns}
    return fit(whole.of_lanes(columns), lanes, seed=seed)


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
    """A bundle folder: what is kept of ``base`` with new allocation parts, the ``router.yaml`` and the certificates
    given, sealed."""
    out.mkdir(parents=True, exist_ok=True)
    if out.resolve() != base.resolve():
        for name in kept:
            source, target = base / name, out / name
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            elif source.exists() or name not in ENTITY_FILES:
                shutil.copyfile(source, target)
    if settings.resolve() != (out / "router.yaml").resolve():
        shutil.copyfile(settings, out / "router.yaml")
    save_allocation(out, allocation)
    save_promises(promises or Promises(), out)  # also where nothing is certified: those of another model are not ours
    return seal(out, name="router", created_at=now, encoder_sha256=fingerprint(out / "encoder"), training=training)


def retrain(
    *,
    base: Path,
    out: Path,
    pack: Pack | None,
    log: EventLog | None,
    settings: Path | None = None,
    until: datetime | None = None,
    seed: int = 0,
    now: datetime | None = None,
) -> tuple[Manifest, Learned]:
    """Learn from a pack, a log, or both, and write the new bundle to ``out``; the prompts of the pack, if enough to
    learn from a part of them, certify the promises of its traffic classes.

    Args:
        settings: the ``router.yaml`` of the new bundle; by default that of ``base``.
        until: learn only from decisions before this. What a challenger has learned from cannot judge it: keep the later
            decisions for ``router_ml.offline.gate.evaluate``, which reads this in the manifest.
    """
    encoder, classifier = fingerprint(base / "encoder"), Classifier.load(base)
    spec = classifier.spec
    labels = {"intents": spec.intent.labels, "domains": spec.domain.labels, "risks": spec.risks.labels}
    settings = settings or base / "router.yaml"
    config = load_config(settings, labels)
    parts: list[Outcomes] = []
    counts = [0, 0]
    left_out: dict[str, int] = {}
    with Progress(transient=True) as progress:
        task = progress.add_task("reading outcomes", total=4)
        if pack is not None:
            if pack.encoder != encoder:
                raise EncoderMismatchError("The outcome pack was embedded by another encoder. Build it again.")
            parts.append(from_pack(pack, config)[0])
            counts[0] = len(pack.group)
        if log is not None:
            data = log.logged(encoder=encoder)
            if until is not None:
                data = data.select(data.created_at < np.datetime64(utc(until), "us"))
            outcomes, left_out = from_log(data, config, classifier)
            parts.append(outcomes)
            counts[1] = len(outcomes.contexts)
        progress.update(task, advance=1, description="fitting quality, cost, bandit")
        allocation = learn(parts, config, seed=seed)
        progress.update(task, advance=1, description="certifying promises")
        promises = Promises()
        if pack is not None and len(np.unique(pack.group)) >= FOLDS * MIN_OUTCOMES:
            believed = cross_fit(*parts, group=pack.group, config=config, learn=learn, seed=seed)
            promises = certify_all(believed, parts[0], pack.group, config, spec, seed=seed)
        progress.update(task, advance=1, description="writing the bundle")
        training: dict[str, object] = {
            "outcomes_from_pack": counts[0],
            "outcomes_from_log": counts[1],
            "left_out": left_out,
            "pack_sha256": pack.digest if pack else None,
            "lanes": list(allocation.quality.lanes),
            "seed": seed,
            **({"until": until.isoformat()} if until is not None else {}),
        }
        made = now or datetime.now(UTC)
        manifest = write_bundle(
            base, out, allocation, settings=settings, training=training, now=made, promises=promises
        )
        progress.update(task, advance=1)
    return manifest, Learned(allocation, counts[0], counts[1], left_out, promises)


def main(  # noqa: PLR0913, PLR0917 - a command line has as many options as it has
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")],
    base: Annotated[Path, typer.Option(help="Bundle to start from.")] = ROOT / "models" / "default",
    config: Annotated[
        Path | None, typer.Option(help="router.yaml of the new bundle, with your own lanes; default: the base's.")
    ] = None,
    log: Annotated[str, typer.Option(help="URL or path of an event log to learn from.")] = "",
    until: Annotated[
        datetime | None, typer.Option(help="Learn only from decisions before this; judge it on later ones.")
    ] = None,
    pack: Annotated[Path, typer.Option(help="Outcome pack, path without ending.")] = DEFAULT,
    no_pack: Annotated[bool, typer.Option("--no-pack", help="Learn from the log alone.")] = False,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    register: Annotated[bool, typer.Option(help="Log the run and register the bundle in MLflow.")] = False,
) -> None:
    """Retrain allocation and write a challenger bundle."""
    opened = EventLog(log) if log else None
    evaluated = None if no_pack else load_pack(pack)
    manifest, learned = retrain(base=base, out=out, pack=evaluated, log=opened, settings=config, until=until, seed=seed)
    sys.stdout.write(
        f"{manifest.id} in {out}: learned from {learned.from_pack} evaluated prompts and {learned.from_log} logged "
        f"outcomes, lanes {', '.join(learned.allocation.quality.lanes)}.\n"
    )
    for reason, count in learned.left_out.items():
        sys.stdout.write(f"  left out, {reason}: {count}\n")
    for name, each in learned.promises.certificates.items():
        sys.stdout.write(f"  {name}: {each.reason} ({each.basis})\n")
    if register:
        from router_ml.storage.registry import log_bundle

        numbers = {"outcomes_from_pack": learned.from_pack, "outcomes_from_log": learned.from_log}
        version = log_bundle(
            out, params={"seed": seed, "base": str(base)}, metrics=numbers, tags={"bundle": manifest.id}
        )
        sys.stdout.write(f"registered as {version.uri}\n")


if __name__ == "__main__":
    typer.run(main)
