"""Outcome packs as files: what is needed to judge or learn allocation from an outcome matrix, without its texts.

``training.outcomes`` makes them; here they are read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from router_ml.allocation.context import Contexts
from router_ml.errors import EncoderMismatchError, OfflineDataError

if TYPE_CHECKING:
    from router_ml.storage.bundle import Bundle


@dataclass(frozen=True)
class Pack:
    """An outcome matrix without its texts: contexts (n), quality (n, L) in 0..1, cost_usd (n, L), group (n,). NaN where
    an outcome is not known.

    ``prices``: USD per million tokens in and out that were paid, by lane, where it is known.
    """

    contexts: Contexts
    quality: NDArray[np.float64]
    cost_usd: NDArray[np.float64]
    group: NDArray[np.int64]
    lanes: tuple[str, ...]
    encoder: str
    digest: str
    prices: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Pack:
        """The chosen rows."""
        columns = {name: getattr(self, name)[rows] for name in ("quality", "cost_usd", "group")}
        return replace(self, contexts=self.contexts.take(rows), **columns)

    def relabelled(self, intents: int, domains: int) -> Pack:
        """For a classifier with other labels, of which the pack knows nothing: no row counts as evidence in a cell."""
        rows = len(self.group)
        intent, domain = np.zeros((rows, intents), np.float32), np.zeros((rows, domains), np.float32)
        return replace(self, contexts=replace(self.contexts, intent=intent, domain=domain))

    def split(self, *shares: float, seed: int) -> list[Pack]:
        """Random parts by group, so that near-duplicates stay together; what the shares leave is the last part."""
        groups = np.unique(self.group)
        order = np.random.default_rng(seed).permutation(groups)
        cuts = (np.cumsum(shares) * len(groups)).round().astype(int)
        return [self.take(np.flatnonzero(np.isin(self.group, part))) for part in np.split(order, cuts)]


def learned_from(bundle: Bundle, pack: Pack) -> bool:
    """Whether the bundle's manifest says that it learned from this pack, or from a part of it."""
    return bundle.manifest.training.get("pack_sha256") == pack.digest


def check_outcomes(pack: Pack) -> None:
    """Refuse outcomes that cannot be.

    Raises:
        OfflineDataError: a quality that is known is not in 0..1, or a cost not in 0..infinity.
    """
    for name, values, most, expected in (
        ("quality", pack.quality, 1.0, "in 0..1"),
        ("cost_usd", pack.cost_usd, np.finfo(np.float64).max, "0 or more"),
    ):
        wrong = ~np.isnan(values) & ~((values >= 0) & (values <= most))
        if wrong.any():
            row, lane = np.argwhere(wrong)[0]
            raise OfflineDataError(
                f"The outcome pack has a {name} of {values[row, lane]:g} for {pack.lanes[lane]} in row {row}, and "
                f"{int(wrong.sum())} such values in all; expected {expected}, or NaN where it is not known."
            )


def read_pack(stem: Path, *, encoder: str | None = None) -> Pack:
    """The pack ``stem.json`` and ``stem.safetensors``; the name of either file will do.

    Raises:
        OfflineDataError: there is no such pack, or its outcomes cannot be (``check_outcomes``).
        EncoderMismatchError: its embeddings come from another encoder than ``encoder`` (a sha256).
    """
    description, data = stem.with_suffix(".json"), stem.with_suffix(".safetensors")
    if not (description.is_file() and data.is_file()):
        raise OfflineDataError(
            f"There is no outcome pack {description} with {data.name}. Build one from a matrix: "
            "python -m training.outcomes --help"
        )
    record = json.loads(description.read_text(encoding="utf-8"))
    if encoder is not None and record["encoder"] != encoder:
        raise EncoderMismatchError(
            f"{stem} was embedded by encoder {record['encoder'][:12]}, the bundle has {encoder[:12]}. "
            "Build the pack again: python -m training.outcomes --help"
        )
    arrays = load_file(data)
    contexts = Contexts(
        embedding=arrays["embedding"].astype(np.float32),
        surface=arrays["surface"],
        intent=arrays["intent"],
        domain=arrays["domain"],
        tokens_in=arrays["tokens_in"].astype(np.int64),
    )
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    quality, cost = arrays["quality"].astype(np.float64), arrays["cost_usd"].astype(np.float64)
    prices = {lane: (float(fresh), float(out)) for lane, (fresh, out) in record.get("prices", {}).items()}
    lanes = tuple(record["lanes"])
    pack = Pack(contexts, quality, cost, arrays["group"], lanes, record["encoder"], digest, prices)
    check_outcomes(pack)
    return pack
