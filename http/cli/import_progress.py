"""A bar that shows how far an import has come; on standard error, and only where people look."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from doorward.http.cli.import_state import State


@contextmanager
def shown_progress(size_bytes: int | None, state: State) -> "Iterator[ImportProgress]":
    """Show a bar; ``size_bytes`` is None where nobody knows how much will come."""
    console = Console(stderr=True)
    with Progress(
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[lines]:,} lines, {task.fields[rejected]:,} rejected"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        counts = state.counts
        task = progress.add_task(
            "orders",
            total=size_bytes,
            completed=state.offset_bytes,
            lines=counts.lines,
            rejected=counts.rejected,
        )
        yield ImportProgress(progress, task)


class ImportProgress:
    """The bar while it is shown."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def __call__(self, state: State) -> None:
        """Show how far it has come."""
        self._progress.update(
            self._task,
            completed=state.offset_bytes,
            lines=state.counts.lines,
            rejected=state.counts.rejected,
        )
