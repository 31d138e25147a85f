"""Carry decisions out: the lane, then the steps of the fallback, until an answer keeps its contract.

One path for all callers: ``acomplete``. ``complete`` runs it on a loop of its own in the background.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any, Self, TypeVar

from router_ml.contract import FailureKind, Lookup, RouteDecision, RouteRequest, Step, Validation
from router_ml.contract.base import JsonObject
from router_ml.errors import ExecutionError
from router_ml.execution.client_side import ClientSide, decoding_with, kept
from router_ml.execution.completion import Completion
from router_ml.execution.failures import LaneFailure
from router_ml.execution.fallback import Tried, next_step
from router_ml.execution.lanes import LaneCall, Lanes, LiteLLMLanes
from router_ml.execution.reply import Reply, ToolRequest
from router_ml.execution.retrieval import Retriever, as_context
from router_ml.execution.run import Run
from router_ml.execution.toolbox import NoTools, Toolbox
from router_ml.execution.validation import Checked, check
from router_ml.rollout import Rollout
from router_ml.router import Router

Request = str | RouteRequest | Mapping[str, Any]
T = TypeVar("T")


class Executor:
    """Carries out what a router decides; safe to share between threads and tasks.

    Args:
        lanes: by default the configured ones, through LiteLLM.
        tools: what can be called; by default nothing.
        retrievers: by name of an index.
    """

    def __init__(
        self,
        router: Router | Rollout,
        *,
        lanes: Lanes | None = None,
        tools: Toolbox | None = None,
        retrievers: Mapping[str, Retriever] | None = None,
    ) -> None:
        self.router = router
        self._lanes: Lanes = lanes or LiteLLMLanes(router.config.lanes)
        self._tools: Toolbox = tools or NoTools()
        self._retrievers = dict(retrievers or {})
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def complete(
        self,
        request: Request,
        *,
        decision: RouteDecision | None = None,
        client: ClientSide | None = None,
        **fields: Any,
    ) -> Completion:
        """``acomplete`` for callers without an event loop."""
        return self._wait(self.acomplete(request, decision=decision, client=client, **fields))

    async def acomplete(
        self,
        request: Request,
        *,
        decision: RouteDecision | None = None,
        client: ClientSide | None = None,
        **fields: Any,
    ) -> Completion:
        """Decide a request and carry the decision out.

        Args:
            decision: one that was made of this request already.
            client: tools that the caller calls itself, and its wishes for decoding.
            **fields: of the request, as for ``predict_route``.

        Raises:
            InvalidRequestError: the request does not follow the contract.
            ExecutionError: no lane gave an answer that holds; ``completion`` is the whole story.
        """
        known = {"text": request} if isinstance(request, str) else dict(RouteRequest.parse(request))
        asked = RouteRequest.parse({**known, **fields})
        if decision is None:
            decision = await asyncio.to_thread(self.router.predict_route, asked)
        run = Run(decision, asked, _messages(asked))
        run.client = kept(client or ClientSide(), self.router.config, decision)
        if decision.action != "route":
            return self._ended(run, _STATUS[decision.action], decision.question or decision.reason)
        await self._look_up(run)
        while (step := next_step(decision, run.tried)) is not None:
            done = await self._try(run, step)
            if done is not None:
                return done
        return self._nothing_left(run)

    async def _try(self, run: Run, step: Step) -> Completion | None:
        """One step: the completion, or None where the next step has to be taken."""
        config = self.router.config
        still = await asyncio.to_thread(self.router.recheck, run.decision, list(run.appeared))
        run.narrowing.extend(still.narrowing)
        if step.lane not in still.lanes:
            run.add_hop(config, step.lane, kind="not_allowed", error="NotAllowedError")
            return self._failed(run, step, "not_allowed")
        if run.left_ms <= 0:
            return self._failed(run, step, "deadline")
        timeout = min(config.lanes[step.lane].endpoint.timeout_ms, run.left_ms) / 1000
        began = time.monotonic()
        try:
            decoding = decoding_with(run.client, run.decision.decoding)
            reply = await self._lanes.call(
                LaneCall(
                    step.lane, run.messages, decoding, timeout, tools=run.client.tools, must_call=run.client.must_call
                )
            )
        except LaneFailure as failure:
            took = (time.monotonic() - began) * 1000
            run.add_hop(config, step.lane, kind=failure.kind, error=failure.detail, latency_ms=took)
            return self._failed(run, step, failure.kind)
        took = (time.monotonic() - began) * 1000
        if wanted := run.client.wanted(reply):
            run.add_hop(config, step.lane, reply=reply, latency_ms=took)
            return await self._handed_over(run, step, reply, wanted)
        checked = check(run.decision.output_contract, reply, context_ids=run.context_ids)
        run.add_hop(config, step.lane, kind=checked.kind, reply=reply, latency_ms=took)
        if checked.kind is not None:
            run.validation = Validation(status="failed", errors=checked.errors)
            return self._failed(run, step, checked.kind)
        return await self._answer(run, step, reply, checked)

    async def _handed_over(
        self, run: Run, step: Step, reply: Reply, wanted: tuple[ToolRequest, ...]
    ) -> Completion | None:
        """The calls that the caller has to make, looked at as an answer is."""
        found = await asyncio.to_thread(
            self.router.check_output,
            run.decision,
            replace(reply, tool_requests=wanted).as_message(),
            request=run.request,
        )
        run.output_checks.append(found.check_id)
        if found.action == "withhold":
            return self._failed(run, step, "withheld")
        if found.action == "human_review":
            return self._ended(run, "human_review", found.reason)
        execution = run.execution("answered", lane=step.lane)
        self.router.log_execution(execution)
        return Completion("answered", reply.text, run.decision, execution, tool_requests=wanted)

    async def _answer(self, run: Run, step: Step, reply: Reply, checked: Checked) -> Completion | None:
        found = await asyncio.to_thread(
            self.router.check_output, run.decision, {"content": reply.text}, request=run.request
        )
        run.output_checks.append(found.check_id)
        run.validation, run.citations = Validation(status="passed"), checked.citations
        if found.action == "withhold":
            return self._failed(run, step, "withheld")
        if found.action == "human_review":
            return self._ended(run, "human_review", found.reason)
        execution = run.execution("answered", lane=step.lane)
        self.router.log_execution(execution)
        return Completion(
            "answered",
            reply.text,
            run.decision,
            execution,
            value=checked.value,
            citations=checked.citations,
            notices=tuple(found.notices.values()),
        )

    async def _look_up(self, run: Run) -> None:
        plan = run.decision.retrieval
        if plan.strategy not in ("light", "deep") or plan.index is None or plan.index not in self._retrievers:
            return
        search = self._retrievers[plan.index].search
        passages = await asyncio.to_thread(search, run.request.task, top_k=plan.top_k)
        ids = tuple(one.id for one in passages)
        run.lookups.append(Lookup(index=plan.index, strategy=plan.strategy, context_ids=ids))
        run.appeared.extend(one.text for one in passages)
        if passages:
            run.messages.insert(0, {"role": "system", "content": as_context(passages)})

    def _failed(self, run: Run, step: Step, kind: FailureKind) -> Completion | None:
        run.tried.append(Tried(step.lane, kind))
        run.refusal = run.refusal or kind == "refusal"
        return None

    def _nothing_left(self, run: Run) -> Completion:
        last = run.tried[-1].kind if run.tried else "unavailable"
        finally_ = run.decision.fallback.finally_
        if finally_ == "static_answer":
            return self._ended(run, "static_answer", self.router.config.execution.static_answer, error=last)
        if finally_ == "human_review":
            return self._ended(run, "human_review", "No lane gave an answer that holds.", error=last)
        raise ExecutionError(self._ended(run, "failed", "", error=last), last)

    def _ended(self, run: Run, status: Any, text: str, *, error: FailureKind | None = None) -> Completion:
        execution = run.execution(status, error=error)
        self.router.log_execution(execution)
        return Completion(status, text, run.decision, execution)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="router-ml-executor", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """Let go of the loop."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._loop = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_STATUS = {"clarify": "clarify", "human_review": "human_review", "refuse": "refused"}


def _messages(request: RouteRequest) -> list[JsonObject]:
    if request.text is not None:
        return [{"role": "user", "content": request.text}]
    return [message.model_dump(mode="json", exclude_defaults=True) for message in request.messages]
