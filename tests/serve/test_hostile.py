"""Nothing that a stranger or another organisation sends breaks the gateway, or makes it say what it must not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="fastapi (extra: serve) serves")

from benchmarks.serve.hostile import attack


def shown(found: dict[str, Any]) -> str:
    return "\n".join(f"{what}: {example}" for what, some in found["examples"].items() for example in some)


@pytest.mark.slow
def test_five_hundred_hostile_requests_achieve_nothing(tmp_path: Path) -> None:
    found = attack(500, seed=11, folder=tmp_path)
    assert not found["failures"], shown(found)
    assert found["requests"] >= 500
    assert {"200", "400", "401", "404"} <= set(found["statuses"]), "Some must get through to what they attack."
