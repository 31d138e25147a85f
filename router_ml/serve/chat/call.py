"""One call of the OpenAI API, read: what is asked, by whom, and how it wants to be answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from router_ml.config import RouterConfig
from router_ml.errors import InvalidRequestError, RouterError
from router_ml.execution.completion import Completion
from router_ml.integrations.asking import Asked
from router_ml.integrations.chats import Stamp
from router_ml.integrations.following import Piece
from router_ml.serve.access.caller import Caller
from router_ml.serve.gateway import Gateway


class Telling(Protocol):
    """Turns pieces of an answer into server-sent events."""

    def tell(self, piece: Piece) -> bytes:
        """The events of one."""
        ...

    def failed(self, error: RouterError) -> bytes:
        """Why no more comes."""
        ...


class Api(Protocol):
    """``integrations.chats`` or ``integrations.responses``."""

    def read(self, config: RouterConfig, sent: Mapping[str, Any], *, stamped: Stamp = dict) -> Asked:
        """The call as a request."""
        ...

    def told(self, completion: Completion, sent: Mapping[str, Any]) -> dict[str, Any]:
        """The body of an answer."""
        ...

    def Teller(self, sent: Mapping[str, Any]) -> Telling:  # noqa: N802 - a class of the module
        """Tells of an answer as it comes."""
        ...


@dataclass(frozen=True)
class Call:
    """``sent``: its body; ``asked``: what that means; ``stream``: the answer is wanted as it comes."""

    api: Api
    sent: Mapping[str, Any]
    asked: Asked
    caller: Caller
    stream: bool

    @classmethod
    def read(
        cls,
        api: Api,
        sent: Mapping[str, Any],
        *,
        headers: Mapping[str, str],
        caller: Caller,
        gateway: Gateway,
        decide_ms: float | None = None,
    ) -> Call:
        """A call as it came in.

        Args:
            decide_ms: after which it is decided by the rules alone.

        Raises:
            InvalidRequestError: it cannot be read, or asks for what no lane promises. AccessError: it says it is of
                another organisation than the caller's.
        """
        stream = sent.get("stream")
        if not isinstance(stream, bool | None):
            raise InvalidRequestError("stream cannot be read. Give true or false.")
        config = gateway.router.config
        asked = api.read(config, sent, stamped=caller.stamped)
        parent, state = headers.get("traceparent"), headers.get("tracestate")
        client = replace(asked.client, traceparent=parent, tracestate=state, decide_ms=decide_ms)
        return cls(api, sent, replace(asked, client=client), caller, bool(stream))
