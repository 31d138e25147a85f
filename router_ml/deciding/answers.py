"""An answer before it reaches anybody: scanned and classified as requests are, then ruled on.

What the user wrote may be said back to them: a value found in the answer that stands in the request too is *echoed* and
brings no risk. Values are compared in memory, undisguised and as whole words; none is recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from router_ml.config import RouterConfig
from router_ml.contract import (
    Finding,
    Message,
    OutputCheck,
    OutputFinding,
    Risk,
    RouteDecision,
    RouteRequest,
    Versions,
)
from router_ml.contract.base import GuardState, walk_strings
from router_ml.errors import InvalidRequestError
from router_ml.guardrails.echoes import Echoes
from router_ml.guardrails.patterns import DETECTORS
from router_ml.guardrails.rules.conditions import SCANNED_RISKS
from router_ml.guardrails.rules.output import OutputFacts, notices_in, rule_output
from router_ml.guardrails.scan import Scan

Classify = Callable[[RouteRequest], Sequence[Risk]]
"""The risks that a model sees in a text."""

PRIVATE_RISKS = frozenset({"pii", "secrets"})
_RISK_OF = {detector.type: detector.risk for detector in DETECTORS}
_NOTHING = "."  # stands for an answer without text: a request must have some


@dataclass(frozen=True)
class Answer:
    """An answer as it is scanned, the ``text`` that its reader sees, and all ``other`` strings in it."""

    scanned: RouteRequest
    text: str
    other: tuple[str, ...] = ()

    @classmethod
    def read(cls, output: object) -> Answer:
        """An answer from a text, a ``Message``, or a mapping shaped like one, whose other fields are scanned too.

        Raises:
            InvalidRequestError: it is none of these, or not JSON; the text does not repeat what is in it.
        """
        if isinstance(output, str):
            return cls(RouteRequest(text=output if output.strip() else _NOTHING), output)
        fields = output.model_dump() if isinstance(output, Message) else output
        if not isinstance(fields, Mapping):
            found = type(output).__name__
            raise InvalidRequestError(f"Expected an output that is a text, a Message or a mapping, found {found}.")
        message, rest = _split(fields)
        whole = RouteRequest.parse({"text": _NOTHING, "metadata": {"message": message, "rest": rest}})
        said = Message.model_validate(message)
        other = tuple(text for path, text in walk_strings([said.tool_calls, rest]) if not path.endswith(".key"))
        if said.text.strip() or any(text.strip() for _, text in walk_strings(said.tool_calls)):
            whole = RouteRequest(messages=(said,), metadata=rest)
        return cls(whole, said.text, other)

    def without(self, values: Sequence[str]) -> RouteRequest | None:
        """What a model reads of it once some values are taken out; None where nothing is left to read."""
        texts = [self.text, "\n".join(self.other)]
        for value in dict.fromkeys(values):
            texts = [text.replace(value, " ") for text in texts]
        roles = [(role, text) for role, text in zip(("user", "tool"), texts, strict=True) if text.strip()]
        return RouteRequest(messages=tuple(Message(role=role, content=text) for role, text in roles)) if roles else None


def _split(fields: Mapping[Any, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What reads as a chat message, and the rest."""
    message: dict[str, Any] = {"role": "user"}  # read as closely as what a user says
    rest: dict[str, Any] = {}
    for name, value in fields.items():
        if (name == "content" and isinstance(value, str | list)) or (name == "tool_calls" and isinstance(value, list)):
            message[name] = value
        elif value is not None and (name, value) != ("role", "assistant"):
            rest[str(name)] = value
    return message, rest


def check_answer(
    config: RouterConfig,
    decision: RouteDecision,
    answer: Answer,
    *,
    request: RouteRequest | None,
    scan: Callable[[RouteRequest], Scan],
    classify: Classify,
    versions: Versions,
    stamp: tuple[str, datetime],
) -> OutputCheck:
    """What may become of an answer.

    Args:
        decision: what the answer was asked for with; its lane is not looked at.
        request: what was asked; without it nothing counts as echoed.
        scan, classify: those that requests are read with.
        stamp: id and time of the check.
    """
    found = scan(answer.scanned)
    echoes = Echoes.of(answer.scanned, found.findings, request)
    reduced = answer.without(echoes.values)
    by_rule, state = _without_echoes(found, echoes)
    again = scan(reduced) if echoes.values and reduced is not None else None  # an echo must not hide another value
    if again is not None:
        by_rule = [*by_rule, *(risk for risk in again.risks if risk.name in PRIVATE_RISKS)]
        state = again.state if state == "clean" else state
    risks = {risk.name: risk for risk in (*(classify(reduced) if reduced is not None else ()), *by_rule)}
    facts = OutputFacts(
        risks=frozenset(risks),
        findings=frozenset(finding.type for finding in (*echoes.new, *(again.findings if again else ()))),
        missed=frozenset(found.missed),
        guard_state=state,
        notices=notices_in(answer.text, config.notices),
        **_of_request(decision),
    )
    ruling = rule_output(config.output_policies, facts)
    echoed = {id(finding) for finding in echoes.echoed}
    check_id, now = stamp
    return OutputCheck(
        check_id=check_id,
        decision_id=decision.decision_id,
        at=now,
        action=ruling.action,
        reason=ruling.reason,
        queue=ruling.queue,
        findings=tuple(_placed(finding, id(finding) in echoed) for finding in found.findings),
        echoed=dict(sorted(Counter(finding.type for finding in echoes.echoed).items())),
        risks=tuple(risks[name] for name in sorted(risks)),
        guard_state=state,
        guard_reasons=tuple(map(_place, found.reasons)),
        notices={name: config.notices[name].text for name in ruling.notices},
        policies=ruling.fired,
        versions=versions,
    )


def _of_request(decision: RouteDecision) -> dict[str, Any]:
    """What rules on answers may know of the request; what could not be scanned may have held anything."""
    risks = frozenset(risk.name for risk in decision.risks)
    return {
        "request_risks": risks | SCANNED_RISKS if decision.guard_state == "unknown" else risks,
        "request_private": any(finding.hard for finding in decision.findings)
        or any(risk.source == "model" and risk.name in PRIVATE_RISKS for risk in decision.risks),
        "tier": decision.risk_tier,
        "domain": decision.domain.label,
        "channel": decision.circumstances.channel,
    }


def _without_echoes(found: Scan, echoes: Echoes) -> tuple[list[Risk], GuardState]:
    """Risks and state of a scan without those that only echoed values brought. A type that is not in the table of
    detectors may have brought any risk."""

    def brings(findings: Sequence[Finding], risk: str) -> bool:
        return any(finding.hard and _RISK_OF.get(finding.type, risk) == risk for finding in findings)

    risks = [
        risk
        for risk in found.risks
        if risk.name not in PRIVATE_RISKS or brings(echoes.new, risk.name) or not brings(echoes.echoed, risk.name)
    ]
    new = any(finding.hard for finding in echoes.new)
    return risks, "clean" if found.state == "hit" and echoes.echoed and not new else found.state


def _placed(finding: Finding, echoed: bool) -> OutputFinding:
    return OutputFinding(**{**dict(finding), "part": _place(finding.part)}, echoed=echoed)


def _place(part: str) -> str:
    """A place of the scanned request as a place of the answer."""
    for ours, theirs in (("messages[0]", "output"), ("metadata", "output.other"), ("text", "output")):
        if part.startswith(ours):
            return theirs + part.removeprefix(ours)
    return part
