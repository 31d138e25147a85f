"""Serve on loopback until interrupted: ``python -m router_ml.faults [--port N] [--script FILE.json]``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from router_ml.errors import InvalidRequestError
from router_ml.faults.fault import KINDS
from router_ml.faults.server import FaultServer


def apply(server: FaultServer, script: dict[str, Any]) -> None:
    """Give a server the scripts and rates of a file.

    Args:
        script: ``{model: [fault, ...]}``, or ``{model: {"share": .2, "faults": [...], "seed": 0}}``.

    Raises:
        InvalidRequestError: it is neither.
    """
    if not isinstance(script, dict):
        raise InvalidRequestError(f"Found {script!r}, expected an object of models and what happens to their calls.")
    for model, said in script.items():
        try:
            _apply(server, model, said)
        except InvalidRequestError as error:
            raise InvalidRequestError(f"Model {model}: {error}") from None


def _apply(server: FaultServer, model: str, said: Any) -> None:
    if isinstance(said, list):
        server.script(model, said)
        return
    if not isinstance(said, dict) or not {"share", "faults"} <= said.keys() <= {"share", "faults", "seed"}:
        raise InvalidRequestError(f"Found {said!r}, expected a list of faults, or share, faults and perhaps seed.")
    seed = said.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise InvalidRequestError(f"Found seed {seed!r}, expected a whole number.")
    server.rate(model, said["share"], said["faults"], seed)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m router_ml.faults", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--port", type=int, default=0, help="0 for one that is free, which the first line names")
    parser.add_argument("--script", type=Path, help=f"JSON, by model (* for any); faults: {', '.join(KINDS)}")
    parser.add_argument("--no-bodies", action="store_true", help="do not keep what was sent")
    options = parser.parse_args(arguments)
    server = FaultServer(port=options.port, bodies=not options.no_bodies)
    if options.script is not None:
        try:
            apply(server, json.loads(options.script.read_text(encoding="utf-8")))
        except (OSError, ValueError, InvalidRequestError) as error:
            parser.error(f"--script {options.script}: {error}")
    with server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        try:
            server.wait()
        except KeyboardInterrupt:
            sys.stderr.write("Stopped.\n")


if __name__ == "__main__":
    main()
