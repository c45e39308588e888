"""What a person sees of a translation: lines, lines/s and the time left, on a terminal only."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from seq2seq.data.lines import count_lines
from seq2seq.data.parts import Part


class LineProgress:
    """A `LineReporter` for a terminal; elsewhere it shows nothing.

    Args:
        console: standard error.
        source: the file that is translated, whose lines are counted first; None: a stream.
        part: of the file; None: all.
    """

    def __init__(self, console: Console, source: Path | None, part: Part | None = None) -> None:
        self._shown = console.is_terminal
        self._source = source
        self._part = part or Part(1, 1)
        self._live = Progress(
            TextColumn("translating"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]} lines/s"),
            TimeRemainingColumn(),
            console=console,
            disable=not self._shown,
            transient=True,
        )
        self._task = self._live.add_task("", total=None, rate="?")

    def __enter__(self) -> "LineProgress":
        """Nothing is shown before the first line."""
        return self

    def __exit__(self, *_: object) -> None:
        """Takes the live line away."""
        self._live.stop()

    def started(self, lines_done: int) -> None:
        """Before the first line."""
        if self._shown:
            lines = self._lines()
            first, total = (lines.start, len(lines)) if lines else (0, None)
            self._live.update(self._task, total=total, completed=lines_done - first)
            self._live.start()

    def advanced(self, lines: int) -> None:
        """After so many more lines."""
        if self._shown:
            self._live.advance(self._task, lines)
            speed = self._live.tasks[0].speed
            self._live.update(self._task, rate=f"{speed:,.0f}" if speed else "?")

    def _lines(self) -> range | None:
        if self._source is None or not self._source.is_file():
            return None
        try:
            return self._part.lines(count_lines(self._source))
        except (OSError, EOFError):  # said when it is translated
            return None
