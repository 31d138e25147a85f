"""The same answer in another shape: spaces and order of JSON, citations before or after the full stop, a list."""

from __future__ import annotations

import json
import random
import re
from typing import Any

_SHORTER = (
    ("does not", "doesn't"),
    ("do not", "don't"),
    ("cannot", "can't"),
    ("is not", "isn't"),
    ("are not", "aren't"),
    ("was not", "wasn't"),
    ("have not", "haven't"),
    ("I am ", "I'm "),
    ("I will ", "I'll "),
    ("I have ", "I've "),
    ("You are welcome", "You're welcome"),
)
_LOWERED = re.compile(r"^(The|A|An|It|In|On|Only|From|For|After|Up to|At|Within|Once|Every|Books|They) ")
_SENTENCE = re.compile(r"(?<=[.!?\]])\s+(?=[A-Z])")
_BEFORE_STOP = re.compile(r" (\[[^\[\]]+\])\.")
_SPACES = ((None, (",", ":")), (None, (", ", ": ")), (2, (",", ": ")), (4, (",", ": ")), ("\t", (",", ": ")))


def as_json(text: str, rng: random.Random) -> str:
    """The value that stands in a text, written otherwise."""
    indent, separators = rng.choice(_SPACES)
    value = _shuffled(json.loads(text), rng)
    written = json.dumps(value, ensure_ascii=rng.random() < 0.2, indent=indent, separators=separators)
    return written + rng.choice(("", "", "\n"))


def _shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        names = list(value)
        if rng.random() < 0.5:
            rng.shuffle(names)
        return {name: _shuffled(value[name], rng) for name in names}
    return [_shuffled(one, rng) for one in value] if isinstance(value, list) else value


def contracted(text: str, rng: random.Random) -> str:
    """Contractions, or none."""
    way = rng.random()
    for long, short in _SHORTER if way < 0.6 else ():
        text = text.replace(long, short) if way < 0.3 else text.replace(short, long)
    return text


def cited(text: str, rng: random.Random) -> str:
    """Citations behind the full stop instead of before it, ``percent`` for ``per cent``."""
    if rng.random() < 0.4:
        text = _BEFORE_STOP.sub(r". \1", text)
    if rng.random() < 0.5:
        text = text.replace(" per cent", rng.choice((" percent", "%")))
    return text


def opened(text: str, opening: str) -> str:
    """With words in front that fit a sentence, where it begins so that they can; else as it is."""
    return f"{opening} {text[0].lower()}{text[1:]}" if _LOWERED.match(text) else text


def as_list(text: str) -> str:
    """Its sentences as a list, where there are some."""
    sentences = _SENTENCE.split(text)
    return "\n".join(f"- {one}" for one in sentences) if len(sentences) > 1 else text
