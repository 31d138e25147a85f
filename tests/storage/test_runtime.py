"""A decision says what computed it, so that a difference in last digits can be told from one in substance."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from platform import machine

import pytest

from router_ml import Router
from router_ml.storage import runtime


def test_the_platform_names_libraries_and_cpu(router: Router) -> None:
    said = router.predict_route("hi").versions.platform
    assert said == runtime.platform()
    *libraries, cpu = said.split(", ")
    assert f"onnxruntime {version('onnxruntime')}" in libraries
    assert f"numpy {version('numpy')}" in libraries
    assert cpu.startswith(machine())


@pytest.mark.parametrize(
    ("listed", "best"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_vnni", "avx512_vnni"),
        ("flags\t\t: fpu avx2", "avx2"),
        ("Features\t: fp asimd asimddp", "asimddp"),
        ("flags\t\t: fpu", ""),
        ("", ""),
    ],
)
def test_the_class_of_a_cpu_is_its_best_instruction_set(
    listed: str, best: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(f"processor\t: 0\n{listed}\n")
    monkeypatch.setattr(runtime, "_CPU", path)
    assert runtime.cpu_class() == f"{machine()} {best}".strip()
    monkeypatch.setattr(runtime, "_CPU", tmp_path / "none")
    assert runtime.cpu_class() == machine()
