"""What a form of the console says, and why somebody acts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends

from router_ml.serve.access.words import checked_why
from router_ml.serve.console.viewer import Posted

LONGEST_WHY = 500


async def form(posted: Posted) -> dict[str, str]:
    """The fields of a form from a page of ours, without its token; the last where one is there twice."""
    return {name: value for name, value in posted.multi_items() if isinstance(value, str) and name != "csrf"}


Form = Annotated[dict[str, str], Depends(form)]


def why_of(fields: Mapping[str, str]) -> str:
    """Why somebody acts, for the log.

    Raises:
        InvalidRequestError: they do not say, or at length.
    """
    return checked_why(fields.get("why"), longest=LONGEST_WHY)
