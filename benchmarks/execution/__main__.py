"""Measure or drill: ``python -m benchmarks.execution overhead|soak|outage|faults [--json]``.

*overhead*: beside a direct call. *soak*: many at once with faults among them. *outage*: a vendor is away for two days.
*faults*: the table of every fault with every rule, as markdown. Each says where a promise was not kept, and then ends
with status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from benchmarks.execution.outage import outage
from benchmarks.execution.overhead import overhead
from benchmarks.execution.soak import soak
from benchmarks.execution.table import cases, fill
from benchmarks.serving import Measurement, show


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of them and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.execution", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("what", choices=("overhead", "soak", "outage", "faults"))
    parser.add_argument("--requests", type=int, help="of overhead (300) or soak (10000)")
    parser.add_argument("--concurrency", type=int, default=200, help="of soak")
    parser.add_argument("--hours", type=float, default=48.0, help="of outage")
    parser.add_argument("--whole", action="store_true", help="of outage: each request through the whole executor")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    options = parser.parse_args(arguments)
    if options.what == "faults":
        return _faults()
    if options.what == "overhead":
        found = overhead(requests=options.requests or 300)
    elif options.what == "soak":
        soaked = soak(requests=options.requests or 10_000, concurrency=options.concurrency)
        sys.stderr.write("".join(f"{one}\n" for one in soaked.no_evidence[:20]))
        found = soaked.measurements()
    else:
        found = outage(hours=options.hours, whole=options.whole).measurements()
    _print(found, as_json=options.json)
    return int(any(one.ok is False for one in found))


def _print(found: Sequence[Measurement], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps([{**asdict(item), "ok": item.ok} for item in found], indent=1) + "\n")
    else:
        show(found)


def _faults() -> int:
    table = fill(cases())
    sys.stdout.write(f"{table.document()}\n")
    sys.stderr.write("".join(f"{one}\n" for one in table.problems))
    return int(bool(table.problems))


if __name__ == "__main__":
    sys.exit(main())
