"""Tables: what is shown in them is whole, whatever room there is."""

from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from duologue.cli.tables import TITLE_LINES, Column, Room, table
from duologue.cli.top_picture import PlatformSnapshot, picture
from duologue.v1 import admin_pb2 as admin
from duologue.v1.conversation_pb2 import SESSION_STATUS_ASLEEP, SESSION_STATUS_LIVE, Session

if TYPE_CHECKING:
    from rich.console import RenderableType

cells = st.text("abc[]語", max_size=12)


def lines_of(drawn: "RenderableType", width: int) -> list[str]:
    paper = StringIO()
    Console(file=paper, width=width, highlight=False).print(drawn)
    return paper.getvalue().splitlines()


@st.composite
def contents(draw: st.DrawFn) -> tuple[list[Column], list[list[str]]]:
    count = draw(st.integers(1, 6))
    ranks = [0, *draw(st.lists(st.integers(1, 4), min_size=count - 1, max_size=count - 1))]
    columns = [Column(f"c{number}", rank, draw(st.booleans())) for number, rank in enumerate(ranks)]
    row = st.lists(cells, min_size=count, max_size=count)
    return columns, draw(st.lists(row, max_size=5))


def _needs(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> int:
    """The width of a table of all of it."""
    widths = [
        max(len(column.heading), *(Text(row[number]).cell_len for row in rows), 0)
        for number, column in enumerate(columns)
    ]
    return sum(widths) + 2 * (len(widths) - 1)


@given(contents(), st.integers(24, 90))
def test_what_is_shown_is_whole_and_as_much_as_there_is_room_for(
    content: tuple[list[Column], list[list[str]]], width: int
) -> None:
    columns, rows = content
    title = "A title that is longer than that."
    lines = lines_of(table(title, columns, rows, Room(width)), width)
    assert len(lines) == TITLE_LINES + len(rows)
    if _needs(columns, rows) > width:
        best = [n for n, column in enumerate(columns) if f"c{n}" in lines[1].split()]
        gone = [column.rank for n, column in enumerate(columns) if n not in best]
        assert min(gone) > max(columns[n].rank for n in best)
    else:
        best = list(range(len(columns)))
    assert lines[1].split() == [f"c{n}" for n in best]
    for line, row in zip(lines[TITLE_LINES:], rows, strict=True):
        assert line.split() == [row[n] for n in best if row[n]]


def test_the_lowest_columns_stay_and_go_on_in_the_next_line() -> None:
    name = "ses_abcdefghijklmnopqrst"
    drawn = table("T", (Column("session"), Column("more", 1)), [(name, "x")], Room(10))
    lines = lines_of(drawn, 10)
    assert "".join(line.strip() for line in lines[TITLE_LINES:]) == name


def test_what_was_left_out_is_said() -> None:
    columns = (Column("name"), Column("one", 1), Column("", 1), Column("two", 2))
    rows = [("n", "x" * 30, "", "y" * 30), ("m", "", "", "")]
    drawn = table("T", columns, rows, Room(70, TITLE_LINES + 1))
    assert lines_of(drawn, 70)[0].rstrip() == "T  (1 of 2 fit)"
    drawn = table("T", columns, rows, Room(60))
    assert lines_of(drawn, 60)[0].rstrip() == "T  (--wide also shows: two)"


def test_ticks_rows_and_cells_fit_beside_a_long_name_also_when_something_is_left_out() -> None:
    busy = admin.Batcher(
        batcher_id="model-SmolLM2-135M-Instruct-hb9p6pc1",
        sessions=64,
        max_sessions=64,
        shedding="look_ahead",
        is_healthy=True,
        late_tick_share=0.125,
        tick_ms=103,
        deadline_ms=160,
        rows_per_forward=31.5,
        held_cells=512,
        max_cells=4_096,
    )
    calm = admin.Batcher()
    calm.CopyFrom(busy)
    calm.shedding = "none"
    name, *figures = "model-SmolLM2-135M-Instruct-hb9p6pc1", "103/160", "ms"
    for batcher, words in (
        (calm, [*figures, "12.5", "%", "31.5", "12.5", "%", "64/64"]),
        (busy, [*figures, "31.5", "12.5", "%", "look_ahead"]),
    ):
        told = admin.ListNodesResponse(batchers=[batcher])
        snapshot = PlatformSnapshot(admin.GetCapacityResponse(), told, [], [], limit=1)
        lines = lines_of(picture(snapshot, Room(80)), 80)
        assert [name, *words] in [line.split() for line in lines]


@settings(max_examples=25)
@given(*[st.sampled_from((0, 1, 2, 5, 40))] * 4, st.integers(13, 60))
def test_a_picture_of_top_fits_the_screen(
    num_nodes: int, num_batchers: int, num_tenants: int, num_sessions: int, height: int
) -> None:
    sessions = [
        Session(
            session_id=f"ses_abcdefghijklmnopqrst{number:02}",
            tenant_id=f"t{number % 3}",
            status=SESSION_STATUS_LIVE if number % 2 else SESSION_STATUS_ASLEEP,
        )
        for number in range(num_sessions)
    ]
    batcher = admin.Batcher(batcher_id="b" * 20, deadline_ms=160, tick_ms=170, max_sessions=64)
    snapshot = PlatformSnapshot(
        admin.GetCapacityResponse(max_sessions=7),
        admin.ListNodesResponse(
            nodes=[admin.Node(node_id="n")] * num_nodes, batchers=[batcher] * num_batchers
        ),
        [admin.Tenant(tenant_id=f"t{number}") for number in range(num_tenants)],
        sessions,
        limit=1_000,
    )
    lines = lines_of(picture(snapshot, Room(80, height)), 80)
    assert len(lines) <= height
    assert all(Text(line).cell_len <= 80 for line in lines)
    names = [line.split()[0] for line in lines if line.startswith("ses_")]
    in_order = [*sessions[1::2], *sessions[::2]]
    assert names == [each.session_id for each in in_order][: len(names)]
    if num_sessions:
        assert names
