"""The same cases through the whole router: it decides, a lane answers, fallbacks and validation count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from router_ml.config import RouterConfig
from router_ml.contract import Execution, FailureKind, Message, RouteRequest
from router_ml.contract.base import JsonObject
from router_ml.errors import ExecutionError, RouterError
from router_ml.execution import Completion, Executor
from router_ml.execution.client_side import ClientSide
from router_ml.execution.lanes.reply import Reply, ToolRequest
from training.evals.asking.lane import told
from training.evals.asking.prompts import contract_of, conversation
from training.evals.attempt import Attempt, Turn
from training.evals.case import Case
from training.evals.result import ROUTER
from training.evals.suite import Suite
from training.evals.tooling.replay import Replay


class RouteTarget:
    """Asks a router as product code does. Tools of a suite are offered as a caller's own; the router's log is that of
    the executor's router, so give one without a log.

    The lane of an attempt is the one that answered, ``router`` where none did.
    """

    def __init__(self, executor: Executor, config: RouterConfig) -> None:
        self._executor, self._config = executor, config

    async def attempt(self, suite: Suite, case: Case, lane: str) -> Attempt:
        """One attempt at one case; ``lane`` is not looked at."""
        replay = Replay(suite, case) if case.tools else None
        tools = tuple(replay.offered()) if replay is not None else ()
        messages: list[JsonObject] = conversation(suite, case)
        story = _Story(case)
        while True:
            client = ClientSide(tools=tools, must_call=case.must_call and not story.rounds, decoding=case.decoding)
            try:
                made = await self._executor.acomplete(_request(case, messages, self._config), client=client)
            except ExecutionError as error:
                return story.ended(None, error=story.broken(error.completion))
            except RouterError as error:
                return story.ended(None, error="server_error", detail=type(error).__name__)
            story.done.append(made.execution)
            reply = _reply(made)
            if replay is None or not made.tool_requests:
                return story.ended(reply)
            story.rounds += 1
            if story.rounds > self._config.execution.max_tool_rounds:
                return story.ended(reply, looped=True)
            messages.append(reply.as_message())
            messages += [story.answered(replay, one) for one in made.tool_requests]


@dataclass
class _Story:
    """All executions of one attempt. Its time is what a caller waited."""

    case: Case
    done: list[Execution] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    rounds: int = 0
    began: float = field(default_factory=monotonic)

    def broken(self, completion: object) -> FailureKind:
        """Take in an execution that gave no answer; why."""
        if not isinstance(completion, Completion):
            return "server_error"
        self.done.append(completion.execution)
        return completion.execution.error or "server_error"

    def answered(self, replay: Replay, request: ToolRequest) -> JsonObject:
        """What came of a call of a tool, as its message."""
        turn = replay.answer(request.name, request.arguments, round=self.rounds)
        self.turns.append(turn)
        return told(request, turn)

    def ended(
        self, reply: Reply | None, *, error: FailureKind | None = None, detail: str = "", looped: bool = False
    ) -> Attempt:
        """The attempt."""
        hops = [hop for one in self.done for hop in one.hops if hop.called]
        costs = [one.cost_usd for one in self.done]
        known = all(cost is not None for cost in costs) and bool(costs)
        paid = sum(cost or 0.0 for cost in costs)
        return Attempt(
            next((one.final_lane for one in reversed(self.done) if one.final_lane), ROUTER),
            self.case.id,
            reply,
            error=error,
            detail=detail,
            turns=tuple(self.turns),
            rounds=self.rounds,
            looped=looped,
            latency_ms=(monotonic() - self.began) * 1000,
            tokens_in=sum(hop.tokens_in for hop in hops),
            tokens_out=sum(hop.tokens_out for hop in hops),
            cost_usd=paid if known else None,
            assumed_usd=0.0 if known else paid,
            retries=sum(hop.failed for hop in hops),
            served_model=next((hop.served_model for hop in reversed(hops) if not hop.failed), None),
        )


def _request(case: Case, messages: Sequence[JsonObject], config: RouterConfig) -> RouteRequest:
    """A request as product code would make it; a class that this router does not have is left for it to find."""
    return RouteRequest(
        messages=tuple(Message.model_validate(one) for one in messages),
        channel=case.channel,
        metadata={"region": case.region} if case.region is not None else {},
        traffic_class=case.traffic_class if case.traffic_class in config.traffic_classes else None,
        output_contract=contract_of(case) if case.output_contract is not None else None,
    )


def _reply(made: Completion) -> Reply:
    refused = made.status == "refused" or made.execution.refusal
    return Reply(
        text="" if refused else made.text,
        refusal=made.text if refused else None,
        stop="tools" if made.tool_requests else "refusal" if refused else "end",
        citations=made.citations,
        tool_requests=made.tool_requests,
    )
