"""One of a few labels, however a lane dresses it: case, quotes, a full stop, a name in front."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from pydantic import JsonValue

from router_ml.contract import OutputContract
from router_ml.execution.validation.reading import NotJsonError, read_json

_AROUND = " \t\r\n\"'`*_“”‘’«»„().!。:"
_NAMED = re.compile(
    r"(?:the )?(?:label|category|class|classification|answer|intent|sentiment|result)(?: is)?\s*:\s*", re.I
)
_LONGEST = 64  # characters of a label where none are configured


def labels_of(contract: OutputContract) -> tuple[str, ...]:
    """The labels of a contract: its own, or the enumeration of its schema."""
    if contract.labels or contract.schema is None:
        return contract.labels
    listed = contract.schema.get("enum")
    return tuple(str(one) for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()


def label_in(text: str, labels: Sequence[str]) -> str | None:
    """The label that a text is, spelled as it is configured; None where it is none of them, or more than a label.

    >>> label_in('Label: "Billing".', ["billing", "technical"])
    'billing'
    """
    said = _from_json(text)
    if not labels:
        bare = said.strip(_AROUND)
        return bare if 0 < len(bare) <= _LONGEST and "\n" not in bare else None
    if said.strip() in labels:
        return said.strip()
    plain: dict[str, str] = {}
    for label in labels:
        plain.setdefault(_plain(label), label)
    plain.pop("", None)  # of a label of signs alone nothing is left to compare: it has to stand as it is
    return plain.get(_plain(said)) or plain.get(_plain(_NAMED.sub("", said.strip(_AROUND), count=1)))


def _from_json(text: str) -> str:
    """The label of ``"x"`` or ``{"label": "x"}``, as lanes answer that are held to a schema; else the text itself."""
    if not text.lstrip().startswith(("{", '"', "```")):
        return text
    try:
        value: JsonValue = read_json(text, roots="{")
    except NotJsonError:
        return text.strip().removeprefix("```").removesuffix("```")
    if isinstance(value, dict) and len(value) == 1:
        (value,) = value.values()
    return value if isinstance(value, str) else text


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).strip(_AROUND).casefold().split())
