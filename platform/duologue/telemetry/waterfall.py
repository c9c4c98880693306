"""A session's spans as a waterfall for the terminal."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table
from rich.text import Text

from duologue.telemetry import names
from duologue.telemetry.span_reading import SpanRow

_STYLES = {
    names.TURN: "cyan",
    names.SLICE: "green",
    names.BATCH_TICK: "magenta",
}
_MARKS = {
    names.INPUT_STATE: "·",
    names.RESPONSE_STARTED: "▶",
    names.INTERRUPTED: "✂",
    names.RESPONSE_PAUSED: "‖",
    names.RESPONSE_RESUMED: "↻",
    names.TAKEN_BACK_UNSEEN: "×",
}
_SHOWN = (
    (names.STATE, ""),
    (names.INPUT_TEXT, ""),
    (names.FIRST_TEXT_MS, "first text {:.0f} ms"),
    (names.HELD_MS, "held {:.0f} ms"),
    (names.CONFIRMED_BY, "by {}"),
    (names.FINISH_REASONS, ""),
    (names.OUTPUT_TEXT, ""),
    (names.RELAY_IN_MS, "to the session after {:.0f} ms"),
    (names.RELAY_OUT_MS, "back to the client in {:.0f} ms"),
    (names.BATCHING_MS, "{:.0f} ms at the batching actor"),
    (names.NUM_RECORDS, "{} records"),
    (names.OUTPUT_TOKENS, "{} tokens said"),
    (names.DISCARDED_TOKENS, "{} thrown away"),
    (names.INPUT_TOKENS, "{} heard"),
    (names.NUM_SLICES, "{} slices"),
    (names.NUM_FORWARDS, "{} forwards"),
    (names.NUM_ROWS, "{} rows"),
    (names.SHEDDING, "shedding {}"),
    (names.ERROR_TYPE, "{}"),
)
_MAX_TEXT_CHARS = 40
_BAR = "━"
_MIN_BAR_CHARS, _MAX_BAR_CHARS = 12, 40
_OTHER_CHARS = 68
"""What times, names and details want beside the bars."""


@dataclass(slots=True)
class _Node:
    """A span with those below it."""

    row: SpanRow
    children: list["_Node"] = field(default_factory=list)


def waterfall(
    rows: Sequence[SpanRow], *, width: int, slices: bool = True, max_lines: int = 400
) -> Table:
    """One line per span, under the span that it belongs to, for a terminal of this width.

    A bar shows when a span was: a turn within the session, what is below a turn within that turn.
    Of more than `max_lines` lines the last are shown.
    """
    bar_chars = min(_MAX_BAR_CHARS, max(_MIN_BAR_CHARS, width - _OTHER_CHARS))
    legend = "· judged  ▶ reply starts  ‖ pauses  ↻ goes on  ✂ cut off  × taken back unseen"
    table = Table(box=None, pad_edge=False, header_style="dim", caption=legend)
    table.add_column("at", justify="right", no_wrap=True)
    table.add_column("span", no_wrap=True)
    table.add_column("", no_wrap=True, min_width=bar_chars)
    table.add_column("took", justify="right", no_wrap=True)
    table.add_column("")
    start_ms = min(row.start_ms for row in rows)
    end_ms = max(row.end_ms for row in rows)
    lines = [
        line for node in _tree(rows) for line in _lines(node, 0, (start_ms, end_ms), slices=slices)
    ]
    hidden = max(0, len(lines) - max_lines)
    if hidden:
        table.add_row("", Text(f"{hidden} spans before these", style="dim"))
    for row, depth, span in lines[hidden:]:
        style = "bold red" if row.is_error else _STYLES.get(row.name, "yellow")
        table.add_row(
            Text(_seconds(row.start_ms - start_ms), style="dim"),
            Text("  " * depth + row.name, style=style),
            _bar(row, span, bar_chars, style),
            f"{row.duration_ms:.0f} ms",
            Text(_details(row.attributes), style="dim"),
        )
    return table


_Line = tuple[SpanRow, int, tuple[float, float]]


def _lines(node: _Node, depth: int, scale: tuple[float, float], *, slices: bool) -> Iterator[_Line]:
    if not slices and node.row.name in (names.SLICE, names.BATCH_TICK):
        return
    yield node.row, depth, scale
    is_turn = node.row.name == names.TURN
    below = (node.row.start_ms, node.row.end_ms) if is_turn else scale
    for child in node.children:
        yield from _lines(child, depth + 1, below, slices=slices)


def _tree(rows: Sequence[SpanRow]) -> list[_Node]:
    """The spans without a parent among them, with what belongs to them, all by their start.

    A tick stands below the first of the session's slices that it carried.
    """
    nodes = {(row.trace_id, row.span_id): _Node(row) for row in rows}
    below: dict[tuple[str, str], list[_Node]] = defaultdict(list)
    roots = []
    for node in nodes.values():
        row = node.row
        parents = [(row.trace_id, row.parent_id), *row.links]
        parent = next((each for each in parents if each in nodes), None)
        if parent is None:
            roots.append(node)
        else:
            below[parent].append(node)
    for key, children in below.items():
        nodes[key].children = sorted(children, key=lambda node: node.row.start_ms)
    return sorted(roots, key=lambda node: node.row.start_ms)


def _bar(row: SpanRow, scale: tuple[float, float], num_chars: int, style: str) -> Text:
    def place(at_ms: float) -> int:
        share = (at_ms - scale[0]) / max(scale[1] - scale[0], 1e-3)
        return min(num_chars - 1, max(0, int(share * num_chars)))

    first, last = place(row.start_ms), place(row.end_ms)
    chars = [" "] * num_chars
    chars[first : last + 1] = _BAR * (last + 1 - first)
    for event in row.events:
        if event.name in _MARKS:
            chars[place(event.at_ms)] = _MARKS[event.name]
    return Text("".join(chars), style=style)


def _details(attributes: Mapping[str, Any]) -> str:
    told = []
    for name, form in _SHOWN:
        if (value := attributes.get(name)) is None or value == "none":
            continue
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        told.append(form.format(value) if form else _shortened(str(value)))
    return "  ".join(told)


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_TEXT_CHARS else text[: _MAX_TEXT_CHARS - 1] + "…"


def _seconds(ms: float) -> str:
    return f"{ms / 1e3:.3f}s"
