"""A library that is not installed is named, with the command that installs it."""

from __future__ import annotations

import importlib
import sys

import pytest

from router_ml.errors import MissingExtraError


@pytest.mark.parametrize(
    ("module", "needs"),
    [
        ("openai", "openai"),
        ("langchain", "langchain_core.language_models"),
        ("llama_index", "llama_index.core.base.llms.types"),
        ("litellm", "litellm"),
    ],
)
def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, module: str, needs: str) -> None:
    name = f"router_ml.integrations.{module}"
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, needs, None)
    with pytest.raises(MissingExtraError, match=r"router-ml\[integrations\]"):
        importlib.import_module(name)
