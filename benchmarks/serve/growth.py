"""What a decision leaves in memory for good: ``python -m benchmarks.serve growth [--chats 3000] [--json]``.

A process remembers its last decisions, 10,000 in most places, so that memory grows for the first tens of minutes of a
soak whether or not anything leaks. Here those memories keep 200 instead, and chats run one after the other in one
process with the fault server: whatever still grows after a few hundred of them is a leak. Told of every tenth of the
chats: resident memory, what of it is in use by C (``mallinfo2``; ``free`` is what C keeps and does not give back) and
the blocks that Python has. A third of the texts of the corpus waits for a person whom nobody has here: they are kept
packed, up to 64 MB, and are the growth of ``used`` that stays.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from rich.console import Console
from rich.table import Table

from benchmarks.serve.running import on_faults
from benchmarks.serve.soak import resident_mb
from benchmarks.serving import corpus_texts
from router_ml.errors import RouterError
from router_ml.execution import Executor
from router_ml.faults import FaultServer
from router_ml.state.budgets import Budgets
from router_ml.state.sessions import Recent
from router_ml.storage.bundle import Bundle
from router_ml.storage.loading import shipped_bundle

KEPT = 200
BOUNDS = {
    "router_ml.rollout.given": "_SIZE",
    "router_ml.storage.spooling.recorder": "_REMEMBERED",
    "router_ml.state.learning": "_SIZE",
    "router_ml.state.drills.following": "_SIZE",
    "router_ml.execution.reviews.memory": "REMEMBERED",
}


class _Info(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


@dataclass(frozen=True)
class Memory:
    """After so many chats: MB resident, in use by C and kept free by it, and blocks of Python."""

    chats: int
    resident_mb: float
    used_mb: float
    free_mb: float
    blocks: int


def memory(chats: int) -> Memory:
    """This process now; glibc only."""
    gc.collect()
    libc = ctypes.CDLL("libc.so.6")
    libc.mallinfo2.restype = _Info
    info = libc.mallinfo2()
    return Memory(chats, resident_mb(os.getpid()), info.uordblks / 1e6, info.fordblks / 1e6, sys.getallocatedblocks())


def grown(chats: int, *, log: str) -> list[Memory]:
    """Memory by tenth of some chats."""
    texts = corpus_texts()

    async def ask(executor: Executor) -> list[Memory]:
        found = []
        for number in range(chats):
            with suppress(RouterError):  # a refusal leaves what an answer does
                await executor.acomplete(f"{texts[number % len(texts)]} {number}", metadata={"user": f"u{number}"})
            if (number + 1) % max(chats // 10, 1) == 0:
                found.append(memory(number + 1))
        return found

    with FaultServer(keep=10, bodies=False) as server:
        config = on_faults(server, Bundle.load(shipped_bundle()).config, Path(log).parent)
        return asyncio.run(ask(Executor.load(config=config, log=log)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, and show a line per tenth."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve growth", description="Look for leaks.")
    parser.add_argument("--chats", type=int, default=3_000)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    given = parser.parse_args(arguments)
    for module, name in BOUNDS.items():
        patch.object(import_module(module), name, KEPT).start()
    patch.object(Recent.__init__, "__defaults__", (KEPT,)).start()
    patch.object(Budgets.__init__, "__kwdefaults__", {"charges": KEPT}).start()
    with TemporaryDirectory() as folder:
        found = grown(given.chats, log=f"{folder}/log.sqlite")
    if given.json:
        sys.stdout.write(json.dumps([asdict(one) for one in found], indent=1) + "\n")
        return
    table = Table(*("chats", "resident MB", "used by C MB", "free in C MB", "blocks of Python"))
    for one in found:
        table.add_row(
            str(one.chats), *(f"{mb:.1f}" for mb in (one.resident_mb, one.used_mb, one.free_mb)), f"{one.blocks:,}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
