"""Steps whose results are kept, so that a run that was killed goes on where it was.

A step writes into a folder that gets its name only when it is complete: the name of the step and the digest of all that
went into it. The same inputs find the folder; other inputs do not.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np

import router_ml
import training
from training.retraining.lineage import digest_of


class Stages:
    """A work folder. ``reused``: the steps that were found done.

    >>> with Stages.in_folder(None) as stages:
    ...     folder = stages.run("greet", {"who": "you"}, lambda folder: None)
    ...     folder.name.startswith("greet-"), stages.reused
    (True, [])
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reused: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    @contextmanager
    def in_folder(cls, folder: Path | None) -> Iterator[Stages]:
        """Stages that are kept in ``folder``; without one they are gone afterwards."""
        if folder is not None:
            yield cls(folder)
            return
        with tempfile.TemporaryDirectory() as temporary:
            yield cls(Path(temporary))

    def run(self, name: str, inputs: Mapping[str, object], make: Callable[[Path], None]) -> Path:
        """The folder that ``make`` filled, now or before with the same ``inputs`` and the same code."""
        done = self.folder / f"{name}-{digest_of({**inputs, 'code': code_digest()})[:16]}"
        if done.is_dir():
            self.reused.append(name)
            return done
        started = done.with_name(f"{done.name}.{os.getpid()}.partial")
        shutil.rmtree(started, ignore_errors=True)
        started.mkdir()
        make(started)
        started.rename(done)
        return done


@cache
def code_digest() -> str:
    """Of all sources and of numpy's version: other code must not find what this one left. A change that no step reads
    costs a fit; telling which ones do would be wrong one day."""
    packages = [Path(package.__path__[0]) for package in (router_ml, training)]
    files = [
        (f"{folder.name}/{path.relative_to(folder).as_posix()}", path.read_text(encoding="utf-8"))
        for folder in packages
        for path in sorted(folder.rglob("*.py"))
    ]
    return digest_of([np.__version__, *files])
