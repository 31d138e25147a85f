"""Carrying decisions out: calls to lanes, fallbacks, tools, retrieval, validation, and the evidence of all that.

    decide -> look up -> [recheck -> call -> tools -> validate -> check the answer] -> record

What is in brackets is repeated, as the steps of the decision say, until an answer keeps its contract or nothing is
left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router_ml.execution.completion import Completion
    from router_ml.execution.executor import Executor

__all__ = ["Completion", "Executor"]

_HOMES = {"Completion": "completion", "Executor": "executor"}


def __getattr__(name: str) -> object:
    """Load on first use: LiteLLM takes seconds to import."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
