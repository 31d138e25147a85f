"""Every notebook once, as Jupyter opens it: how long it takes, what it says on standard error, and its pictures.

``python -m benchmarks.notebooks`` prints seconds by the clock and of the processor; ``--pictures notebooks/pictures``
also writes the picture of each that is tagged ``cover``, which ``notebooks/README.md`` shows.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ONE = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)  # threads that wait burn a core
COLOURS = 64  # of a picture: a fifth of the bytes, and nobody sees it


@dataclass(frozen=True)
class Run:
    """A notebook that ran: its cells with results, seconds by the clock and of the processor."""

    notebook: Any
    wall: float
    cpu: float

    def noise(self) -> list[str]:
        """What it said on standard error, and warnings that came as results."""
        shown = [(out.get("name"), out.get("text") or str(out.get("data", ""))) for out in self._results()]
        return [text for stream, text in shown if stream == "stderr" or "Warning" in text]

    def cover(self) -> bytes:
        """The picture of its cell that is tagged ``cover``, a PNG."""
        pictures = [out["data"]["image/png"] for out in self._results("cover") if "image/png" in out.get("data", {})]
        return base64.b64decode(pictures[0])

    def _results(self, tag: str = "") -> Iterator[Any]:
        for cell in self.notebook.cells:
            if cell.cell_type == "code" and tag in ("", *cell.metadata.get("tags", ())):
                yield from cell.outputs


def run(path: Path) -> Run:
    """Run a notebook in a kernel of its own, in its folder; a cell that fails raises."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=900, kernel_name="python3")
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    client.execute(cwd=str(path.parent), env={**os.environ, **ONE, "PYTHONPATH": str(ROOT)})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(notebook, time.monotonic() - started, spent)


def small(picture: bytes) -> bytes:
    """A PNG with few colours."""
    from PIL import Image

    kept = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS).save(kept, "PNG", optimize=True)
    return kept.getvalue()


def main() -> int:
    """Run them one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="beginnings of names; without any, all of them")
    parser.add_argument("--pictures", type=Path, help="where the cover of each goes")
    asked = parser.parse_args()
    paths = [path for path in NOTEBOOKS if not asked.names or path.name.startswith(tuple(asked.names))]
    walls = cpus = 0.0
    console = Console(width=None if sys.stdout.isatty() else 132, highlight=False, markup=False)
    for path in paths:
        done = run(path)
        walls, cpus = walls + done.wall, cpus + done.cpu
        console.print(f"{path.stem:28} {done.wall:5.0f} s by the clock, {done.cpu:5.0f} s of the processor")
        for line in done.noise():
            console.print(f"  said: {line[:200]}")
        if asked.pictures is not None:
            asked.pictures.mkdir(parents=True, exist_ok=True)
            (asked.pictures / f"{path.stem}.png").write_bytes(small(done.cover()))
    console.print(f"{'all':28} {walls:5.0f} s by the clock, {cpus:5.0f} s of the processor")
    return 0


if __name__ == "__main__":
    sys.exit(main())
