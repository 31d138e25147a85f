"""How the address of a folder or cluster is shown."""

from __future__ import annotations

import re


def shown(text: str) -> str:
    """A text whose URLs have neither user, password, query nor fragment.

    >>> shown("s3://key:secret@bucket/log?token=abc")
    's3://bucket/log'
    """
    return re.sub(r"(\w://)(?:[^/\s]*@)?([^\s?#]*)(?:[?#]\S*)?", r"\1\2", text)
