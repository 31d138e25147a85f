"""What waits for a person, as its keeper sees it; no database here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from router_ml.contract import Approval

State = Literal["requested", "granted", "denied", "expired"]


@dataclass(frozen=True)
class Held:
    """One thing that waits: its ``state``, until when that may be acted on, and what is kept, as the caller wrote
    it."""

    approval_id: str
    decision_id: str
    state: State
    until: datetime
    kept: bytes

    @property
    def is_open(self) -> bool:
        """Whether it waits for somebody's word, or for being carried out."""
        return self.state in ("requested", "granted")


class Keeps(Protocol):
    """Where such things, and the steps of their approvals, are kept."""

    def hold(self, step: Approval, kept: bytes, *, until: datetime) -> None:
        """Write that an approval was requested, and keep what waits for it.

        Raises:
            LogRefusedError: the id is taken, or the decision was erased. LogError: it cannot be written.
        """
        ...

    def settle(self, step: Approval, kept: bytes | None, *, until: datetime) -> bool:
        """Decide what was requested, or let it expire; False where somebody did before, or it is too late or too early.

        Args:
            kept: what stays until it is picked up; None: what was there. until: how long it stays.
        """
        ...

    def take(self, approval_id: str, now: datetime, *, state: State) -> bytes | None:
        """What was kept of an approval that was decided as ``state`` says, which is gone then; None where it is not
        there to take, or was decided otherwise."""
        ...

    def drop(self, held: Held, now: datetime, step: Approval | None) -> bool:
        """Delete what nobody picked up in time, unless it has changed; ``step``: what the log is to say of it."""
        ...

    def held(self, approval_id: str | None = None) -> list[Held]:
        """What waits or is there to be picked up, of one approval or of all, the first to end first."""
        ...

    def open_ids(self) -> set[str]:
        """The approvals that wait for somebody's word, or for being carried out; nothing of what is kept is read."""
        ...

    def steps(self, approval_id: str) -> list[Approval]:
        """The steps of an approval, in the order in which they can follow each other."""
        ...
