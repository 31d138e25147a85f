"""Whether the suites see what was planted, and keep quiet where nothing was.

python -m benchmarks.evals lanes                  all suites against the good lane and three with failures of many kinds
python -m benchmarks.evals one-by-one             each planted failure alone
python -m benchmarks.evals healthy --runs 20      the good lane again and again, each time in other words
python -m benchmarks.evals one-by-one --author second          the failures of another author, at several strengths
python -m benchmarks.evals styles --runs 1        good lanes of other styles: terse, chatty, fond of markdown and so on
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict

from benchmarks.evals.measure import Alarm, Healthy, Seen, four_lanes, healthy, one_by_one
from benchmarks.evals.planted.known import FAILURES
from benchmarks.evals.second import known
from benchmarks.evals.second.styles import STYLES
from benchmarks.evals.setting import stage
from training.evals.suite import NAMES


def main() -> None:
    """Print a table, or lines of JSON."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("what", choices=("lanes", "one-by-one", "healthy", "styles"))
    reader.add_argument("--runs", type=int, default=20, help="of the good lane, each with a seed of its own")
    reader.add_argument("--seed", type=int, default=0, help="of the words, or the first of them")
    reader.add_argument("--suite", action="append", choices=NAMES, help="only this suite; give it for each")
    reader.add_argument("--failure", action="append", default=[], help="only this planted failure, by its name")
    reader.add_argument("--author", choices=("first", "second"), default="first", help="of the failures, one by one")
    reader.add_argument("--style", action="append", choices=STYLES, help="only this style; give it for each")
    reader.add_argument("--json", action="store_true", help="lines of JSON instead of a table")
    asked = reader.parse_args()
    os.environ.setdefault("LITELLM_LOG", "ERROR")
    chosen = asked.suite or NAMES
    with stage(chosen) as there:
        if asked.what == "healthy":
            seeds = range(asked.seed, asked.seed + asked.runs)
            _say_healthy(healthy(there, seeds=seeds, suites=chosen), as_json=asked.json)
        elif asked.what == "styles":
            for style in asked.style or STYLES:
                seeds = range(asked.seed, asked.seed + asked.runs)
                _write(json.dumps({"style": style}) if asked.json else f"\n{style}")
                _say_healthy(healthy(there, seeds=seeds, suites=chosen, style=style), as_json=asked.json)
        elif asked.what == "one-by-one":
            failures = FAILURES if asked.author == "first" else known.FAILURES
            _say(one_by_one(there, seed=asked.seed, names=asked.failure, failures=failures), as_json=asked.json)
        else:
            seen, false = four_lanes(there, seed=asked.seed)
            _say(seen, as_json=asked.json)
            for one in false:
                _write(json.dumps(asdict(one)) if asked.json else _alarm(one))


def _say(seen: Iterable[Seen], *, as_json: bool) -> None:
    counted = named = caught = strong = heard = 0
    if not as_json:
        _write("| planted | lane | cases | needed | by its name | not at all | caught | alarms | s |")
        _write("|---|---|---:|---:|---:|---:|---|---|---:|")
    for one in seen:
        counted, named, caught = counted + 1, named + one.named, caught + one.caught
        strong, heard = strong + one.strong, heard + (one.strong and one.caught)
        _write(json.dumps({**asdict(one), "caught": one.caught}) if as_json else _line(one))
    if not as_json:
        _write(f"\n{counted} planted, {caught} caught, {named} of them by the right name.")
        _write(f"{strong} spoil as many cases as an alarm needs; {heard} of those caught.")


def _line(one: Seen) -> str:
    how = "yes" if one.named else "by another name" if one.caught else "no"
    rung = ", ".join(one.rung) or "-"
    counts = f"{one.spoilt} | {one.needed} | {one.noticed} | {len(one.missed)}"
    return f"| {one.failure} | {one.lane} | {counts} | {how} | {rung} | {one.seconds:.1f} |"


def _say_healthy(runs: Iterable[Healthy], *, as_json: bool) -> None:
    ran, asked, alarms, failed = 0, 0, 0, 0
    for one in runs:
        ran, asked, alarms, failed = ran + 1, asked + one.asked, alarms + len(one.alarms), failed + len(one.failed)
        if as_json:
            _write(json.dumps(asdict(one)))
            continue
        tolerated = ", ".join(f"{case} ({how})" for case, how in one.failed) or "none"
        _write(f"seed {one.seed}: {one.asked} judged, {len(one.alarms)} alarms; failed, tolerated: {tolerated}")
        for alarm in one.alarms:
            _write(_alarm(alarm))
    if not as_json:
        _write(
            f"\n{ran} runs, {asked} answers judged: {alarms} false alarms, {failed} failures within what is tolerated."
        )


def _alarm(one: Alarm) -> str:
    return f"  false alarm: {one.suite} {one.failure} on {one.lane}, cases {', '.join(one.cases)}"


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
