"""What a lane does with a case: the calls of tools that it makes, answer by answer, and what it says at last."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from router_ml.faults import Fault
from training.evals.case import Case
from training.evals.suite import Suite

GOOD = Fault("good")


@dataclass(frozen=True)
class ToolCall:
    """A call as a lane writes it; ``raw`` instead of ``arguments`` where these are to be no JSON."""

    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)
    raw: str | None = None


@dataclass(frozen=True)
class Played:
    """``batches``: calls of one answer each; ``text``: the last answer; ``fault``: how the server behaves meanwhile;
    ``first``: faults of the first tries of the first answer, which pass; ``tokens_out``: None for a guess by length."""

    batches: tuple[tuple[ToolCall, ...], ...] = ()
    text: str = ""
    fault: Fault = GOOD
    first: tuple[Fault, ...] = ()
    tokens_out: int | None = None

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """All of them, in order."""
        return tuple(call for batch in self.batches for call in batch)

    def saying(self, text: str) -> Played:
        """The same with another last answer."""
        return replace(self, text=text)


@dataclass(frozen=True)
class Asking:
    """Which case a lane was asked."""

    suite: Suite
    case: Case

    @property
    def key(self) -> tuple[str, str]:
        """Suite and case, by name."""
        return self.suite.name, self.case.id

    @property
    def reference(self) -> str:
        """The right answer that stands in the case."""
        return self.case.reference or ""

    @property
    def question(self) -> str:
        """What the user says last."""
        if self.case.ask is not None:
            return self.case.ask
        said = [one.content for one in self.case.messages if one.role == "user" and isinstance(one.content, str)]
        return said[-1] if said else ""

    @property
    def is_json(self) -> bool:
        """Whether JSON is asked for."""
        contract = self.case.output_contract
        return contract is not None and contract.type == "json"

    @property
    def is_label(self) -> bool:
        """Whether one of some labels is asked for."""
        contract = self.case.output_contract
        return contract is not None and contract.type == "label"
