"""``router-ml contract --schema``: the JSON Schemas as files."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from router_ml.contract import json_schemas


def write_schemas(folder: Path) -> list[Path]:
    """Write one JSON Schema file per public model, and the OpenAPI document of the gateway where its extra is
    installed; the folder is made if absent.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in all_schemas().items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return written


def all_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schemas of the contract by file name, and ``openapi`` where the gateway can be imported."""
    if find_spec("fastapi") is None:
        return dict(json_schemas())
    from router_ml.serve.app import create_app
    from router_ml.serve.settings import Settings

    return {**json_schemas(), "openapi": create_app(Settings()).openapi()}
