"""How a stream is cut."""

from __future__ import annotations

import json
import re
from typing import Any


def cut(text: str) -> list[str]:
    """A text in pieces of about three words.

    >>> cut("one two three four")
    ['one two three ', 'four']
    """
    return re.findall(r"\s*(?:\S+\s*){1,3}", text) or ([text] if text else [])


def event(value: dict[str, Any], name: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()
