"""Trains the entity tagger on token vectors of the served encoder, which are computed once.

The network is that of ``router_ml.guardrails.entities``: token vector, word piece and shape, two convolutions.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from router_ml.guardrails.entities import DILATION, TAGS, TAPS, Weights
from router_ml.guardrails.tagging.token_shapes import SHAPES, Floats, Ints, shapes
from router_ml.understanding.encoder import Encoder
from training.tagging.entity_texts import Tagged, align


@dataclass(frozen=True)
class Settings:
    """How to train; ``forgotten``: how often a word piece is hidden, so that context and shape have to do."""

    epochs: int = 8
    batch: int = 32
    rate: float = 2e-3
    forgotten: float = 0.4
    dropout: float = 0.3
    projection: int = 48
    pieces: int = 8
    channels: int = 64


@dataclass(frozen=True)
class Example:
    """One text as the encoder sees it: vectors (t, d) float16, ids (t,), shapes (t, SHAPES), tags (t,)."""

    vectors: NDArray[np.float16]
    ids: Ints
    shapes: Floats
    tags: Ints


def examples(encoder: Encoder, texts: Sequence[Tagged], step: Callable[[], None] = lambda: None) -> list[Example]:
    """Encode texts; of those longer than the window, the first chunk alone."""
    eye = np.eye(encoder.spec.dimension, dtype=np.float32)
    found = []
    for text, spans in texts:
        one = encoder.encode([text], eye)[0]
        offsets = one.offsets[0]
        tags = np.array(align(offsets, spans), np.int64)
        looks = shapes(text, offsets)
        found.append(Example(one.readings[0].astype(np.float16), one.ids[0], looks, tags))
        step()
    return found


class Network(nn.Module):  # type: ignore[misc]
    """The tagger in torch; rows of several texts may follow one another with ``gap`` empty rows between."""

    gap = TAPS // 2 * DILATION

    def __init__(self, dimension: int, vocabulary: int, settings: Settings) -> None:
        super().__init__()
        joined = settings.projection + settings.pieces + SHAPES
        self.projection = nn.Linear(dimension, settings.projection, bias=False)
        self.pieces = nn.Embedding(vocabulary, settings.pieces)
        nn.init.normal_(self.pieces.weight, std=0.05)
        self.near = nn.Linear(TAPS * joined, settings.channels)
        self.wide = nn.Linear(TAPS * settings.channels, settings.channels)
        self.tags = nn.Linear(settings.channels, len(TAGS))
        self.settings = settings

    def forward(
        self, vectors: torch.Tensor, ids: torch.Tensor, looks: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Scores (t, len(TAGS)); ``mask`` (t, 1) is 0 between texts and at their special tokens."""
        known = self.pieces(ids)
        if self.training:
            known = known * (torch.rand(len(ids), 1) >= self.settings.forgotten)
        joined = torch.cat([self.projection(vectors), known, looks], dim=1)
        joined = functional.dropout(joined, self.settings.dropout, self.training) * mask
        near = torch.relu(self.near(_windows(joined, 1))) * mask
        near = functional.dropout(near, self.settings.dropout, self.training)
        wide = torch.relu(self.wide(_windows(near, DILATION))) + near
        result: torch.Tensor = self.tags(wide)
        return result


def _windows(rows: torch.Tensor, dilation: int) -> torch.Tensor:
    reach, count = TAPS // 2 * dilation, len(rows)
    padded = functional.pad(rows, (0, 0, reach, reach))
    return torch.cat([padded[tap * dilation : tap * dilation + count] for tap in range(TAPS)], dim=1)


def train(
    data: Sequence[Example],
    vocabulary: int,
    *,
    settings: Settings,
    seed: int,
    step: Callable[[float], None] = lambda loss: None,
) -> Weights:
    """Fit the network.

    Args:
        vocabulary: how many word pieces the tokenizer has.
        step: hears the mean loss of each pass over the data.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    dice = random.Random(seed)
    network = Network(data[0].vectors.shape[1], vocabulary, settings)
    order = list(range(len(data)))
    total = settings.epochs * -(-len(order) // settings.batch)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total_steps=total + 1, pct_start=0.15)
    network.train()
    for _ in range(settings.epochs):
        dice.shuffle(order)
        losses = []
        for start in range(0, len(order), settings.batch):
            vectors, ids, looks, tags, mask = _batch([data[row] for row in order[start : start + settings.batch]])
            scores = network(vectors, ids, looks, mask)
            inside = mask[:, 0] > 0
            error = functional.cross_entropy(scores[inside], tags[inside])
            optimiser.zero_grad()
            error.backward()
            optimiser.step()
            schedule.step()
            losses.append(float(error.detach()))
        step(float(np.mean(losses)))
    return exported(network)


def _batch(some: Sequence[Example]) -> tuple[torch.Tensor, ...]:
    """Texts one after the other, so that a convolution never sees two of them at once."""
    size = sum(len(one.ids) + Network.gap for one in some)
    vectors = np.zeros((size, some[0].vectors.shape[1]), np.float32)
    ids, tags = np.zeros(size, np.int64), np.zeros(size, np.int64)
    looks, mask = np.zeros((size, SHAPES), np.float32), np.zeros((size, 1), np.float32)
    at = 0
    for one in some:
        rows = slice(at, at + len(one.ids))
        vectors[rows], ids[rows], looks[rows], tags[rows] = one.vectors, one.ids, one.shapes, one.tags
        mask[at + 1 : at + len(one.ids) - 1] = 1
        at += len(one.ids) + Network.gap
    return tuple(map(torch.from_numpy, (vectors, ids, looks, tags, mask)))


def exported(network: Network) -> Weights:
    """The arrays that are served."""

    def array(tensor: torch.Tensor) -> Floats:
        result: Floats = tensor.detach().numpy().copy()
        return result

    return Weights(
        projection=array(network.projection.weight.T),
        pieces=array(network.pieces.weight).astype(np.float16),
        near=array(network.near.weight.T),
        near_bias=array(network.near.bias),
        wide=array(network.wide.weight.T),
        wide_bias=array(network.wide.bias),
        tags=array(network.tags.weight.T),
        tags_bias=array(network.tags.bias),
    )
