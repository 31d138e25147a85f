"""What is planned is looked up, only where the rules allow it, and an index that fails does not fail the request."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from router_ml import Router
from router_ml.config import RouterConfig
from router_ml.contract import Destinations, Lookup, RouteDecision, RouteRequest
from router_ml.errors import ConfigError
from router_ml.execution.retrieval.indexes import Indexes, expanded, fails_without
from router_ml.execution.retrieval.passages import Passage

ALLOWED = Destinations(indexes=("help_center",), rerankers=("local-cross-encoder",))
Decide = Callable[..., RouteDecision]


class Fixed:
    """Finds the same ten passages, and remembers what it was asked."""

    def __init__(self, *, size: int = 10, wait: float = 0.0, error: Exception | None = None) -> None:
        self.asked: list[tuple[str, int]] = []
        self._size, self._wait, self._error = size, wait, error

    def search(self, query: str, *, top_k: int) -> list[Passage]:
        self.asked.append((query, top_k))
        time.sleep(self._wait)
        if self._error is not None:
            raise self._error
        return [Passage(f"p{at}", f"passage number {at}", 1 - at / 100) for at in range(self._size)]


class Backwards:
    """Turns the order round."""

    def __init__(self, error: Exception | None = None, *, wait: float = 0.0) -> None:
        self.asked = 0
        self._error, self._wait = error, wait

    def rerank(self, query: str, passages: list[Passage], *, top_k: int) -> list[Passage]:
        self.asked += 1
        time.sleep(self._wait)
        if self._error is not None:
            raise self._error
        turned = passages[::-1][:top_k]
        return [Passage(one.id, one.text, float(len(turned) - at)) for at, one in enumerate(turned)]


def _plan(make: Decide, strategy: str = "light", **fields: Any) -> RouteDecision:
    plan = {"strategy": strategy, "index": "help_center", "top_k": 2, "reranker": "local-cross-encoder"}
    return make(retrieval=plan, **{"limits": {}, "output_contract": {"name": "text"}, **fields})


def _look(
    indexes: Indexes, decision: RouteDecision, *, allowed: Destinations = ALLOWED, text: Any = "How long?", **more: Any
) -> tuple[Lookup, list[Passage]]:
    request = RouteRequest.parse(text)
    found = asyncio.run(indexes.look_up(decision, request, allowed=allowed, **more))
    assert found is not None
    return found


@pytest.fixture
def config(router: Router) -> RouterConfig:
    return router.config


def test_light_is_one_search_of_what_is_asked(config: RouterConfig, make_decision: Decide) -> None:
    index, reranker = Fixed(), Backwards()
    lookup, found = _look(
        Indexes(config, {"help_center": index}, {"local-cross-encoder": reranker}), _plan(make_decision)
    )
    assert index.asked == [("How long?", 2)]
    assert (lookup.context_ids, lookup.reranker, lookup.error, reranker.asked) == (("p0", "p1"), None, None, 0)
    assert [one.id for one in found] == ["p0", "p1"]
    assert lookup.latency_ms > 0


def test_deep_searches_wider_and_reranks(config: RouterConfig, make_decision: Decide) -> None:
    index = Fixed()
    indexes = Indexes(config, {"help_center": index}, {"local-cross-encoder": Backwards()})
    lookup, _ = _look(indexes, _plan(make_decision, "deep"))
    assert index.asked == [("How long?", 8)]
    assert (lookup.context_ids, lookup.reranker, lookup.strategy) == (("p7", "p6"), "local-cross-encoder", "deep")


def test_deep_also_asks_with_what_was_said_before() -> None:
    said = [("user", "My blender broke."), ("assistant", "Sorry!"), ("user", "How long is it covered?")]
    request = RouteRequest.parse({"messages": [{"role": role, "content": text} for role, text in said]})
    assert expanded(request) == ["How long is it covered?", "My blender broke.\nHow long is it covered?"]
    assert expanded(RouteRequest(text="Alone")) == ["Alone"]


@pytest.mark.parametrize("way", ["wider boundary", "rules", "hangs"])
def test_what_an_index_holds_is_not_sent_where_it_may_not_go(
    config: RouterConfig, make_decision: Decide, way: str
) -> None:
    """The request itself may go there; what was found may hold more than the request did."""
    own = Backwards(wait=1.0 if way == "hangs" else 0.0)
    wider = {"local-cross-encoder": config.rerankers["local-cross-encoder"].model_copy(update={"boundary": "vendor"})}
    if way == "wider boundary":
        config = config.model_copy(update={"rerankers": wider})
    seen: list[str] = []

    def still(texts: Sequence[str]) -> Destinations:
        seen.extend(texts)
        return Destinations(indexes=("help_center",), rerankers=ALLOWED.rerankers if way == "hangs" else ())

    indexes = Indexes(config, {"help_center": Fixed()}, {"local-cross-encoder": own})
    more = {} if way == "wider boundary" else {"still": still}
    lookup, found = _look(indexes, _plan(make_decision, "deep"), timeout_s=1.2 if way == "hangs" else 10, **more)
    assert (lookup.reranker, len(found), own.asked) == ("built-in", 2, int(way == "hangs"))
    assert len(seen) == (0 if way == "wider boundary" else 8)


def test_an_index_that_is_no_destination_is_not_asked(config: RouterConfig, make_decision: Decide) -> None:
    index = Fixed()
    lookup, found = _look(Indexes(config, {"help_center": index}), _plan(make_decision), allowed=Destinations())
    assert (index.asked, found, lookup.context_ids) == ([], [], ())
    assert str(lookup.error).startswith("NotAllowedError")


@pytest.mark.parametrize("reason", ["not allowed", "not there", "fails"])
def test_without_its_reranker_the_one_built_in_does_the_work(
    config: RouterConfig, make_decision: Decide, reason: str
) -> None:
    own = Backwards(RuntimeError("down") if reason == "fails" else None)
    allowed = Destinations(indexes=("help_center",)) if reason == "not allowed" else ALLOWED
    indexes = Indexes(config, {"help_center": Fixed()}, {} if reason == "not there" else {"local-cross-encoder": own})
    lookup, found = _look(indexes, _plan(make_decision, "deep"), allowed=allowed)
    assert (lookup.reranker, len(found), own.asked) == ("built-in", 2, int(reason == "fails"))
    assert (lookup.error is not None) is (reason == "fails")


@pytest.mark.parametrize(
    ("index", "error"),
    [
        (Fixed(error=ConnectionError("private words")), "ConnectionError"),
        (Fixed(wait=0.3), "TimeoutError"),
        (None, "LookupError"),
    ],
)
def test_an_index_that_fails_is_told_and_nothing_is_raised(
    config: RouterConfig, make_decision: Decide, index: Fixed | None, error: str
) -> None:
    indexes = Indexes(config, {} if index is None else {"help_center": index})
    lookup, found = _look(indexes, _plan(make_decision), timeout_s=0.05 if error == "TimeoutError" else 10)
    assert found == []
    assert str(lookup.error).startswith(error)
    assert "private" not in str(lookup.error)
    cited = _plan(make_decision, output_contract={"citations_required": True})
    assert fails_without(cited, lookup)
    assert not fails_without(_plan(make_decision), lookup)


class Hanging:
    """Answers once it is let go."""

    def __init__(self) -> None:
        self.go, self.asked = threading.Event(), 0

    def search(self, query: str, *, top_k: int) -> list[Passage]:
        self.asked += 1
        self.go.wait(30)
        return [Passage("late", "Too late.")]


def test_an_index_that_hangs_holds_up_no_other_and_is_soon_left_alone(
    config: RouterConfig, make_decision: Decide
) -> None:
    before = _threads()
    both = {"help_center": config.indexes["help_center"], "good": config.indexes["help_center"]}
    bad = Hanging()
    indexes = Indexes(config.model_copy(update={"indexes": both}), {"help_center": bad, "good": Fixed()})
    good = _plan(make_decision)
    good = good.model_copy(update={"retrieval": good.retrieval.model_copy(update={"index": "good"})})
    allowed = Destinations(indexes=("help_center", "good"))

    async def errors(count: int) -> list[str | None]:
        asked = (
            indexes.look_up(_plan(make_decision), RouteRequest(text="x"), allowed=allowed, timeout_s=0.1)
            for _ in range(count)
        )
        return [one[0].error for one in await asyncio.gather(*asked) if one is not None]

    try:
        assert {str(one).split()[0] for one in asyncio.run(errors(8))} == {"TimeoutError"}
        assert _look(indexes, good, allowed=allowed)[0].error is None
        assert {str(one).split()[0] for one in asyncio.run(errors(3))} == {"BusyError"}
        assert bad.asked == 8
    finally:
        bad.go.set()
    after = [_look(indexes, _plan(make_decision))]
    while str(after[-1][0].error).startswith("BusyError") and len(after) < 200:
        time.sleep(0.01)  # until the threads that were let go are free
        after.append(_look(indexes, _plan(make_decision)))
    assert (after[-1][0].error, [one.id for one in after[-1][1]]) == (None, ["late"])
    indexes.close()
    ours = [one for one in _threads() if one not in before]
    for thread in ours:
        thread.join(10)
    assert not any(thread.is_alive() for thread in ours)
    assert _look(indexes, good, allowed=allowed)[0].error is None


def _threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("router-ml help_center")]


def test_no_thread_of_an_index_keeps_the_process_alive(config: RouterConfig, make_decision: Decide) -> None:
    bad = Hanging()
    _look(Indexes(config, {"help_center": bad}), _plan(make_decision), timeout_s=0.05)
    assert _threads()
    assert all(one.daemon for one in _threads())
    bad.go.set()


def test_more_searches_than_threads_wait_their_turn(config: RouterConfig, make_decision: Decide) -> None:
    indexes = Indexes(config, {"help_center": Fixed(wait=0.01)})

    async def many() -> list[Any]:
        asked = (indexes.look_up(_plan(make_decision), RouteRequest(text="x"), allowed=ALLOWED) for _ in range(40))
        return await asyncio.gather(*asked)

    assert [lookup.error for lookup, _ in asyncio.run(many())] == [None] * 40


def test_passages_without_a_text_are_left_out_and_nothing_is_raised(
    config: RouterConfig, make_decision: Decide
) -> None:
    class Odd:
        def __init__(self, *found: Any) -> None:
            self.found = found

        def search(self, query: str, *, top_k: int) -> list[Passage]:
            return list(self.found)

    none: Any = None
    odd = Odd(Passage("a", none, 0.9), Passage("b", " ", 0.8), Passage("c", "Text.", 0.7))
    lookup, found = _look(
        Indexes(config, {"help_center": odd}), _plan(make_decision, limits={"max_context_tokens": 900})
    )
    assert (lookup.error, [one.id for one in found]) == (None, ["c"])
    lookup, found = _look(Indexes(config, {"help_center": Odd(None)}), _plan(make_decision))
    assert (lookup.error, found) == ("AttributeError the index failed", [])


def test_whole_passages_are_left_out_where_the_context_is_full(config: RouterConfig, make_decision: Decide) -> None:
    indexes = Indexes(config, {"help_center": Fixed()}, count_tokens=lambda text: len(text.split()))
    decision = _plan(make_decision, limits={"max_context_tokens": 807})  # 800 are kept for the answer, 4 fit
    _, found = _look(indexes, decision)
    assert [one.id for one in found] == ["p0"]
    assert found[0].text == "passage number 0"


def test_ids_can_be_cited_and_stand_once(config: RouterConfig, make_decision: Decide) -> None:
    class Odd:
        def search(self, query: str, *, top_k: int) -> list[Passage]:
            return [Passage("a[1], b", "one", 0.5), Passage("a[1], b", "one", 0.9), Passage("", "two", 0.8)]

    _, found = _look(Indexes(config, {"help_center": Odd()}), _plan(make_decision))
    assert [(one.id, one.score) for one in found] == [("a_1__ b", 0.9)]


@pytest.mark.parametrize("strategy", ["none", "clarify"])
def test_nothing_is_looked_up_where_nothing_is_planned(
    config: RouterConfig, make_decision: Decide, strategy: str
) -> None:
    decision = make_decision(retrieval={"strategy": strategy, "index": "help_center", "top_k": 2})
    request = RouteRequest(text="hi")
    assert asyncio.run(Indexes(config, {"help_center": Fixed()}).look_up(decision, request, allowed=ALLOWED)) is None


def test_a_configured_folder_needs_no_code(
    config: RouterConfig, make_decision: Decide, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# Refunds\n\nRefunds take five days.", encoding="utf-8")
    index = config.indexes["help_center"].model_copy(update={"folder": str(tmp_path / "docs")})
    configured = config.model_copy(update={"indexes": {"help_center": index}})
    lookup, found = _look(Indexes(configured), _plan(make_decision), text="How long do refunds take?")
    assert lookup.error is None
    assert found[0].source == "a.md"
    missing = config.model_copy(update={"indexes": {"help_center": index.model_copy(update={"folder": "/no/such"})}})
    with pytest.raises(ConfigError, match="does not exist"):
        Indexes(missing)
    assert lookup.context_ids == (found[0].id,)


def test_a_folder_is_read_when_it_is_opened_and_not_by_a_request(config: RouterConfig, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("Refunds take five days.", encoding="utf-8")
    index = config.indexes["help_center"].model_copy(update={"folder": str(tmp_path / "docs")})
    seen: list[str] = []

    class Embed:
        fingerprint = "ones"

        def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
            seen.extend(texts)
            return np.ones((len(texts), 3), np.float32)

    Indexes(config.model_copy(update={"indexes": {"help_center": index}}), embed=Embed()).warm()
    assert seen == ["Refunds take five days."]
