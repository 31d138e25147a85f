"""Which calls are which: as many as possible, whatever the order."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from training.evals.attempt import Turn
from training.evals.case import RightCall
from training.evals.tooling.matching import Matcher

MATCHER = Matcher({}, {})
ARGUMENTS = some.fixed_dictionaries({"id": some.integers(0, 2)})
EXPECTED = ARGUMENTS | some.just({"id": {"any_of": [0, 1]}})


def turns(given: list[dict[str, Any]]) -> list[Turn]:
    return [Turn("read", "", one, round=number) for number, one in enumerate(given, start=1)]


def rights(given: list[tuple[dict[str, Any], bool]]) -> list[RightCall]:
    return [RightCall(tool="read", arguments=arguments, optional=optional) for arguments, optional in given]


@settings(max_examples=50)
@given(some.lists(ARGUMENTS, max_size=5), some.lists(some.tuples(EXPECTED, some.booleans()), max_size=5))
def test_every_turn_and_every_right_call_is_accounted_for_once(made: Any, expected: Any) -> None:
    """Pairs fit and use nothing twice; the rest is left, and missing only where it may not be."""
    calls, done = rights(expected), turns(made)
    found = MATCHER.match(calls, done)
    assert all(MATCHER.fits(calls[right], done[turn]) for turn, right in found.pairs.items())
    assert len(set(found.pairs.values())) == len(found.pairs)
    assert sorted([*found.pairs, *found.left]) == list(range(len(done)))
    assert not any(calls[one].optional or one in found.pairs.values() for one in found.missing)


@settings(max_examples=50)
@given(some.lists(ARGUMENTS, max_size=5), some.randoms())
def test_the_right_calls_are_found_in_any_order(made: Any, random: Any) -> None:
    """Nothing is left and nothing is missing, however they are shuffled."""
    shuffled = list(made)
    random.shuffle(shuffled)
    found = MATCHER.match(rights([(one, False) for one in made]), turns(shuffled))
    assert (found.left, found.missing) == ((), ())


def test_one_that_fits_several_gives_way_to_one_that_fits_only_one() -> None:
    """The tolerant call takes what the strict one leaves."""
    calls = rights([({"id": {"any_of": [0, 1]}}, False), ({"id": 0}, False)])
    assert MATCHER.match(calls, turns([{"id": 0}, {"id": 1}])).missing == ()


def test_a_call_is_too_early_beside_or_before_what_it_waits_for() -> None:
    """Only a later round has seen a result; a call that was not made is not too early."""
    calls = [RightCall(tool="read", arguments={"id": 1}), RightCall(tool="read", arguments={"id": 2}, after=(0,))]
    first, second = turns([{"id": 1}, {"id": 2}])
    assert MATCHER.too_early(calls, [first, second]) == []
    assert MATCHER.too_early(calls, [first, Turn("read", "", {"id": 2}, round=1)]) == [1]
    assert MATCHER.too_early(calls, [first]) == MATCHER.too_early(calls, [second]) == []
    again = [calls[0], calls[0].model_copy(update={"after": (0,)})]
    assert MATCHER.too_early(again, [first]) == []
