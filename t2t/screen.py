"""What the command line draws: notices, progress with speed and time left, and tables.

Floor 7. Everything goes to stderr except results; NO_COLOR, a missing terminal and ``--quiet`` are respected.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from t2t.errors import visible

if TYPE_CHECKING:
    from t2t.train import Run

__all__ = ["Screen", "show", "show_json"]

SECONDS_BETWEEN_LINES = 10.0  # of progress, where there is no terminal
EVALUATIONS = 5  # the last ones, whose scores stand below the bar
Scores = tuple[int, dict[str, float]]  # of an evaluation: its step, and percent by task and metric


class Screen:
    """Draws what a run tells (the `Watch` protocol of train)."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(stderr=True, quiet=quiet, soft_wrap=True)
        self._progress: Progress | None = None
        self._bar: Any = None
        self._scores: deque[Scores] = deque(maxlen=EVALUATIONS)
        self._said = -SECONDS_BETWEEN_LINES
        self.more: Callable[[Run, dict[str, Any]], str] | None = None  # what else to say of a step

    def notice(self, text: str) -> None:
        """Print one line; loud for the sample and for warnings."""
        style = "bold yellow" if text.startswith("SAMPLE DATA") else None
        self.console.print(visible(text, 2000), style=style, markup=False, highlight=False)

    def step(self, run: Run, values: dict[str, Any]) -> None:
        """Move the bar of the loop; without a terminal print a line now and then."""
        state = run.state
        line = f"loss {values['loss']:.3f} · {values['tokens_per_second']:,.0f} tok/s · step {state.step:,}"
        line += f" · {values['tokens']:,} tokens" + (self.more(run, values) if self.more else "")
        if self._progress is not None and self.console.is_terminal:
            self._progress.update(self._bar, completed=min(run.progress, 1.0) * 100, what=line)
        elif run.done or time.monotonic() - self._said > SECONDS_BETWEEN_LINES:
            self._said = time.monotonic()
            left = state.seconds * (1 / run.progress - 1) if run.progress else 0.0
            said = f"{100 * min(run.progress, 1.0):5.1f} % · {line} · {_time(left)} left"
            self.console.print(said, highlight=False)

    def scored(self, run: Run, values: dict[str, float]) -> None:
        """Show the scores of the last evaluations below the bar; without a terminal print those of this one."""
        self._scores.append((run.state.step, values))
        if not self.console.is_terminal:
            said = ", ".join(f"{name} {value:.2f}" for name, value in values.items())
            self.console.print(visible(f"step {run.state.step}: {said}", 2000), markup=False, highlight=False)

    @contextlib.contextmanager
    def training(self, run: Run) -> Iterator[None]:
        """Show the bar of the loop."""
        self._scores.clear()  # those of another run
        with self._bars() as progress:
            self._bar = progress.add_task("training", total=100, completed=round(100 * run.progress), what="", unit="%")
            yield
        self._progress = None

    @contextlib.contextmanager
    def task(self, title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """Show a bar over ``total`` parts (None: it only moves); inside the loop it is a line below the loop's own."""
        if self._progress is not None:
            bar = self._progress.add_task(title, total=total, what="", unit="")
            yield lambda done: self._progress.advance(bar, done) if self._progress else None
            self._progress.remove_task(bar)
            return
        with self._bars() as progress:
            bar = progress.add_task(title, total=total, what="", unit="")
            yield lambda done: progress.advance(bar, done)
        self._progress = None

    @contextlib.contextmanager
    def _bars(self) -> Iterator[Progress]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[what]}"),
        )
        hidden = self.quiet or not self.console.is_terminal
        with _Bars(*columns, console=self.console, disable=hidden, transient=True) as progress:
            progress.scores = self._scores
            self._progress = progress
            yield progress


class _Bars(Progress):
    """Bars with a table of scores below them: a row a task and metric, a column an evaluation, the newest last."""

    scores: Sequence[Scores] = ()

    def get_renderables(self) -> Iterator[Any]:
        yield from super().get_renderables()
        if self.scores:
            table = Table(box=None, header_style="bold", pad_edge=False)
            table.add_column("score")
            for step, _ in self.scores:
                table.add_column(f"step {step:,}", justify="right")
            for name in self.scores[-1][1]:
                values = [values.get(name) for _, values in self.scores]
                table.add_row(escape(visible(name)), *("–" if one is None else f"{one:.2f}" for one in values))
            yield table


def _time(seconds: float) -> str:
    """Return hours, minutes and seconds."""
    minutes, seconds = divmod(max(round(seconds), 0), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def show(title: str, rows: Sequence[Mapping[str, Any]], *, right: Sequence[str] = ()) -> None:
    """Print rows as a table on stdout."""
    width = None if sys.stdout.isatty() else 200
    console = Console(width=width, emoji=False)  # in a uid, ":train:" is no picture
    if not rows:
        console.print("nothing to show", highlight=False)
        return
    table = Table(title=title or None, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for name in rows[0]:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(visible(value)) for value in row.values()))
    console.print(table, highlight=False)


def show_json(data: Any) -> None:
    """Print data as JSON on stdout."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=1) + "\n")
