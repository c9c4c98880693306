"""What measuring commands show while they work and when they are done."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.terminal import messages, output

if TYPE_CHECKING:
    from duologue.evaluation.targets import TargetOutcome

AdapterOption = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        help="A folder with a state adapter; without it, the one shipped for the model.",
        show_default=False,
    ),
]

Count = Callable[[str, int], Callable[[int], None]]
"""count(what, total) begins a bar and returns advance(number)."""


@contextmanager
def bars() -> Iterator[Count]:
    """Progress bars, one below the other."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=messages()) as progress:

        def count(what: str, total: int) -> Callable[[int], None]:
            task = progress.add_task(what, total=total)
            return lambda number: progress.advance(task, number)

        yield count


def print_outcomes(outcomes: "Sequence[TargetOutcome]") -> None:
    """Targets with what was measured."""
    from rich.table import Table

    table = Table("figure", "measured", "target", "", box=None)
    for each in outcomes:
        if each.measured is None or each.verdict is None:
            continue
        style = "green" if each.verdict.is_met else "red"
        verdict = f"[{style}]{each.verdict}[/{style}]"
        table.add_row(each.target.name, f"{each.measured:.3f}", str(each.target), verdict)
    output().print(table)


def print_report(folder: Path) -> None:
    """Where the report lies."""
    from duologue.evaluation.report import PAGE_FILE

    output().print(f"report: {folder / PAGE_FILE}", soft_wrap=True)


def print_report_json(folder: Path) -> None:
    """The report itself, as its file has it."""
    from duologue.evaluation.report import JSON_FILE

    print((folder / JSON_FILE).read_text(encoding="utf-8"), end="")
