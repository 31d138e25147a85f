"""Errors can be caught by one name, and say everything that is wrong at once."""

from __future__ import annotations

import inspect

import pytest

from router_ml import errors
from router_ml.errors import ConfigError, InvalidRequestError, MissingExtraError, Problem, RouterError

CLASSES = [item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, Exception)]


@pytest.mark.parametrize("error", CLASSES, ids=lambda item: item.__name__)
def test_one_except_clause_catches_everything_and_the_tree_names_it(error: type[Exception]) -> None:
    assert issubclass(error, RouterError)
    assert error.__name__ in (errors.__doc__ or "")


def test_wrong_arguments_are_value_errors_too() -> None:
    """Code that knows nothing of this library still catches them."""
    assert issubclass(InvalidRequestError, ValueError)
    assert issubclass(ConfigError, ValueError)
    assert issubclass(MissingExtraError, ImportError)


def test_a_config_error_lists_all_problems_with_file_line_key_and_fix() -> None:
    """Someone who fixes one line per run gives up before the tenth."""
    first = Problem("router.yaml", 12, "lanes.fast.pirce", "unknown key.", "Did you mean 'price'?")
    second = Problem("router.yaml", None, "(file)", "cannot be read: it is not UTF-8.")
    error = ConfigError([first, second])
    assert error.problems == (first, second)
    assert str(error).splitlines() == [
        "router.yaml:12: lanes.fast.pirce: unknown key. Did you mean 'price'?",
        "router.yaml: (file): cannot be read: it is not UTF-8.",
    ]


def test_a_missing_extra_names_the_command_that_installs_it() -> None:
    assert "pip install 'router-ml[registry]'" in str(MissingExtraError("mlflow", "registry"))
