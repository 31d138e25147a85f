"""One request understood: encoded once, classified, its language told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from router_ml.contract import Label, Language, ModeLabel, Risk, RouteRequest
from router_ml.understanding.classifier import Classifier, Head, RiskHead
from router_ml.understanding.encoder import DEFAULT_LANGUAGES, Encoded, Encoder, Floats
from router_ml.understanding.ends import ends
from router_ml.understanding.language import detect, extent
from router_ml.understanding.surface import NAMES, surface

_BYTES_PER_TOKEN = 2  # fewer than any common text has, so that limits err on the safe side
_END = 1_000


@dataclass(frozen=True)
class Passage:
    """A text of a request, and what was read off its tokens for others than the classifier."""

    text: str
    encoded: Encoded


@dataclass(frozen=True)
class Understanding:
    """What is known of a request before any rule: arrays for allocation, labels for people.

    embedding: (d,); surface: (s,); intent: (i,), domain: (k,) probabilities; tokens_in: of the whole conversation;
    passages: the task and the texts beside it, where columns were given to read them with.
    """

    embedding: NDArray[np.float32]
    surface: NDArray[np.float32]
    intent: NDArray[np.float32]
    domain: NDArray[np.float32]
    tokens_in: int
    intent_label: Label
    domain_label: Label
    mode_label: ModeLabel
    risks: tuple[Risk, ...]
    language: Language
    language_characters: int
    passages: tuple[Passage, ...] = ()


def understand(
    requests: Sequence[RouteRequest],
    encoder: Encoder,
    classifier: Classifier,
    *,
    max_bytes: int,
    min_characters: int,
    columns: Floats | None = None,
) -> list[Understanding]:
    """Understand requests with one encoder pass over all of their texts, and one more over the ends of long ones.

    Args:
        max_bytes: texts beyond this make a request ``unknown`` to the guardrails whatever they say; only their two ends
            are encoded.
        min_characters: from here on a language that the encoder was not validated on makes intent and domain abstain;
            of fewer characters no language can be told.
        columns: (d, k) those of the classifier, and after them what else is read off each token, for ``passages``.
    """
    texts = [list(_within(max_bytes, (request.task, *request.context))) for request in requests]
    own = classifier.columns if columns is None else columns
    encoded = iter(encoder.encode([text for group in texts for text in group], own))
    width, result = classifier.columns.shape[1], []
    for request, group in zip(requests, texts, strict=True):
        whole_readings = [next(encoded) for _ in group]
        task, *context = [_columns(one, slice(None, width)) for one in whole_readings]
        shape = surface(group[0], task.tokens)
        alone = encoder.encode(ends(group[0]), classifier.columns) if len(task.readings) > 1 else []
        seen = classifier.predict(task, shape, context, alone)
        whole = request.conversation
        tokens = task.tokens if whole == group[0] else _count(whole, encoder, max_bytes)
        code = detect(group[0])
        language = Language(code=code, validated=code in encoder.spec.languages)
        size = extent(group[0])
        foreign = not language.validated and size >= min_characters
        result.append(
            Understanding(
                embedding=task.representation,
                surface=shape,
                intent=seen.intent,
                domain=seen.domain,
                tokens_in=tokens,
                intent_label=label(classifier.spec.intent, seen.intent, abstain=foreign),
                domain_label=label(classifier.spec.domain, seen.domain, abstain=foreign),
                mode_label=ModeLabel(**dict(label(classifier.spec.mode, seen.mode))),
                risks=_fired(classifier.spec.risks, seen.risks),
                language=language,
                language_characters=size,
                passages=tuple(
                    Passage(text, _columns(one, slice(width, None)))
                    for text, one in zip(group, whole_readings if columns is not None else (), strict=False)
                ),
            )
        )
    return result


def _columns(encoded: Encoded, some: slice) -> Encoded:
    return replace(encoded, readings=tuple(reading[:, some] for reading in encoded.readings))


def _fired(head: RiskHead, probabilities: NDArray[np.float32]) -> tuple[Risk, ...]:
    return tuple(
        Risk(name=name, probability=round(float(p), 4), source="model")
        for name, p, threshold in zip(head.labels, probabilities, head.threshold, strict=True)
        if p >= threshold
    )


def _count(text: str, encoder: Encoder, max_bytes: int) -> int:
    """Tokens of a conversation; beyond the byte cap an upper estimate."""
    size = len(text.encode("utf-8", "replace"))
    return encoder.count_tokens(text) if size <= max_bytes else size // _BYTES_PER_TOKEN


def _within(max_bytes: int, texts: Sequence[str]) -> Iterator[str]:
    """Texts as they are while they fit into one budget, then their two ends."""
    left = max_bytes
    for text in texts:
        size = len(text.encode("utf-8", "replace"))
        if size <= left:
            left -= size
            yield text
        else:
            yield f"{text[:_END]}\n{text[-_END:]}"


def label(head: Head, probabilities: NDArray[np.float32], *, abstain: bool = False) -> Label:
    """The most likely label, with all probabilities to four digits; ``abstain`` where it is not to be relied on."""
    top = int(probabilities.argmax())
    table = {name: round(float(p), 4) for name, p in zip(head.labels, probabilities, strict=True)}
    unsure = abstain or bool(probabilities[top] < head.abstain_below)
    return Label(label=head.labels[top], probabilities=table, abstained=unsure)


def unlearned(request: RouteRequest, *, sample: int | None = None) -> Understanding:
    """A request without any learned part: nothing is known of it but its size, and that is said.

    Args:
        sample: characters of the task that its language is judged by, where there is no time for all of a long one.
    """
    text, task = request.conversation, request.task[:sample]
    unknown = Label(label="unknown", probabilities={}, abstained=True)
    language = detect(task)
    return Understanding(
        embedding=np.zeros(0, np.float32),
        surface=np.zeros(len(NAMES), np.float32),
        intent=np.zeros(0, np.float32),
        domain=np.zeros(0, np.float32),
        tokens_in=1 + len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN,
        intent_label=unknown,
        domain_label=unknown,
        mode_label=ModeLabel(label="batch" if request.channel == "batch" else "chat", probabilities={}, abstained=True),
        risks=(),
        language=Language(code=language, validated=language in DEFAULT_LANGUAGES),
        language_characters=extent(task),
    )
