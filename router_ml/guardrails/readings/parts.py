"""The strings of a request that are scanned: each by itself, and the last messages and the metadata as one text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from router_ml.contract import Finding, Message, RouteRequest
from router_ml.contract.base import walk_strings
from router_ml.guardrails.readings.folding import unreadable_characters
from router_ml.guardrails.views import joined

_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f\ufffd]")  # not escape: terminals colour logs with it
_MANY_CONTROL, _CONTROL_SHARE = 8, 0.05
_MANY_UNREADABLE = 6
_SURROGATE = re.compile("[\ud800-\udfff]")
_FIELDS = re.compile(r"messages\[\d{1,9}\]\.key")  # the names of our own fields say nothing about a value
_DATA = re.compile(r"\s{0,8}data:(?!text/)[\w.+/-]{0,80}[;,]", re.IGNORECASE)
_PART_TYPE = re.compile(r"messages\[\d{1,9}\](?:\[\d{1,9}\]){2,4}")
_MEDIA = re.compile(r"^(?:input_|output_)?(?:image|audio|video|file|document|media)(?:_url|_file)?$")
_KEYED_LENGTH = 128
_DIGIT, _FEWEST_DIGITS, _SHORT = re.compile(r"\d", re.ASCII), 6, 32
_LONGEST_PROSE, _STRETCH = 480, 40
_FEWEST_BYTES = 32  # that a text counts for: a hundred thousand empty ones would take a quarter of a minute to look at
_LONGEST_JOINED = 16_384  # of each message, its end and its start: a value that is split stands at the seam


@dataclass(frozen=True)
class Part:
    """One text to scan. ``key``: of a short value in a mapping. ``view``: the only view to read it in, if given.

    ``labels``: further text in which a label of the value may stand.
    """

    name: str
    text: str
    key: str = ""
    view: str | None = None
    labels: str = ""

    def known(self, findings: Sequence[Finding]) -> Iterator[str]:
        """Types that its own pieces have already shown; only asked of a text that is joined from others."""
        if self.view is not None:
            yield from (finding.type for finding in findings if finding.part.startswith(self.name))


def parts(request: RouteRequest, *, max_bytes: int, joined_messages: int, reasons: dict[str, None]) -> Iterator[Part]:
    """All parts that fit ``max_bytes`` of UTF-8, of which each takes up ``_FEWEST_BYTES`` at least; adds to ``reasons``
    why something cannot be read."""
    left, left_out = max_bytes, 0
    base, key = "", ""
    for name, text in request.strings():
        size = max(_FEWEST_BYTES, len(text.encode("utf-8", "surrogatepass")))
        if size > left:
            left_out += size
            continue
        left -= size
        reasons |= dict.fromkeys(f"{name}: {reason}" for reason in (*_unreadable(text), *_opaque(name, text)))
        if name.endswith(".key"):
            base, key = name.removesuffix(".key"), "" if _FIELDS.fullmatch(name) else text
            yield Part(name, text)
        else:
            short = name.startswith(f"{base}[") and len(key) + len(text) <= _KEYED_LENGTH
            yield Part(name, text, key if short else "")
    if left_out:
        reasons[f"{left_out} bytes were not scanned, because guardrails.max_bytes is {max_bytes}"] = None
    else:
        yield from _joined(request, joined_messages)


def _joined(request: RouteRequest, last: int) -> Iterator[Part]:
    """Values split over messages, or over the values of the metadata."""
    said = request.messages[-last:]
    everything = [text for message in said for text in _leaves(message)]
    ours = [text for message in said if message.role == "user" for text in _leaves(message)]
    for texts in [everything, ours] if len(ours) < len(everything) else [everything]:
        yield from _as_one("messages", texts, "\n".join(texts))
    values = [text for path, text in walk_strings(request.metadata, "metadata") if not path.endswith(".key")]
    if len(values) > 1:
        every = "\n".join(text for _, text in walk_strings(request.metadata, "metadata"))
        yield from _as_one("metadata", values, every)


def _leaves(message: Message) -> list[str]:
    """The texts of a message: its content or each part of it, and each argument of its tool calls."""
    content = [message.content] if isinstance(message.content, str) else message.content or []
    found = [text for path, text in walk_strings([content, message.tool_calls]) if not path.endswith(".key")]
    return [text for text in found if text.strip()]


def _as_one(name: str, texts: list[str], labels: str) -> Iterator[Part]:
    if len(texts) < 2:
        return
    for text in joined([_seams(text) for text in texts]):
        yield Part(name, text, view="joined", labels=labels)
    if (scattered := _beside_labels(texts)) is not None:
        yield Part(name, scattered, view="joined", labels=labels)


def _beside_labels(texts: list[str]) -> str | None:
    """The short texts as one value, put beside each stretch of the others, one of which may say what it is."""
    value = "".join(text.strip() for text in texts if len(text) <= _SHORT and _DIGIT.search(text) is not None)
    prose = " ".join(text.strip() for text in texts if len(text) > _SHORT or _DIGIT.search(text) is None)[
        :_LONGEST_PROSE
    ]
    if len(_DIGIT.findall(value)) < _FEWEST_DIGITS or not prose:
        return None
    return "\n".join(f"{prose[at : at + _STRETCH]}: {value}" for at in range(0, len(prose), _STRETCH // 2))


def _seams(text: str) -> str:
    half = _LONGEST_JOINED // 2
    return text if len(text) <= _LONGEST_JOINED else f"{text[:half]}\n{text[-half:]}"


def _opaque(name: str, text: str) -> Iterator[str]:
    """Why a string holds or stands for something that is no text: an image, a sound, a document."""
    if _DATA.match(text) is not None or (_PART_TYPE.fullmatch(name) and _MEDIA.search(text) is not None):
        yield "it is content that is not text"


def _unreadable(text: str) -> Iterator[str]:
    """Why a string is not text that detectors can be trusted on."""
    if not text.isascii() and _SURROGATE.search(text) is not None:
        yield "it holds lone surrogates, which are not characters"
        return
    controls = len(_CONTROL.findall(text)) if _CONTROL.search(text) is not None else 0
    if "\x00" in text or (controls >= _MANY_CONTROL and controls > _CONTROL_SHARE * len(text)):
        yield "it looks binary"
    foreign = unreadable_characters(text)
    if foreign >= _MANY_UNREADABLE:
        yield f"{foreign} characters are of no script that guards can read"
