"""Requests that wait together are decided together, each as if it were alone, and nobody waits for company."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_ml import Router
from router_ml.contract import RouteDecision, RouteRequest
from router_ml.deciding.deadline import Claim
from router_ml.deciding.reading import read
from router_ml.errors import InvalidRequestError
from router_ml.execution import Executor
from router_ml.serve.access.caller import AccessError
from router_ml.serve.deciding import LONG, Decider
from router_ml.storage.bundle import Bundle
from router_ml.storage.eventlog import EventLog

QUESTION = "Which planet has the strongest winds?"
PATIENCE_S = 20.0


class Watched(Router):
    """Says what it was asked together, and waits where it is told to."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.batches: list[list[str | None]] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.breaks = False

    def predict_each(
        self, requests: Sequence[RouteRequest], claims: Sequence[Claim], *, seeds: Sequence[int] | None = None
    ) -> list[Any]:
        self.batches.append([request.text for request in requests])
        assert self.go_on.wait(PATIENCE_S)
        if self.breaks and any(request.text == "breaks" for request in requests):
            raise ZeroDivisionError
        return super().predict_each(requests, claims, seeds=seeds)


@pytest.fixture
def watched(bundle: Bundle) -> Watched:
    return Watched(bundle.config, bundle=bundle)


@pytest.fixture
def decider(watched: Watched) -> Iterator[Callable[..., Decider]]:
    """Makes deciders of the watched router."""
    opened: list[Decider] = []

    def make(**settings: Any) -> Decider:
        opened.append(Decider(lambda: watched, **settings))
        return opened[-1]

    yield make
    watched.go_on.set()
    for one in opened:
        one.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread; fails after a while."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.002)


async def while_busy(decider: Decider, watched: Watched, *texts: str) -> list[asyncio.Task[RouteDecision]]:
    """Requests that wait while one is being decided, which goes on when ``watched.go_on`` is set."""
    watched.go_on.clear()
    before = len(watched.batches)
    first = asyncio.create_task(decider.decide(RouteRequest(text=QUESTION)))
    await until(lambda: len(watched.batches) == before + 1)
    tasks = [asyncio.create_task(decider.decide(RouteRequest(text=text))) for text in texts]
    await until(lambda: decider.waiting == len(texts))
    return [first, *tasks]


def test_what_waits_is_decided_together_in_its_order(decider: Callable[..., Decider], watched: Watched) -> None:
    one = decider(together=4)

    async def ask() -> list[RouteDecision]:
        tasks = await while_busy(one, watched, *(f"question {number}" for number in range(6)))
        watched.go_on.set()
        return await asyncio.gather(*tasks)

    assert len({decision.decision_id for decision in asyncio.run(ask())}) == 7
    assert watched.batches == [
        [QUESTION],
        ["question 0", "question 1", "question 2", "question 3"],
        ["question 4", "question 5"],
    ]
    assert (one.decided, one.batches) == (7, 3)


def test_alone_it_is_decided_at_once(decider: Callable[..., Decider], watched: Watched) -> None:
    one = decider()

    async def ask() -> None:
        for _ in range(3):
            await one.decide(RouteRequest(text=QUESTION))

    asyncio.run(ask())
    assert watched.batches == [[QUESTION]] * 3


def test_what_is_wrong_with_one_is_its_own_error(decider: Callable[..., Decider], watched: Watched) -> None:
    """Whether the contract says so or something breaks that nobody foresaw."""
    one = decider()
    watched.breaks = True

    async def ask() -> list[Any]:
        tasks = await while_busy(one, watched, "good", "breaks", "good too")
        bad = RouteRequest(text="bad", allowed_tools=("unheard-of",))
        tasks.append(asyncio.create_task(one.decide(bad)))
        await until(lambda: one.waiting == 4)
        watched.go_on.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    kinds = [type(answer) for answer in asyncio.run(ask())]
    assert kinds == [RouteDecision, RouteDecision, ZeroDivisionError, RouteDecision, InvalidRequestError]


