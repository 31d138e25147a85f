"""Carry decisions out: the lane, then the steps of the fallback, until an answer keeps its contract.

One path for all callers (``walk``), on whatever loop they are; those without one (``complete``, ``stream``, ``resume``)
wait for a loop of ours in the background.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from router_ml.contract import RouteDecision
from router_ml.errors import InvalidRequestError, StreamInterruptedError
from router_ml.execution.background import Background
from router_ml.execution.beginning import Request, begun
from router_ml.execution.client_side import ClientSide
from router_ml.execution.completion import Completion
from router_ml.execution.gate import Decide, Parts
from router_ml.execution.lanes.calls import Lanes, LiteLLMLanes
from router_ml.execution.lanes.guarded import GuardedLanes
from router_ml.execution.lanes.watch import Watch
from router_ml.execution.resumes import Resuming
from router_ml.execution.resuming import again
from router_ml.execution.retrieval.embedding import Embedding
from router_ml.execution.retrieval.indexes import Indexes
from router_ml.execution.retrieval.passages import Reranker, Retriever
from router_ml.execution.reviews.reviews import Reviews
from router_ml.execution.run import Run, Spent
from router_ml.execution.streaming.events import follow
from router_ml.execution.streaming.outlet import Event, Interrupted, OnInterrupt
from router_ml.execution.tools.toolbox import ConfiguredTools, NoTools, Toolbox, ToolFunction
from router_ml.execution.walk import carry_out
from router_ml.rollout import Rollout
from router_ml.router import Router
from router_ml.storage.loading import whole_model

logger = logging.getLogger(__name__)


class Executor(Resuming):
    """Carries out what a router decides; safe to share between threads, tasks and loops.

    Args:
        lanes: by default the configured ones, through LiteLLM, behind breakers, caps and memory of ``Retry-After``.
        tools: what can be called: a toolbox, or a function by name of a configured tool; by default nothing.
        retrievers, rerankers: by name of an index, of a reranker.
        reviews: where people look; by default in the log of the router, or in memory where it has none.
        rng, sleep: of the pauses between attempts, for tests.

    ``watch``: the breakers of its lanes, None where ``lanes`` has others.
    """

    def __init__(
        self,
        router: Router | Rollout,
        *,
        lanes: Lanes | None = None,
        tools: Toolbox | Mapping[str, ToolFunction] | None = None,
        retrievers: Mapping[str, Retriever] | None = None,
        rerankers: Mapping[str, Reranker] | None = None,
        reviews: Reviews | None = None,
        rng: random.Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.router = router
        config = router.config
        self.reviews = reviews or Reviews(router)
        self._indexes = Indexes(config, retrievers, rerankers, embed=_embedding(router))
        self._ours: list[Callable[[], None]] = [self._indexes.close]
        if tools is None:
            tools = NoTools()
        elif isinstance(tools, Mapping):
            tools = made = ConfiguredTools(config, tools)
            self._ours.append(made.close)
        self.watch: Watch | None = lanes.watch if isinstance(lanes, GuardedLanes) else None
        if lanes is None:
            called = LiteLLMLanes(config.lanes)
            if missing := called.missing():
                logger.warning("Lanes cannot be called: %s", "; ".join(f"{k}: {why}" for k, why in missing.items()))
            lanes = guarded = GuardedLanes(called, config, report_health=router.report_health)
            self.watch = guarded.watch
            self._ours.append(guarded.close)
        rng = rng or random.Random()
        self._parts = Parts(router, lanes, tools, self._indexes.look_up, self.reviews, rng, sleep)
        self._background = Background()

    @classmethod
    def load(
        cls,
        source: str | Path | None = None,
        *,
        config: str | Path | None = None,
        log: str | Path | None = None,
        **parts: Any,
    ) -> Executor:
        """Open a router and an executor on it.

        Args:
            source, config, log: as for ``Router.load``; a whole registered model (``models:/router``) is followed as a
                ``Rollout``.
            **parts: of the executor.
        """
        if isinstance(source, str) and whole_model(source):
            return cls(Rollout.open(source, config=config, log=log), **parts)
        return cls(Router.load(source, config=config, log=log), **parts)

    def decide_by(self, decide: Decide) -> None:
        """From now on, have requests decided by somebody who decides for others too."""
        self._parts = replace(self._parts, decide=decide)

    def complete(
        self,
        request: Request,
        *,
        decision: RouteDecision | None = None,
        client: ClientSide | None = None,
        **fields: Any,
    ) -> Completion:
        """``acomplete`` for callers without an event loop."""
        return self._background.wait(self.acomplete(request, decision=decision, client=client, **fields))

    async def acomplete(
        self,
        request: Request,
        *,
        decision: RouteDecision | None = None,
        client: ClientSide | None = None,
        on_spent: Spent | None = None,
        **fields: Any,
    ) -> Completion:
        """Decide a request and carry the decision out. Cancelling it cancels the call that it waits for.

        Args:
            decision: one that was made of this request already. The rules look at the request again all the same.
            client: tools that the caller calls itself, and its wishes for decoding.
            on_spent: is told the USD that it came to, once, in whatever way it ends; what calls that failed or were
                broken off may have cost is among them. It may be called in any thread.
            **fields: of the request, as for ``predict_route``; ``output_contract`` may be a pydantic model.

        Raises:
            InvalidRequestError: the request does not follow the contract, or a decision is for another output contract.
            ExecutionError: no lane gave an answer that holds; ``completion`` is the whole story.
            LogError: the record could not be kept, and must be.
        """
        return await carry_out(self._parts, await self._begin(request, decision, client, fields, on_spent))

    def stream(self, request: Request | None = None, **asked: Any) -> Iterator[Event]:
        """``astream`` for callers without an event loop. Closing the iterator ends the call."""
        return self._background.follow(self.astream(request, **asked))

    async def astream(
        self,
        request: Request | None = None,
        *,
        decision: RouteDecision | None = None,
        client: ClientSide | None = None,
        on_interrupt: OnInterrupt = "restart",
        resume_from: StreamInterruptedError | None = None,
        on_spent: Spent | None = None,
        **fields: Any,
    ) -> AsyncIterator[Event]:
        """``acomplete`` with the answer as it comes: see ``streaming``. Closing the iterator ends the call.

        Args:
            on_interrupt: what to do when a lane breaks off after parts of its answer were delivered.
            resume_from: instead of a request, the error of a stream that ``on_interrupt="stop"`` ended, which goes on
                once.

        Raises:
            StreamInterruptedError: with ``on_interrupt="stop"``. Otherwise as ``acomplete``.
        """
        delivered = ""
        if resume_from is not None:
            broken, resume_from.resume = resume_from.resume, None
            if not isinstance(broken, Interrupted):
                raise InvalidRequestError(
                    "This interruption holds nothing to go on from, or was gone on from. Ask again with the request."
                )
            run, delivered = again(broken), broken.partial
            run.before_ms = broken.run.before_ms + (broken.execution.latency_ms or 0.0)
            run.on_spent = on_spent
        elif request is not None:
            run = await self._begin(request, decision, client, fields, on_spent)
        else:
            raise InvalidRequestError("Expected a request, or resume_from.")
        async with aclosing(follow(self._parts, run, on_interrupt=on_interrupt, delivered=delivered)) as events:
            async for event in events:
                yield event

    async def _begin(
        self,
        request: Request,
        decision: RouteDecision | None,
        client: ClientSide | None,
        fields: Mapping[str, Any],
        on_spent: Spent | None,
    ) -> Run:
        run = await begun(self._parts, request, decision, client, fields)
        run.on_spent = on_spent
        return run

    def close(self) -> None:
        """End what still runs in the background, and let go of its loop, and of breakers and threads of tools and
        indexes."""
        self._background.close()
        for close in self._ours:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _embedding(router: Router | Rollout) -> Embedding | None:
    """What the indexes that are built in compare texts with: the encoder of the router, if it has one."""
    return None if router.bundle is None else Embedding(router.bundle.encoder)
