"""One import: batches go out, what became of them is counted, put aside and remembered."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from doorward.http.cli.import_state import Counts, State, StateFile
from doorward.http.cli.order_flights import Flights, Report, Stopped
from doorward.http.cli.order_lines import Batch, batches
from doorward.http.cli.rejected_lines import RejectedLines

SAVE_SECONDS: Final = 0.5
Progress = Callable[[State], None]


class ImportRun:
    """An import from where it was left to its end."""

    def __init__(
        self, file: BinaryIO, state: State, *, kept_in: StateFile | None, rejected_path: Path
    ) -> None:
        """Begin.

        Args:
            file: What is imported, standing where ``state`` says.
            state: How far it has come.
            kept_in: Where that is remembered; None where it is not.
            rejected_path: Where lines go that are not taken.

        Raises:
            OSError: The disk refuses.
        """
        self.state = state
        self._file = file
        self._kept_in = kept_in
        self._rejected = RejectedLines(
            rejected_path, lines_bytes=state.rejected_bytes, reasons_bytes=state.reasons_bytes
        )
        self._saved_at = time.monotonic()

    def go(self, flights: Flights, progress: Progress) -> None:
        """Send everything.

        Raises:
            Failed: It cannot go on; ``state`` says how far it came.
            Stopped: It was stopped.
            OSError: The file cannot be read, or the disk refuses.
        """
        with self._rejected:
            try:
                self._send(flights, progress)
            finally:
                self._save()
        if self._kept_in is not None:
            self._kept_in.remove()

    @property
    def how_far(self) -> str:
        """Say what is done, and how to go on."""
        lines = self.state.next_line - 1
        if not lines:
            return "Nothing was taken for sure."
        on = "the same command goes on from there" if self._kept_in else "the rest may not be"
        return f"The first {lines:,} lines are done; {on}."

    def _send(self, flights: Flights, progress: Progress) -> None:
        state = self.state
        cut = batches(self._file, from_bytes=state.offset_bytes, from_line=state.next_line)
        for batch, report in flights.settled(cut):
            self._settle(batch, report)
            progress(self.state)
            if time.monotonic() > self._saved_at + SAVE_SECONDS:
                self._save()
        if flights.is_stopped:
            raise Stopped

    def _settle(self, batch: Batch, report: Report) -> None:
        known = self.state.counts
        for refused in report.refused:
            self._rejected.add(
                batch.lines[refused.line - 1],
                number=batch.first_line + refused.line - 1,
                name=refused.name,
                rule=refused.rule,
            )
        lines_bytes, reasons_bytes = self._rejected.sizes
        self.state = msgspec.structs.replace(
            self.state,
            next_line=batch.first_line + len(batch.lines),
            offset_bytes=batch.end_bytes,
            rejected_bytes=lines_bytes,
            reasons_bytes=reasons_bytes,
            counts=Counts(
                lines=known.lines + batch.filled,
                created=known.created + report.created,
                changed=known.changed + report.changed,
                unchanged=known.unchanged + report.unchanged,
                rejected=known.rejected + len(report.refused),
            ),
        )

    def _save(self) -> None:
        if self._kept_in is not None and self.state.offset_bytes:
            self._rejected.flush()
            self._kept_in.write(self.state)
        self._saved_at = time.monotonic()
