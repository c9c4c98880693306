"""What commands write to: results to standard output, everything else to standard error."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from duologue.model.conversion import Progress

EXIT_ERROR = 2
"""The exit code of a command that cannot do what it was asked to."""


def output() -> Console:
    """The console for what was asked for."""
    return Console(highlight=False)


def print_json(value: Any) -> None:
    """For programs: one JSON value, unwrapped and uncoloured."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def messages() -> Console:
    """The console for progress and errors."""
    return Console(stderr=True, highlight=False)


def show_error(message: str) -> None:
    """One line; a terminal may wrap it."""
    line = Text.assemble(("error: ", "bold red"), " ".join(message.split()))
    messages().print(line, soft_wrap=True)


@contextmanager
def model_progress() -> Iterator["Progress"]:
    """A progress bar for preparing a model; nothing is drawn unless there is something to do."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        SpinnerColumn(),
        TextColumn("preparing the model, once: {task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=messages(),
    )
    task = bar.add_task("", total=1.0, start=False)

    def report(phase: str, done: float) -> None:
        if not bar.live.is_started:
            bar.start()
            bar.start_task(task)
        bar.update(task, description=phase, completed=done)

    try:
        yield report
        if bar.live.is_started:
            bar.update(task, description="done", completed=1.0)
    finally:
        if bar.live.is_started:
            bar.stop()
