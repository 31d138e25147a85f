"""The lanes of the example company, a router that reads for them, and a mapping of a small table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from router_ml import Router
from router_ml.config import RouterConfig, load_config
from router_ml.offline.importing.mapping import Mapping as MappingFile
from router_ml.offline.importing.mapping import parse_mapping
from router_ml.storage.bundle import Bundle

TABLE = """\
version: 1
source: desk
format: jsonl
text: question
lane: lane
quality: {column: thumb, as: thumbs}
time: at
request_id: id
"""
Written = Callable[[Iterable[Mapping[str, Any]]], Path]


@pytest.fixture(scope="session")
def example(root: Path) -> Path:
    """The folder of the example."""
    return root / "examples" / "import"


@pytest.fixture(scope="session")
def config(example: Path, bundle: Bundle) -> RouterConfig:
    """The lanes of the example."""
    return load_config(example / "router.yaml", bundle.taxonomy)


@pytest.fixture(scope="session")
def reader(config: RouterConfig, bundle: Bundle) -> Router:
    """A router that logs nowhere."""
    return Router(config, bundle=bundle)


@pytest.fixture
def table() -> MappingFile:
    """Of rows as ``rows`` makes them."""
    return parse_mapping(TABLE)


@pytest.fixture
def write_rows(tmp_path: Path) -> Written:
    """Writes rows to a file of JSON lines."""

    def write(rows: Iterable[Mapping[str, Any]]) -> Path:
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


def row_of(number: int, **more: Any) -> dict[str, Any]:
    """One row of the table."""
    at = f"2026-10-{1 + number // 24:02d}T{number % 24:02d}:00:00Z"
    text = f"What are the opening hours of the {('harbour', 'station', 'ferry')[number % 3]} shop on day {number}?"
    return {"id": f"r{number}", "question": text, "lane": "onsite", "thumb": "up", "at": at, **more}
