"""What is read of a body: numbers that are numbers, and nothing that no answer could repeat."""

from __future__ import annotations

import pytest

from router_ml.errors import InvalidRequestError
from router_ml.serve.bodies import read_object


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "1.5e400"])
def test_a_number_that_becomes_none_is_no_json(number: str) -> None:
    """Else it would come out again as what no other program reads."""
    with pytest.raises(InvalidRequestError):
        read_object(f'{{"a": [{number}]}}'.encode())


def test_numbers_stay_what_they_are() -> None:
    assert read_object(b'{"a": [1, 1.5, -2e-3, 1e308, 1e-999]}') == {"a": [1, 1.5, -2e-3, 1e308, 0.0]}
