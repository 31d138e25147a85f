"""A worker takes on what it can hold: the least urgent is refused first, before any work, and its health never."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from router_ml.serve.shedding import RESERVED, Shedding, SheddingMiddleware, take_place

MOST = 5


class Held:
    """An application whose requests end when they are told to."""

    def __init__(self, most: int) -> None:
        self.go_on = asyncio.Event()
        self.read = 0
        self.app = FastAPI()
        self.shedding = Shedding(most)
        decider = SimpleNamespace(expected_seconds=3.2)
        self.app.state.gateway = SimpleNamespace(shedding=self.shedding, decider=decider, leaving=False)
        self.app.add_middleware(SheddingMiddleware)
        self.app.add_api_route("/v1/wait", self.wait, methods=["POST"])
        self.app.add_api_route("/healthz", self.health)

    async def wait(self, request: Request) -> dict[str, Any]:
        if "stranger" not in request.headers:
            take_place(request.scope)  # as for a caller who is known
        self.read += 1
        await self.go_on.wait()
        return {}

    async def health(self) -> dict[str, Any]:
        return {}

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://worker")


async def under_way(
    held: Held, client: httpx.AsyncClient, count: int, *, more: int | None = None
) -> list[asyncio.Task[httpx.Response]]:
    """Until so many are worked on, of which it sends ``more`` itself; by default all."""
    tasks = [asyncio.create_task(client.post("/v1/wait")) for _ in range(count if more is None else more)]
    for _ in range(1000):
        if held.read == count:
            return tasks
        await asyncio.sleep(0.001)
    raise AssertionError("They were not all taken on.")


def test_beyond_what_it_holds_it_refuses_and_says_when_to_try_again() -> None:
    async def ask() -> None:
        held = Held(MOST)
        async with held.client() as client:
            tasks = await under_way(held, client, MOST)
            refused = await client.post("/v1/wait")
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "4"
            assert refused.json()["error"]["code"] == "overloaded"
            assert held.read == MOST, "it was not worked on"
            assert (await client.get("/healthz")).status_code == 200
            held.go_on.set()
            assert {answer.status_code for answer in await asyncio.gather(*tasks)} == {200}
            assert (await client.post("/v1/wait")).status_code == 200
        assert held.shedding.in_flight == 0
        assert dict(held.shedding.refused) == {"in_flight": 1}

    asyncio.run(ask())


def test_the_least_urgent_are_refused_first() -> None:
    async def ask() -> None:
        held = Held(MOST)
        async with held.client() as client:
            tasks = await under_way(held, client, int(MOST * (1 - RESERVED)))
            low = await client.post("/v1/wait", headers={"x-router-ml-priority": "Low"})
            assert low.status_code == 503
            tasks.append(asyncio.create_task(client.post("/v1/wait")))
            await asyncio.sleep(0)
            held.go_on.set()
            assert {answer.status_code for answer in await asyncio.gather(*tasks)} == {200}
        assert dict(held.shedding.refused) == {"low_priority": 1}

    asyncio.run(ask())


def test_what_breaks_gives_its_place_back() -> None:
    async def ask() -> None:
        held = Held(MOST)

        async def breaks(request: Request) -> None:
            take_place(request.scope)
            raise ZeroDivisionError

        held.app.add_api_route("/v1/breaks", breaks)
        async with held.client() as client:
            for _ in range(MOST + 1):
                with pytest.raises(ZeroDivisionError):
                    await client.get("/v1/breaks")
        assert held.shedding.in_flight == 0

    asyncio.run(ask())


def test_whoever_is_not_known_takes_no_place() -> None:
    """Else a few idle connections of strangers would stop a worker."""

    async def ask() -> None:
        held = Held(MOST)
        async with held.client() as client:
            strangers = [asyncio.create_task(client.post("/v1/wait", headers={"stranger": "1"})) for _ in range(9)]
            tasks = await under_way(held, client, 9, more=0) or await under_way(held, client, 9 + MOST, more=MOST)
            assert held.shedding.in_flight == MOST
            held.go_on.set()
            assert {answer.status_code for answer in await asyncio.gather(*tasks, *strangers)} == {200}
        assert held.shedding.in_flight == 0

    asyncio.run(ask())
