"""A bar for a run on a terminal: how far it is, what it has spent, how much has failed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from training.evals.result import Result
from training.evals.running.working import Unwatched, Watch

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextmanager
def shown() -> Iterator[Callable[[int, int], Watch]]:
    """What ``run_in`` takes as ``watch``; quiet where standard error is no terminal."""
    if not sys.stderr.isatty():
        yield lambda total, done: Unwatched()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    said = TextColumn("${task.fields[spent]:.4f} spent, {task.fields[failed]} failed, {task.fields[left]} left out")
    with Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), said, console=Console(stderr=True)) as bar:

        def watch(total: int, done: int) -> Watch:
            return _Bar(bar, bar.add_task("", total=total, completed=done, spent=0.0, failed=0, left=0))

        yield watch


class _Bar:
    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task, self._failed, self._left = bar, task, 0, 0

    def made(self, result: Result | None, *, spent_usd: float) -> None:
        """Move it on."""
        self._failed += result is not None and result.passed is False
        self._left += result is None
        self._bar.update(self._task, advance=1, spent=spent_usd, failed=self._failed, left=self._left)
