"""Evaluations run from a script and from a notebook alike."""

from __future__ import annotations

import asyncio

import pytest

from training.evals.running.looping import finished


async def four() -> int:
    await asyncio.sleep(0)
    return 4


async def fails() -> int:
    raise ValueError("no")


def test_a_coroutine_is_finished_where_no_loop_runs() -> None:
    assert finished(four()) == 4


def test_a_coroutine_is_finished_where_a_loop_runs_already() -> None:
    """In a notebook every cell is run by a loop, where ``asyncio.run`` refuses."""

    async def cell() -> int:
        return finished(four())

    assert asyncio.run(cell()) == 4


def test_what_goes_wrong_is_raised_as_it_is() -> None:
    async def cell() -> int:
        return finished(fails())

    with pytest.raises(ValueError, match="no"):
        asyncio.run(cell())
