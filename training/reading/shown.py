"""What fine-tuning is shown: token ids of texts, requests inside other texts, and filled entity templates."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from training.labelled.augment import enclose
from training.labelled.examples import UNKNOWN, Example, Targets
from training.tagging import entity_texts
from training.tagging.values import Values

ENCLOSED_UP_TO, BACKGROUND = 600, (250, 1000)  # characters


class Tokens:
    """The tokenizer of a SentenceTransformer with its special tokens, neither padding nor cutting by itself."""

    def __init__(self, tokenizer: Any, window: int) -> None:
        self._tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._ends, self._room = (tokenizer.cls_token_id, tokenizer.sep_token_id), window - 2

    def ids(self, text: str) -> tuple[list[int], int]:
        """Ids of a text with the special ones, of a long one its first two thirds of the window and its end; and how
        many tokens the whole text has, as the served encoder counts."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        count = len(ids)
        if count > self._room:
            end = self._room // 3
            ids = ids[: self._room - end] + ids[-end:]
        return [self._ends[0], *ids, self._ends[1]], count

    def tagged(self, text: str, spans: Sequence[entity_texts.Span]) -> tuple[list[int], list[int]]:
        """Ids and tags of a short text; special tokens have no tag."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        tags = entity_texts.align(encoding.offsets, spans)[: self._room]
        ids = [self._ends[0], *encoding.ids[: self._room], self._ends[1]]
        return ids, [UNKNOWN, *tags, UNKNOWN]


def padded(ids: Sequence[list[int]], fill: int = 0) -> tuple[Any, Any]:
    """Ids of several texts as one tensor (n, t), and where there is a token."""
    longest = max(map(len, ids))
    batch = torch.full((len(ids), longest), fill)
    mask = torch.zeros((len(ids), longest), dtype=torch.bool)
    for row, own in enumerate(ids):
        batch[row, : len(own)] = torch.tensor(own)
        mask[row, : len(own)] = True
    return batch, mask


class Enclosure:
    """Puts requests into the middle of other people's long texts, where only their risks are still known.

    An order in there may be the user's or an injection, so nothing is said of those two risks unless it is one.
    """

    def __init__(self, examples: Sequence[Example], targets: Targets, dice: random.Random) -> None:
        calm = (targets.risks == 0).all(axis=1)
        self._backgrounds = [
            example.text
            for example, quiet in zip(examples, calm, strict=True)
            if quiet and BACKGROUND[0] < len(example.text) < BACKGROUND[1]
        ]
        risks = targets.taxonomy.risks
        self._unclear = [(risks.index(risk), value) for risk, value in (("state_change", 1), ("prompt_injection", 0))]
        self._dice = dice

    def apply(self, texts: list[str], targets: Targets) -> tuple[list[str], Targets]:
        """Short texts enclosed, long ones as they are, and what is still known of each."""
        values, cut, result = targets.values.copy(), targets.taxonomy.cuts[-1], []
        for row, text in enumerate(texts):
            if self._backgrounds and len(text) < ENCLOSED_UP_TO:
                values[row, :cut] = np.nan
                for risk, value in self._unclear:
                    if values[row, cut + risk] == value:
                        values[row, cut + risk] = np.nan
                result.append(enclose(text, self._dice.choice(self._backgrounds), self._dice))
            else:
                result.append(text)
        return result, Targets(values, targets.taxonomy)


class TagBatches:
    """Endless batches of filled templates, other values each time."""

    def __init__(self, templates: Sequence[str], tokens: Tokens, size: int, seed: int) -> None:
        self._templates, self._tokens, self._size = list(templates), tokens, size
        self._values = Values(seed)
        self._dice = random.Random(seed)

    def draw(self) -> tuple[Any, Any, Any]:
        """Ids, where there is a token, and tags."""
        chosen = self._dice.sample(self._templates, self._size)
        filled = [entity_texts.fill(template, self._values) for template in chosen]
        rows = [self._tokens.tagged(text, spans) for text, spans in filled]
        ids, mask = padded([own for own, _ in rows])
        tags, _ = padded([own for _, own in rows], fill=UNKNOWN)
        return ids, mask, tags
