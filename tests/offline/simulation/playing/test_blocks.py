"""Sessions find the lane they were on, and the memory of it does not grow."""

from __future__ import annotations

import numpy as np

from router_ml.offline.simulation.playing.blocks import Sessions


def test_a_turn_finds_the_lane_of_the_one_before_it() -> None:
    sessions = Sessions()
    sessions.put(0, np.array([3, -1, 2]))
    assert sessions.lanes(np.array([0, 1, 2, -1])).tolist() == [3, -1, 2, -1]
    sessions.move(0, 1)
    assert sessions.lanes(np.array([0])).tolist() == [1], "it ended elsewhere"


def test_what_lies_too_far_back_is_forgotten_and_not_mistaken() -> None:
    sessions, size = Sessions(), Sessions._SIZE
    sessions.put(0, np.array([3, 4]))
    sessions.put(size - 1, np.array([5, 6]))  # it goes on from the beginning of its memory
    assert sessions.lanes(np.array([0, 1, size - 1, size])).tolist() == [-1, 4, 5, 6]
    sessions.move(0, 2)
    assert sessions.lanes(np.array([0, size])).tolist() == [-1, 6]
