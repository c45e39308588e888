"""What a person sees of a training, or of a translation: a live line, on a terminal only."""

import logging
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from seq2seq.training.training_state import TrainingState
    from seq2seq.training.validation import Validated

SMOOTHING = 0.98  # of the loss and the rate that the live line shows


def log_through(console: Console) -> None:
    """Sends log messages to the console, so that they do not break its live line."""
    logging.getLogger().handlers = [_ConsoleHandler(console)]


class _ConsoleHandler(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        try:
            _print(self._console, self.format(record))
        except Exception:  # whatever it is, as every handler does
            self.handleError(record)


def _print(console: Console, text: str, style: str | None = None) -> None:
    """Prints text as it is: no line is folded, and brackets and colons are no markup."""
    console.print(text, style=style, markup=False, emoji=False, highlight=False, soft_wrap=True)


class LiveReporter:
    """A `Reporter` for a terminal; elsewhere the live line stays away."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=20),
            TextColumn("loss {task.fields[loss]:.3f}  {task.fields[rate]:,.0f} target tokens/s"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]} left"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._live.add_task("", total=None, epoch=0, loss=0.0, rate=0.0, left="?")
        self._loss = math.nan
        self._tokens = self._seconds = 0.0
        self._before = time.monotonic()

    def __enter__(self) -> "LiveReporter":
        """Shows the live line."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Takes the live line away."""
        self._live.stop()

    def started(self, message: str) -> None:
        """Before the first step."""
        _print(self._console, message)
        self._before = time.monotonic()

    def stepped(
        self, state: "TrainingState", loss: float, tokens: int, learning_rate: float
    ) -> None:
        """After every step."""
        now = time.monotonic()
        self._loss = (
            loss if math.isnan(self._loss) else SMOOTHING * self._loss + (1 - SMOOTHING) * loss
        )
        self._tokens = SMOOTHING * self._tokens + tokens
        self._seconds = SMOOTHING * self._seconds + now - self._before
        self._before = now
        a_step = state.seconds / max(1, state.step)
        self._live.update(
            self._task,
            total=state.total_steps,
            completed=state.step,
            epoch=state.epoch + 1,
            loss=self._loss,
            rate=self._tokens / max(1e-9, self._seconds),
            left=_clock(a_step * (state.total_steps - state.step)),
        )

    def validated(self, state: "TrainingState", result: "Validated", best: bool) -> None:
        """After every validation."""
        row = state.history[-1]
        trained = "before training, "
        if row["training_loss"] is not None:
            trained = (
                f"loss {row['training_loss']:.3f}, "
                f"{row['target_tokens_per_second']:,} target tokens/s, "
            )
        wrong = result.wrong_source_perplexity
        other = result.metric not in ("bleu", "perplexity")
        _print(
            self._console,
            f"epoch {row['epoch']}, step {row['step']}, {_clock(state.seconds)}: {trained}"
            f"validation perplexity {result.perplexity:.2f}"
            f"{'' if wrong is None else f' ({wrong:.2f} with other sources)'}, "
            f"BLEU {result.bleu:.2f} (greedy)"
            f"{f', {result.metric} {result.score:.2f}' if other else ''}"
            f"{', best so far' if best else ''}",
        )
        for source, reference, translation in result.samples:
            _print(self._console, f"    source       {source}", style="dim")
            _print(self._console, f"    reference    {reference}", style="dim")
            _print(self._console, f"    translation  {translation}")
        self._before = time.monotonic()


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class LineProgress:
    """A `LineReporter`: lines, lines/s and the time left; elsewhere it shows nothing.

    Args:
        console: standard error.
        lines: those that are translated, counted before the first; None: nobody knows.
    """

    def __init__(self, console: Console, lines: Callable[[], range | None]) -> None:
        self._shown = console.is_terminal
        self._lines = lines
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
