"""What is asked, apart from the document it is asked about. Pure shape: no word is looked up."""

from __future__ import annotations

import re

from router_ml.contract import RouteRequest

WINDOW = 20_000
"""Characters of a text that are looked at; beyond, it is a document in any case."""

_FENCED = re.compile(r"```.{0,20000}?(?:```|\Z)|\"\"\".{0,20000}?(?:\"\"\"|\Z)|<<<.{0,20000}?(?:>>>|\Z)", re.DOTALL)
_QUOTED = re.compile(r"[\"“«„]([^\"“”«»„\n]{24,2000})[\"”»“]")
_AFTER_COLON = re.compile(r"[:：]\s{1,3}(?=\S)")
_OF_A_DOCUMENT, _AFTER_A_COLON, _SHORT = 8, 7, 25  # words
_ATTACHED = ("attachment", "attachments", "document", "documents", "file", "files")


def split(text: str) -> tuple[str, bool]:
    """What is asked, and whether a document is quoted in the text.

    A document is what is fenced, quoted at length, on further lines or behind a colon. The first and a short last
    paragraph say what is to be done with it.

    >>> split("Summarise this: the tenant pays on the first of each month, in advance")
    ('Summarise this', True)
    >>> split("Where is order 8812?")
    ('Where is order 8812?', False)
    """
    if len(text) > WINDOW:
        return f"{text[:400]}\n{text[-400:]}", True
    bare = _FENCED.sub("\n", text)
    bare = _QUOTED.sub(" ", bare)
    document = bare != text and len(text.split()) - len(bare.split()) >= _OF_A_DOCUMENT // 2
    lines = [line for line in bare.strip().splitlines() if line.strip()]
    if not lines:
        return "", document
    first, rest = lines[0], lines[1:]
    colon = _AFTER_COLON.search(first)
    if colon is not None and len(first[colon.end() :].split()) >= _AFTER_A_COLON:
        first, document = first[: colon.start()], True
    if rest:
        if len(" ".join(rest).split()) >= _OF_A_DOCUMENT:
            last = rest[-1] if len(rest[-1].split()) <= _SHORT else ""
            return f"{first}\n{last}".strip(), True
        first = "\n".join([first, *rest])
    return first, document


def has_attachment(request: RouteRequest) -> bool:
    """Whether a file or picture comes with the request, or its metadata name one."""
    if any(request.metadata.get(key) for key in _ATTACHED):
        return True
    parts = (part for message in request.messages if isinstance(message.content, list) for part in message.content)
    return any(isinstance(part, dict) and part.get("type") not in (None, "text", "input_text") for part in parts)
