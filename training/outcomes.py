"""Outcome packs: what is needed to learn allocation from an outcome matrix, without its texts.

``python -m training.outcomes --data FILE.parquet --out data/outcomes/NAME`` reads ``prompt``, ``group``,
``quality__<lane>`` and ``cost_usd__<lane>`` columns and writes ``NAME.safetensors`` and ``NAME.json``: embeddings,
surface features, class probabilities, token counts, qualities, costs, groups and a sha256 of each prompt.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from safetensors.numpy import save_file

from router_ml.allocation.context import Contexts
from router_ml.config import load_config
from router_ml.errors import OfflineDataError
from router_ml.offline.judging.packs import Pack, read_pack
from router_ml.understanding.classifier import Classifier
from router_ml.understanding.encoder import Encoder
from router_ml.understanding.surface import surface

__all__ = ["DEFAULT", "ROOT", "Pack", "contexts_of", "load_pack", "read_matrix", "save_pack"]

ROOT = Path(__file__).parents[1]
DEFAULT = ROOT / "data" / "outcomes" / "judged"
AT_ONCE = 512  # texts


def load_pack(stem: Path = DEFAULT, *, encoder: str | None = None) -> Pack:
    """Read a pack, by default the one that ships; raises as ``router_ml.offline.judging.packs.read_pack``."""
    return read_pack(stem, encoder=encoder)


def contexts_of(texts: list[str], encoder: Encoder, classifier: Classifier) -> Contexts:
    """Contexts of plain texts."""
    rows, console = [], Console(stderr=True)  # what is piped stays clean
    for start in track(range(0, len(texts), AT_ONCE), "encode and classify", console=console):
        part = texts[start : start + AT_ONCE]
        for encoded, text in zip(encoder.encode(part, classifier.columns), part, strict=True):
            shape = surface(text, encoded.tokens)
            seen = classifier.predict(encoded, shape)
            rows.append((encoded.representation, shape, seen.intent, seen.domain, encoded.tokens))
    embedding, shapes, intent, domain, tokens = (np.stack(column) for column in zip(*rows, strict=True))
    return Contexts(embedding, shapes, intent, domain, tokens.astype(np.int64))


def read_matrix(path: Path, encoder: Encoder, classifier: Classifier) -> tuple[Pack, list[str]]:
    """An outcome matrix (Parquet) as a pack, and the sha256 (hex) of each prompt.

    Raises:
        OfflineDataError: there is no such file, or columns are missing.
    """
    import pandas

    if not path.is_file():
        raise OfflineDataError(f"There is no outcome matrix at {path}. Give a Parquet file, or a pack without ending.")
    frame = pandas.read_parquet(path)
    lanes = [name.removeprefix("quality__") for name in frame.columns if name.startswith("quality__")]
    needed = ["prompt", "group", *(f"cost_usd__{lane}" for lane in lanes)]
    missing = [name for name in needed if name not in frame.columns]
    if missing or not lanes:
        raise OfflineDataError(
            f"{path.name} has no column {', '.join(missing) or 'quality__<lane>'}. An outcome matrix has prompt, group "
            "and, for each lane, quality__<lane> (0..1) and cost_usd__<lane>."
        )
    prompts = frame["prompt"].tolist()
    _, group = np.unique(frame["group"].astype(str), return_inverse=True)
    pack = Pack(
        contexts=contexts_of(prompts, encoder, classifier),
        # single precision is what packs keep, so that a matrix and its pack give the same numbers
        quality=frame[[f"quality__{lane}" for lane in lanes]].to_numpy(np.float32).astype(np.float64),
        cost_usd=frame[[f"cost_usd__{lane}" for lane in lanes]].to_numpy(np.float32).astype(np.float64),
        group=group.astype(np.int64),
        lanes=tuple(lanes),
        encoder=encoder.sha256,
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    return pack, [hashlib.sha256(prompt.encode("utf-8", "replace")).hexdigest() for prompt in prompts]


def save_pack(pack: Pack, stem: Path, *, prompt_sha256: list[str], source: str) -> None:
    """Write ``stem.safetensors`` and ``stem.json``; embeddings are kept in half precision."""
    contexts = pack.contexts
    stem.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {
            "embedding": contexts.embedding.astype(np.float16),
            "surface": contexts.surface,
            "intent": contexts.intent,
            "domain": contexts.domain,
            "tokens_in": contexts.tokens_in,
            # safetensors writes the buffer as it lies in memory, and pandas hands out columns
            "quality": np.ascontiguousarray(pack.quality, dtype=np.float32),
            "cost_usd": np.ascontiguousarray(pack.cost_usd, dtype=np.float32),
            "group": pack.group,
            "prompt_sha256": np.stack([np.frombuffer(bytes.fromhex(digest), np.uint8) for digest in prompt_sha256]),
        },
        stem.with_suffix(".safetensors"),
    )
    record = {"lanes": list(pack.lanes), "rows": len(pack.group), "encoder": pack.encoder, "source": source}
    if pack.prices:
        record["prices"] = {lane: list(price) for lane, price in pack.prices.items()}
    stem.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def main(
    data: Annotated[Path, typer.Option(help="Outcome matrix (Parquet).")],
    out: Annotated[Path, typer.Option(help="Path without ending.")] = DEFAULT,
    bundle: Annotated[Path, typer.Option(help="Folder with encoder and classifier.")] = ROOT / "models" / "default",
) -> None:
    """Build a pack from an outcome matrix. Its costs were paid at the prices that the bundle's router.yaml has now."""
    pack, digests = read_matrix(data, Encoder.load(bundle / "encoder"), Classifier.load(bundle))
    lanes = load_config(bundle / "router.yaml").lanes.values()
    paid = {
        lane.outcomes: (lane.price.input_per_mtok, lane.price.output_per_mtok)
        for lane in lanes
        if lane.outcomes in pack.lanes
    }
    pack = replace(pack, prices=paid)
    save_pack(pack, out, prompt_sha256=digests, source=data.name)


if __name__ == "__main__":
    typer.run(main)
