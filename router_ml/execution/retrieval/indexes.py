"""The indexes of a router: what a decision plans to look up is looked up, where the rules still allow it.

*light* is one search for what is asked now. *deep* searches four times as much, also for what was said just before,
and has it reranked. An index or a reranker that is not among the allowed destinations is never asked.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from router_ml.config import RouterConfig
from router_ml.config.execution import Index
from router_ml.config.schema import Destination
from router_ml.contract import Destinations, Lookup, RouteDecision, RouteRequest
from router_ml.execution.retrieval.embedding import Embedder
from router_ml.execution.retrieval.folder import FolderIndex
from router_ml.execution.retrieval.passages import Passage, Reranker, Retriever
from router_ml.execution.retrieval.rerank import SentenceReranker
from router_ml.execution.retrieval.threads import Threads

Still = Callable[[Sequence[str]], Destinations]
"""Where data of the request may go now that some texts have appeared: ``Router.recheck(...).destinations``."""

BUILT_IN = "built-in"
_WIDER, _LATER_TURNS = 4, 2
_CHARS_PER_TOKEN = 3.5
_NOT_IN_BRACKETS = re.compile(r"[\[\]【】［］〔〕\r\n,;]")


class Indexes:
    """Looks up what decisions plan; safe to share.

    Args:
        retrievers: by name of an index. One that is configured with a folder needs none.
        rerankers: by name; an index without one, or whose own may not be asked, is reranked here.
        embed: the encoder, for the folder indexes and the reranker that are built in; None: by words alone.
        count_tokens: of a text; by default three and a half characters are one.

    Raises:
        ConfigError: the folder of an index does not exist.
    """

    def __init__(
        self,
        config: RouterConfig,
        retrievers: Mapping[str, Retriever] | None = None,
        rerankers: Mapping[str, Reranker] | None = None,
        *,
        embed: Embedder | None = None,
        count_tokens: Callable[[str], int] | None = None,
    ) -> None:
        folders = {name: index.folder for name, index in config.indexes.items() if index.folder is not None}
        built = {name: FolderIndex(folder, embed=embed, background=True) for name, folder in folders.items()}
        self._folders = [index for name, index in built.items() if name not in (retrievers or {})]
        for index in self._folders:
            index.start()
        self._config = config
        self._retrievers: dict[str, Retriever] = {**built, **(retrievers or {})}
        self._rerankers = dict(rerankers or {})
        self._embed = embed
        self._threads: dict[str, Threads] = {}
        self._lock = threading.Lock()
        self._count = count_tokens or (lambda text: int(len(text) / _CHARS_PER_TOKEN) + 1)

    async def look_up(
        self,
        decision: RouteDecision,
        request: RouteRequest,
        *,
        allowed: Destinations,
        still: Still | None = None,
        timeout_s: float = 10.0,
    ) -> tuple[Lookup, list[Passage]] | None:
        """What the planned search found, best first; None where none is planned.

        It does not raise: what went wrong is in ``Lookup.error``, which begins with the class of the error and holds
        nothing of the request. ``fails_without`` says whether the request can go on.

        Args:
            allowed: where data of the request may go now.
            still: where it may go once these texts have been found, asked before they are sent to a reranker. Without
                it, a reranker of a wider boundary than the index is not asked.
            timeout_s: of the whole look-up; a reranker has half of it.
        """
        plan = decision.retrieval
        if plan.strategy not in ("light", "deep") or plan.index is None or plan.top_k <= 0:
            return None
        lookup = Lookup(index=plan.index, strategy="deep" if plan.strategy == "deep" else "light")
        if plan.index not in allowed.indexes:
            return lookup.model_copy(update={"error": "NotAllowedError the index is no allowed destination"}), []
        began = time.perf_counter()
        found: list[Passage] = []
        error = reranker = None
        try:
            async with asyncio.timeout(timeout_s):
                best, reranker, error = await self._find(decision, request, allowed, still, timeout_s)
            found = self._fitting(decision, best)
        except TimeoutError:
            error = "TimeoutError the index did not answer in time"
        except Exception as failure:  # noqa: BLE001 - whatever an index raises is a failure of it, not of the request
            error = f"{type(failure).__name__} the index failed"
        ids = tuple(one.id for one in found)
        took = (time.perf_counter() - began) * 1000
        told = {"context_ids": ids, "latency_ms": took, "error": error, "reranker": reranker}
        return lookup.model_copy(update=told), found

    async def _find(
        self,
        decision: RouteDecision,
        request: RouteRequest,
        allowed: Destinations,
        still: Still | None,
        timeout_s: float,
    ) -> tuple[list[Passage], str | None, str | None]:
        """Passages, the reranker that ordered them, and what went wrong with the one that should have."""
        plan = decision.retrieval
        assert plan.index is not None
        if plan.index not in self._retrievers:
            raise LookupError(plan.index)
        search = self._retrievers[plan.index].search
        if plan.strategy == "light":
            found = await self._apart(plan.index, search, request.task, top_k=plan.top_k)
            return _tidy(found)[: plan.top_k], None, None
        wide = plan.top_k * _WIDER
        queries = expanded(request)
        lists = [await self._apart(plan.index, search, query, top_k=wide) for query in queries]
        found = _tidy([one for listed in lists for one in listed])[: wide * len(lists)]
        own, error = SentenceReranker(self._embed), None
        name = plan.reranker
        if name is not None and await self._may_see(name, plan.index, found, allowed, still):
            try:
                work = self._apart(
                    f"reranker {name}", self._rerankers[name].rerank, queries[0], list(found), top_k=plan.top_k
                )
                return _tidy(await asyncio.wait_for(work, timeout_s / 2))[: plan.top_k], name, None
            except Exception as failure:  # noqa: BLE001 - a reranker that fails leaves its work to the one built in
                error = f"{type(failure).__name__} the reranker {name} failed, so the built-in one was used"
        return await self._apart("reranker", own.rerank, " ".join(queries), found, top_k=plan.top_k), BUILT_IN, error

    async def _may_see(
        self, name: str, index: str, found: list[Passage], allowed: Destinations, still: Still | None
    ) -> bool:
        """Whether a reranker may be sent what an index holds."""
        if name not in self._rerankers or name not in allowed.rerankers:
            return False
        if still is not None:
            now = await asyncio.to_thread(still, [one.text for one in found])
            return name in now.rerankers
        return self._width(self._config.rerankers.get(name)) <= self._width(self._config.indexes.get(index))

    def _width(self, place: Destination | Index | None) -> int:
        """How wide a boundary is; one that is not known is the widest."""
        order = self._config.boundaries
        return len(order) if place is None or place.boundary is None else order.index(place.boundary)

    async def _apart(self, place: str, work: Callable[..., list[Passage]], *given: Any, top_k: int) -> list[Passage]:
        """What some work returns that blocks, in the threads of its place: an index or reranker that hangs holds up
        nothing else."""
        with self._lock:
            threads = self._threads.setdefault(place, Threads(f"router-ml {place}"))
        return await threads.run(partial(work, *given, top_k=top_k))

    def warm(self) -> None:
        """Wait until the folders can be searched by meaning too, which has begun when this was opened.

        Raises:
            OSError: one cannot be read.
        """
        for index in self._folders:
            index.refresh()

    def close(self) -> None:
        """Let go of the threads; a later look-up starts new ones."""
        with self._lock:
            threads, self._threads = self._threads, {}
        for one in threads.values():
            one.close()

    def _fitting(self, decision: RouteDecision, found: list[Passage]) -> list[Passage]:
        """Whole passages, best first, as long as there is room beside the request and the answer."""
        room = decision.limits.max_context_tokens
        if room is None:
            return found
        left = room - decision.circumstances.tokens_in - (decision.decoding.max_tokens or 0)
        kept: list[Passage] = []
        for one in found:
            left -= self._count(one.text) + self._count(one.id)
            if left < 0:
                break
            kept.append(one)
        return kept


def fails_without(decision: RouteDecision, lookup: Lookup | None) -> bool:
    """Whether an answer cannot keep its contract, since it has to cite and there is nothing that it could."""
    return decision.output_contract.citations_required and (lookup is None or not lookup.context_ids)


def expanded(request: RouteRequest) -> list[str]:
    """The queries of a deep look-up: what is asked now, and the same after what the user said just before."""
    task = request.task
    before = [one.text for one in request.messages if one.role == "user" and one.text.strip() and one.text != task]
    return [task, "\n".join([*before[-_LATER_TURNS:], task])] if before else [task]


def _tidy(found: list[Passage]) -> list[Passage]:
    """Best first, each once, with ids that can stand in square brackets; none without a text."""
    best: dict[str, Passage] = {}
    for one in found:
        name = _NOT_IN_BRACKETS.sub("_", str(one.id)).strip()
        said = isinstance(one.text, str) and one.text.strip()
        if name and said and (name not in best or one.score > best[name].score):
            best[name] = replace(one, id=name)
    return sorted(best.values(), key=lambda one: -one.score)
