"""Forms of the console: bounded, sent from one of its own pages, and with a reason for what is written down."""

from __future__ import annotations

import hmac
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from router_ml.errors import InvalidRequestError
from router_ml.serve.access.caller import AccessError
from router_ml.serve.console.viewer import Viewer

MOST_BYTES = 64_000
MOST_FIELDS = 100
LONGEST_WHY = 500


async def form(request: Request, who: Viewer) -> dict[str, str]:
    """The fields of a form, the last where one is there twice; ``who`` is asked for first, since that sets the token.

    Raises:
        AccessError: it is too large, or comes from another page than ours.
        InvalidRequestError: it is no form.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise AccessError(413, "too_large", f"The form has more than {MOST_BYTES} bytes. Send less.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise InvalidRequestError("What was sent is no form. Send it from a page of the console.") from None
    fields = dict(pairs)
    expected: str = getattr(request.state, "csrf", "")
    if not hmac.compare_digest(fields.pop("csrf", "").encode(), expected.encode()):
        raise AccessError(403, "wrong_token", "The page that this came from is too old, or is none of ours. Reload it.")
    return fields


Form = Annotated[dict[str, str], Depends(form)]


def why_of(fields: dict[str, str]) -> str:
    """Why somebody acts, for the audit log.

    Raises:
        InvalidRequestError: they do not say, or at length.
    """
    why = fields.get("why", "").strip()
    if not 0 < len(why) <= LONGEST_WHY:
        raise InvalidRequestError(f"Say why, in at most {LONGEST_WHY} characters: it goes to the audit log.")
    return why
