"""The classifier's heads in torch: attention of each reader, values of each label, a linear part over surface features.

``Heads`` is what fine-tuning trains together with the encoder and what ``fit_heads`` trains alone, on token vectors of
the encoder that serves. ``export`` turns them into the arrays that ``router_ml.understanding.classifier`` reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from router_ml.understanding.classifier import HEADS, Weights
from router_ml.understanding.surface import NAMES
from training.labelled.examples import Targets, Taxonomy
from training.reading.calibration import uncalibrated

Floats = NDArray[np.float32]
SMOOTHING = 0.05
LOSS_SHARE = {"intent": 1.0, "domain": 1.0, "mode": 0.5}
RISK_SHARE = 2.0


class Heads(nn.Module):  # type: ignore[misc]
    """Scores (n, k) of texts from their token vectors (n, t, d) and scaled surface features (n, s)."""

    def __init__(self, dimension: int, taxonomy: Taxonomy, *, dropout: float) -> None:
        super().__init__()
        spec = uncalibrated(taxonomy)
        self.readers = torch.tensor(spec.readers)
        self.attention = nn.Linear(dimension, int(spec.readers.max()) + 1, bias=False)
        self.value = nn.Linear(dimension, len(spec.readers))
        self.surface = nn.Linear(len(NAMES), len(spec.readers), bias=False)
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.attention.weight, std=0.02)
        nn.init.zeros_(self.surface.weight)
        visible = torch.ones(len(spec.readers))
        visible[taxonomy.cuts[-1] :] = 0  # a risk is read from pieces, which have no shape of their own
        self.visible = visible

    def forward(self, tokens: Any, mask: Any, surface: Any) -> Any:
        """``mask`` (n, t) is true where there is a token."""
        tokens = self.dropout(tokens)
        scores = self.attention(tokens).masked_fill(~mask[:, :, None], -1e4)
        read = (scores.softmax(dim=1)[:, :, self.readers] * self.value(tokens)).sum(dim=1)
        return read + self.surface(surface) * self.visible


class Scale:
    """Mean and deviation of surface features, folded into the weights on export."""

    def __init__(self, surface: Floats) -> None:
        self.mean = surface.mean(axis=0)
        self.deviation = surface.std(axis=0) + np.float32(1e-2)

    def __call__(self, surface: Floats) -> Any:
        """Features of about unit size, as a tensor."""
        return torch.tensor((surface - self.mean) / self.deviation)


def export(heads: Heads, scale: Scale) -> Weights:
    """The arrays that the served classifier reads."""
    surface = (heads.surface.weight.detach() * heads.visible[:, None]).numpy().T / scale.deviation[:, None]
    bias = heads.value.bias.detach().numpy() - scale.mean @ surface
    return Weights(
        attention=heads.attention.weight.detach().numpy().T.copy(),
        value=heads.value.weight.detach().numpy().T.copy(),
        surface=surface.astype(np.float32),
        bias=bias.astype(np.float32),
    )


def restore(heads: Heads, scale: Scale, weights: Weights) -> None:
    """Undo ``export``, to train on from where an earlier run ended; the scale may be another."""
    surface = weights.surface * scale.deviation[:, None]
    with torch.no_grad():
        heads.attention.weight.copy_(torch.tensor(weights.attention.T.copy()))
        heads.value.weight.copy_(torch.tensor(weights.value.T.copy()))
        heads.value.bias.copy_(torch.tensor(weights.bias + scale.mean @ weights.surface))
        heads.surface.weight.copy_(torch.tensor(surface.T.copy()))


def loss(scores: Any, targets: Targets, rows: NDArray[np.intp]) -> Any:
    """Cross-entropy over what is known of the rows; what is unknown adds nothing."""
    wanted = torch.tensor(targets.values[rows])
    known = wanted.isfinite()
    wanted = wanted.nan_to_num(0.0)
    total = torch.zeros(())
    start = 0
    for name, end in zip(HEADS, targets.taxonomy.cuts, strict=True):
        mine = known[:, start]
        if mine.any():
            part = functional.cross_entropy(
                scores[mine, start:end], wanted[mine, start:end], label_smoothing=SMOOTHING, reduction="sum"
            )
            total = total + LOSS_SHARE[name] * part / len(rows)
        start = end
    risks = known[:, start:].float()
    each = functional.binary_cross_entropy_with_logits(
        scores[:, start:], wanted[:, start:], weight=risks, reduction="sum"
    )
    return total + RISK_SHARE * each / risks.numel()


def pad(parts: Sequence[Floats]) -> tuple[Any, Any]:
    """Token vectors of several texts as one tensor (n, t, d), and where there is a token."""
    longest = max(len(part) for part in parts)
    tokens = np.zeros((len(parts), longest, parts[0].shape[1]), dtype=np.float32)
    mask = np.zeros((len(parts), longest), dtype=bool)
    for row, part in enumerate(parts):
        tokens[row, : len(part)] = part
        mask[row, : len(part)] = True
    return torch.tensor(tokens), torch.tensor(mask)


def batches(
    lengths: NDArray[np.intp], rows: NDArray[np.intp], size: int, random: np.random.Generator
) -> Iterator[NDArray[np.intp]]:
    """Rows in random batches of similar length, so that little is padded."""
    order = random.permutation(rows)
    pools = [order[start : start + 20 * size] for start in range(0, len(order), 20 * size)]
    cut = [
        pool[np.argsort(lengths[pool], kind="stable")][start : start + size]
        for pool in pools
        for start in range(0, len(pool), size)
    ]
    for at in random.permutation(len(cut)):
        yield cut[at]


def fit_heads(
    tokens: Sequence[NDArray[np.float16]],
    surface: Floats,
    targets: Targets,
    rows: NDArray[np.intp],
    *,
    seed: int,
    epochs: int = 12,
    batch: int = 64,
    rate: float = 3e-3,
) -> Weights:
    """Train heads alone on token vectors, (t, d) per text, of a fixed encoder."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    scale = Scale(surface[rows])
    heads = Heads(tokens[0].shape[1], targets.taxonomy, dropout=0.2)
    optimiser = torch.optim.AdamW(heads.parameters(), lr=rate, weight_decay=0.05)
    total = epochs * math.ceil(len(rows) / batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=total + 1)
    lengths = np.array([len(part) for part in tokens])
    for _ in range(epochs):
        for some in batches(lengths, rows, batch, random):
            scores = heads(*pad([tokens[row].astype(np.float32) for row in some]), scale(surface[some]))
            step = loss(scores, targets, some)
            optimiser.zero_grad()
            step.backward()
            optimiser.step()
            schedule.step()
    return export(heads.eval(), scale)
