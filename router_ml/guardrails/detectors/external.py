"""What the scan asks of a detector that does not live in this library: spans for all texts at once, or a fault.

A fault makes the scan ``unknown``. Its reason comes from a closed set of sentences; it never holds what was asked, nor
the text of an exception, which may repeat it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from router_ml.guardrails.detectors.detector import Span

Answer = list[list[Span]]


@dataclass(frozen=True)
class DetectorFault:
    """Why a detector gave no answer, as a reason of the scan: ``detector loyalty missed its deadline of 50 ms``."""

    reason: str


class External(Protocol):
    """A detector that answers for all views of a request in one call."""

    @property
    def type(self) -> str:
        """What its findings are called."""

    @property
    def risk(self) -> str:
        """The risk that a finding implies."""

    def ask(self, texts: Sequence[str]) -> Answer | DetectorFault:
        """The spans in each text, as many lists as texts, each span inside its text; or why there are none."""
