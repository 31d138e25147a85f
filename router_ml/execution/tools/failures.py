"""Why a tool gave no result, and whether it may have done something all the same."""

from __future__ import annotations


class ToolFailure(Exception):  # noqa: N818 - what a function of a tool raises to say more than its class would
    """A tool could not do what it was asked.

    ``detail``: a short reason that never holds a value of the call; ``nothing_done``: it is certain that nothing was
    done; ``transient``: the same call may succeed a moment later; ``retry_after_ms``: the pause that the service asks
    for.
    """

    def __init__(
        self,
        detail: str,
        *,
        nothing_done: bool = False,
        transient: bool = False,
        retry_after_ms: float | None = None,
    ) -> None:
        self.detail = detail
        self.nothing_done = nothing_done
        self.transient = transient
        self.retry_after_ms = retry_after_ms
        super().__init__(detail)


def as_failure(error: Exception) -> ToolFailure:
    """What any exception of a tool says: its class alone, since a message may hold values."""
    if isinstance(error, ToolFailure):
        return error
    refused = isinstance(error, ConnectionRefusedError)
    return ToolFailure(
        type(error).__name__, nothing_done=refused, transient=isinstance(error, ConnectionError | TimeoutError)
    )