def test_who_has_gone_is_not_decided(bundle: Bundle) -> None:
    with EventLog("sqlite://") as log:
        watched = Watched(bundle.config, bundle=bundle, log=log)
        one = Decider(lambda: watched)

        async def ask() -> None:
            first, gone, stays = await while_busy(one, watched, "goes", "stays")
            gone.cancel()
            await asyncio.wait([gone])
            watched.go_on.set()
            await asyncio.gather(first, stays)

        asyncio.run(ask())
        one.close()
        assert watched.batches == [[QUESTION], ["stays"]]
        assert (one.dropped, len(list(log.decisions()))) == (1, 2)


def test_each_is_decided_in_the_context_of_its_caller(
    decider: Callable[..., Decider], watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else all spans of a batch would be in the trace of one of them."""
    caller: ContextVar[str] = ContextVar("caller")
    seen: dict[str, str] = {}
    monkeypatch.setattr(
        "router_ml.telemetry.decided", lambda decision, _: seen.update({decision.decision_id: caller.get()})
    )
    one = decider()

    async def ask(name: str) -> tuple[str, str]:
        caller.set(name)
        return (await one.decide(RouteRequest(text=QUESTION))).decision_id, name

    async def all_of_them() -> list[tuple[str, str]]:
        return await asyncio.gather(*(ask(f"caller {number}") for number in range(5)))

    assert dict(asyncio.run(all_of_them())) == seen


def test_beyond_what_may_wait_it_refuses_batches_first(decider: Callable[..., Decider], watched: Watched) -> None:
    one = decider(max_waiting=5)

    async def ask() -> None:
        tasks = await while_busy(one, watched, *"abcd")
        with pytest.raises(AccessError) as refused:
            await one.decide(RouteRequest(text="later", channel="batch"))
        assert (refused.value.status, refused.value.code) == (503, "overloaded")
        assert refused.value.retry_after_s is not None
        tasks.append(asyncio.create_task(one.decide(RouteRequest(text="e"))))
        await until(lambda: one.waiting == 5)
        with pytest.raises(AccessError):
            await one.decide(RouteRequest(text="f"))
        watched.go_on.set()
        await asyncio.gather(*tasks)

    asyncio.run(ask())
    assert dict(one.refused) == {"batch_waiting": 1, "waiting": 1}
    assert one.decided == 6


def test_who_would_wait_too_long_is_told_at_once(decider: Callable[..., Decider], watched: Watched) -> None:
    one = decider(max_wait_seconds=0.02)

    async def ask() -> None:
        tasks = await while_busy(one, watched, "a")
        one._short.seconds = 0.001  # a character
        with pytest.raises(AccessError) as refused:
            await one.decide(RouteRequest(text="b" * 100))
        assert (refused.value.status, refused.value.code) == (503, "overloaded")
        watched.go_on.set()
        await asyncio.gather(*tasks)

    asyncio.run(ask())
    assert dict(one.refused) == {"too_long": 1}


def test_what_waits_past_its_deadline_is_decided_by_the_rules(
    decider: Callable[..., Decider], watched: Watched
) -> None:
    one = decider(deadline_ms=40)

    async def ask() -> list[RouteDecision]:
        watched.go_on.clear()
        return await asyncio.gather(*(one.decide(RouteRequest(text=QUESTION)) for _ in range(3)))

    found = asyncio.run(ask())
    assert [decision.state.degraded is not None for decision in found] == [True] * 3
    assert one.degraded == 3


def test_where_the_queue_alone_takes_longer_nobody_waits_for_the_deadline(
    decider: Callable[..., Decider], watched: Watched
) -> None:
    one = decider()

    async def ask() -> RouteDecision:
        tasks = await while_busy(one, watched, *"abcdefgh")
        began = time.monotonic()
        deadline_ms = 1000 * one.expected_seconds / 2
        found = await one.decide(RouteRequest(text="hurry"), deadline_ms=deadline_ms)
        assert one.waiting == 8, "it was not queued"
        assert time.monotonic() - began < PATIENCE_S
        watched.go_on.set()
        await asyncio.gather(*tasks)
        return found

    found = asyncio.run(ask())
    assert found.state.degraded is not None
    assert found.state.degraded.why == "load"


def test_idle_it_always_tries_whatever_it_expects(decider: Callable[..., Decider]) -> None:
    """Else one slow moment would have everything decided by the rules for ever."""
    one = decider()
    one._short.seconds = one._long.seconds = 100.0
    found = asyncio.run(one.decide(RouteRequest(text=QUESTION), deadline_ms=60_000))
    assert found.state.degraded is None


def test_closing_decides_what_waits(watched: Watched) -> None:
    one = Decider(lambda: watched)

    async def ask() -> list[RouteDecision]:
        tasks = await while_busy(one, watched, "a", "b")
        closing = asyncio.create_task(asyncio.to_thread(one.close))
        watched.go_on.set()
        found = await asyncio.gather(*tasks)
        await closing
        with pytest.raises(AccessError):
            await one.decide(RouteRequest(text="c"))
        return found

    assert len(asyncio.run(ask())) == 3


def test_a_list_is_decided_as_a_whole_or_not_at_all(decider: Callable[..., Decider]) -> None:
    one = decider()
    asked = [RouteRequest(text=QUESTION), RouteRequest(text="bad", allowed_tools=("unheard-of",))]
    assert len(asyncio.run(one.decide_many(asked[:1] * 3))) == 3
    with pytest.raises(InvalidRequestError, match="Request 1"):
        asyncio.run(one.decide_many(asked))


PROSE = "The committee read what had been written on the matter and put it off again. "


def of(characters: int) -> str:
    return (PROSE * (characters // len(PROSE) + 1))[:characters]


def test_long_texts_are_decided_beside_short_ones(decider: Callable[..., Decider], watched: Watched) -> None:
    """Else a question of one line would wait for all that others have pasted."""
    one = decider()

    async def ask() -> int:
        watched.go_on.clear()
        long = [asyncio.create_task(one.decide(RouteRequest(text=of(LONG + 500)))) for _ in range(3)]
        await until(lambda: one.waiting == 2)
        assert not one.busy
        short = asyncio.create_task(one.decide(RouteRequest(text=QUESTION)))
        await until(lambda: [QUESTION] in watched.batches)
        waiting = one.waiting
        watched.go_on.set()
        await asyncio.gather(short, *long)
        return waiting

    assert asyncio.run(ask()) == 2
    assert [len(batch) for batch in watched.batches] == [1, 1, 1, 1], "one long text at a time"


def test_what_is_decided_together_is_bounded_by_its_characters(
    decider: Callable[..., Decider], watched: Watched
) -> None:
    one = decider()

    async def ask() -> None:
        tasks = await while_busy(one, watched, *[of(3_000)] * 5)
        watched.go_on.set()
        await asyncio.gather(*tasks)

    asyncio.run(ask())
    assert [len(batch) for batch in watched.batches] == [1, 2, 2, 1]


def test_what_is_expected_follows_from_what_waits(decider: Callable[..., Decider], watched: Watched) -> None:
    one = decider()

    async def ask() -> tuple[float, float]:
        tasks = await while_busy(one, watched, *[of(20)] * 5)
        few = one.expected_seconds
        tasks += [asyncio.create_task(one.decide(RouteRequest(text=of(3_000)))) for _ in range(5)]
        await until(lambda: one.waiting == 10)
        many = one.expected_seconds
        watched.go_on.set()
        await asyncio.gather(*tasks)
        return few, many

    few, many = asyncio.run(ask())
    assert many > 5 * few


def test_long_texts_that_wait_are_bounded(
    decider: Callable[..., Decider], watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router_ml.serve.deciding.MOST_LONG", 12_000)
    one = decider()

    async def ask() -> None:
        watched.go_on.clear()
        tasks = [asyncio.create_task(one.decide(RouteRequest(text=of(5_000)))) for _ in range(2)]
        await until(lambda: one.waiting == 1)
        with pytest.raises(AccessError) as refused:
            await one.decide(RouteRequest(text=of(5_000)))
        assert refused.value.status == 503
        watched.go_on.set()
        await asyncio.gather(*tasks)

    asyncio.run(ask())
    assert dict(one.refused) == {"long_waiting": 1}


def test_a_list_ends_with_whoever_asked_for_it(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody waits for any more is read no further, and leaves no record."""
    with EventLog("sqlite://") as log:
        router, reading, go_on = Router(bundle.config, bundle=bundle, log=log), threading.Event(), threading.Event()
        one, turns = Decider(lambda: router), list[int]()

        def slow(_: Any, __: Any, requests: Sequence[RouteRequest]) -> Any:
            turns.append(len(requests))
            reading.set()
            assert go_on.wait(PATIENCE_S)
            return read(bundle.config, None, requests)

        monkeypatch.setattr("router_ml.router.read", slow)

        async def leave() -> None:
            asked = asyncio.create_task(one.decide_many([RouteRequest(text=of(3_000))] * 6))
            await until(reading.is_set)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            go_on.set()
            await until(lambda: not one._lists)

        asyncio.run(leave())
        one.close()
        assert turns == [2]
        assert not list(log.decisions())


def test_a_list_is_bounded_by_its_characters(decider: Callable[..., Decider]) -> None:
    with pytest.raises(AccessError) as refused:
        asyncio.run(decider().decide_many([RouteRequest(text=of(50_000))] * 9))
    assert refused.value.status == 413


def test_closing_takes_no_longer_than_it_may(watched: Watched) -> None:
    """A worker that ends must not be held up by what it has taken on, and who waits is told."""
    one = Decider(lambda: watched)

    async def ask() -> list[Any]:
        tasks = await while_busy(one, watched, "a", "b")
        began = time.monotonic()
        await asyncio.to_thread(one.close, seconds=0.1)
        assert time.monotonic() - began < PATIENCE_S / 2
        watched.go_on.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *refused = asyncio.run(ask())
    assert isinstance(first, RouteDecision)
    assert [(type(each), each.code) for each in refused] == [(AccessError, "leaving")] * 2


@settings(max_examples=10)
@given(
    st.lists(
        st.sampled_from([QUESTION, "Bonjour, quel temps fait-il?", "a " * 70, "Fix this: def f(: pass"]), max_size=9
    ),
    st.integers(1, 8),
    st.integers(1, 2),
)
def test_together_is_as_alone_bit_for_bit(bundle: Bundle, texts: list[str], together: int, threads: int) -> None:
    """Each decision follows from its own request, seed and clock, whoever was decided with it."""
    router = Router(bundle.config, bundle=bundle)
    one = Decider(lambda: router, together=together, threads=threads)

    async def ask() -> list[RouteDecision]:
        return list(await asyncio.gather(*(one.decide(RouteRequest(text=text)) for text in texts)))

    found = asyncio.run(ask())
    one.close()
    for text, decision in zip(texts, found, strict=True):
        stamp: dict[str, Any] = {"now": decision.created_at, "decision_id": decision.decision_id}
        assert decision.to_json() == router.predict_route(text, seed=decision.seed, **stamp).to_json()


def test_of_a_record_that_nobody_waited_for_somebody_is_told(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a decision would stand in the log of which nobody knows what became of it."""
    with EventLog("sqlite://") as log:
        router, write = Router(bundle.config, bundle=bundle, log=log), log.write
        one = Decider(lambda: router)
        writing, go_on, told = threading.Event(), threading.Event(), list[RouteDecision]()

        def slow(entries: Any) -> Any:
            writing.set()
            assert go_on.wait(PATIENCE_S)
            return write(entries)

        monkeypatch.setattr(log, "write", slow)

        async def leave(deadline_ms: float | None) -> None:
            writing.clear()
            go_on.clear()
            request = RouteRequest(text=QUESTION)
            asked = asyncio.create_task(one.decide(request, deadline_ms=deadline_ms, left=told.append))
            await until(writing.is_set)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            go_on.set()

        async def both() -> None:
            await leave(None)
            await until(lambda: len(told) == 1)
            await leave(0)
            await until(lambda: len(told) == 2)

        asyncio.run(both())
        one.close()
        assert sorted(each.decision_id for each in told) == sorted(each.decision_id for each in log.decisions())


def test_an_executor_lets_it_decide(bundle: Bundle) -> None:
    """So that conversations share the encoder's pass, the deadline and the places of the worker."""
    router = Router(bundle.config, bundle=bundle)
    one = Decider(lambda: router, deadline_ms=60_000)
    with Executor(router) as executor:
        executor.decide_by(one.decide)
        for domain in ("vllm-a", "vllm-b", "mistral", "google", "openai", "anthropic"):
            router.report_health(domain, "down")
        done = asyncio.run(executor.acomplete(QUESTION))
    one.close()
    assert done.status == "human_review"
    assert one.decided == 1
