"""Hostile requests against a gateway of two organisations: ``python -m benchmarks.serve hostile --requests 10000``.

One organisation attacks, over raw connections, with a good key where that makes it worse; the other one has secrets
planted in everything that it ever sent. Status 1 where anything came of it: a crash, a server error that is not a
deliberate 503, an answer or a log that holds what it must not, an act on what is another's, memory that grows.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.serve.hostility.attacks import Attack, Attacker
from benchmarks.serve.hostility.estate import Estate, opened
from benchmarks.serve.hostility.judging import Verdict
from benchmarks.serve.hostility.wire import Reply, send

AT_ONCE = 8
NONE_S = 3.0  # for an answer that need not come
GROWTH_MB = 250.0  # of memory: what the largest bodies need at a time, and room for a library to load


def attack(count: int, *, seed: int, slow: int | None = None, folder: Path | None = None) -> dict[str, Any]:
    """Send attacks and say what came of them.

    Args:
        slow: how many of them take seconds; by default one of two hundred.
        folder: of the gateway's files; by default one that is removed afterwards.
    """
    with tempfile.TemporaryDirectory() as made, opened(folder or Path(made)) as estate:
        return _attack(estate, count, seed, max(1, count // 200) if slow is None else slow)


def _attack(estate: Estate, count: int, seed: int, slow: int) -> dict[str, Any]:
    verdict, marks = Verdict(), []
    attacks = list(Attacker(estate, seed).attacks(count, slow=slow))
    began, before, most = time.monotonic(), estate.memory_mb(), 0.0

    def run(one: Attack) -> tuple[Attack, Reply]:
        return one, send(estate.port, one.pieces, timeout=one.expected.patience_s or NONE_S, gone=one.gone)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number, (one, reply) in enumerate(pool.map(run, attacks)):
            verdict.see(one, reply, estate)
            marks.append(one.mark)
            if number % 200 == 0 and estate.alive:
                most = max(most, estate.memory_mb())
    alive = estate.alive
    if not alive:
        verdict.fail("the server ended", estate.written()[-2000:])
    elif not estate.answers():
        verdict.fail("an ordinary request is not answered any more", "")
    after = estate.memory_mb() if alive else 0.0
    if after - before > GROWTH_MB:
        verdict.fail("memory grew", f"from {before:.0f} to {after:.0f} MB")
    verdict.read_log(estate.written(), marks, estate)
    return {
        "requests": verdict.sent,
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
        "kinds": dict(verdict.kinds),
        "statuses": {str(status): number for status, number in sorted(verdict.statuses.items(), key=str)},
        "memory_mb": {"before": round(before), "most": round(most), "after": round(after)},
        "failures": dict(verdict.failures),
        "examples": verdict.found,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Attack, print what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--slow", type=int, default=None, help="of them so many that take seconds")
    options = parser.parse_args(arguments)
    found = attack(options.requests, seed=options.seed, slow=options.slow)
    sys.stdout.write(json.dumps(found, indent=1, ensure_ascii=True) + "\n")
    return int(bool(found["failures"]))


if __name__ == "__main__":
    sys.exit(main())
