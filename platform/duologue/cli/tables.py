"""Tables in which names are whole: where there is no room, other columns are left out.

What is piped is as wide as it needs to be, so that names can be copied from it into other commands.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from duologue.cli.terminal import output

if TYPE_CHECKING:
    from rich.console import RenderableType

TITLE_LINES = 2
"""Of a table: its title and its headings."""
_GAP = 2
_UNBOUNDED_WIDTH = 100_000


@dataclass(frozen=True, slots=True)
class Room:
    """What a picture has to fit into; None is without bound."""

    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    heading: str
    rank: int = 0
    """Where there is no room, the columns of the highest rank go first; those of 0 stay."""
    is_number: bool = False


def table(
    title: str, columns: Sequence[Column], rows: Iterable[Sequence[str | Text]], room: Room
) -> "RenderableType":
    """A table of plain text; a cell that is a `Text` brings its own style.

    What had to be left out for want of room is said beside the title.
    """
    from rich.console import Group
    from rich.table import Table

    texts = [[Text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    shown = _fitting(columns, texts, room.width)
    made = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for number in shown:
        # A name that is wider than the terminal goes on in the next line.
        made.add_column(
            Text(columns[number].heading),
            justify="right" if columns[number].is_number else "left",
            overflow="fold",
        )
    fitting = texts if room.height is None else texts[: max(0, room.height - TITLE_LINES)]
    for row in fitting:
        made.add_row(*(row[number] for number in shown))
    hints = [f"{len(fitting)} of {len(texts)} fit"] if len(fitting) < len(texts) else []
    gone = [each.heading for number, each in enumerate(columns) if number not in shown]
    if headings := ", ".join(filter(None, gone)):
        hints.append(f"--wide also shows: {headings}")
    hint = f"  ({'; '.join(hints)})" if hints else ""
    heading = Text.assemble((title, "bold cyan"), (hint, "dim"), no_wrap=True, overflow="ellipsis")
    return Group(heading, made)


def print_whole(drawn: "RenderableType") -> None:
    """Print something that was drawn for room without bound, each line of it in one line."""
    console = output()
    console.width = _UNBOUNDED_WIDTH
    console.print(drawn, crop=False)


def _fitting(
    columns: Sequence[Column], rows: Sequence[Sequence[Text]], width: int | None
) -> list[int]:
    """The numbers of the columns that there is something in, and room for."""
    widths = [
        max([len(column.heading), *(row[number].cell_len for row in rows)])
        for number, column in enumerate(columns)
    ]
    shown = [number for number, its_width in enumerate(widths) if its_width]
    while width is not None and sum(widths[n] + _GAP for n in shown) - _GAP > width:
        highest = max(columns[number].rank for number in shown)
        if highest == 0:
            break
        shown = [number for number in shown if columns[number].rank < highest]
    return shown
