"""Which case a lane was asked, by what it was sent."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.evals.lanes.played import Asking
from router_ml.faults.asked import Asked
from training.evals.asking.prompts import conversation
from training.evals.suite import Suite


class Book:
    """All cases of some suites by what the user says last in them, with their passages."""

    def __init__(self, suites: Iterable[Suite]) -> None:
        self._known: dict[str, list[Asking]] = {}
        for suite in suites:
            for case in suite.cases:
                if case.decided is None:
                    self._known.setdefault(_last(suite, case.id), []).append(Asking(suite, case))

    def find(self, asked: Asked) -> Asking | None:
        """The case; where two ask the same, the one whose instructions are in what was sent."""
        found = self._known.get(asked.task.strip(), [])
        if len(found) < 2:
            return found[0] if found else None
        system = "\n".join(text for role, text in asked.messages if role == "system")
        fitting = [one for one in found if (one.case.system or one.suite.file.system or "").strip()[:200] in system]
        fitting = [one for one in fitting if set(one.case.tools) == {name for name, _ in asked.tools}] or fitting
        return max(fitting or found, key=lambda one: len(one.case.system or one.suite.file.system or ""))

    @property
    def all(self) -> tuple[Asking, ...]:
        """Every case that lanes are asked."""
        return tuple(one for some in self._known.values() for one in some)


def _last(suite: Suite, name: str) -> str:
    case = next(one for one in suite.cases if one.id == name)
    said = [one.get("content") for one in conversation(suite, case) if one.get("role") == "user"]
    return str(said[-1]).strip()
