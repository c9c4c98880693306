"""The turns of a session as a table: the picture in words."""

from collections.abc import Sequence

from duologue.telemetry import names
from duologue.telemetry.trace_page.decision_lane import why
from duologue.telemetry.trace_page.svg import tag, words
from duologue.telemetry.trace_page.turns import TurnRow
from duologue.telemetry.trace_page.work_lanes import traceparent

_HEADINGS = (
    "turn",
    "at",
    "the user said",
    "decision",
    "held",
    "confirmed by",
    "first text",
    "the assistant said",
    "ended",
    "W3C trace context",
)


def turn_table(turns: Sequence[TurnRow], origin_ms: float) -> str:
    """A row for each turn, with a link to where it is in the picture."""
    if not turns:
        return tag("p", "There were none, or none has ended yet.")
    head = tag("thead", tag("tr", *(tag("th", text, scope="col") for text in _HEADINGS)))
    body = tag("tbody", *(_row(turn, origin_ms) for turn in turns))
    return tag("div", tag("table", head, body), class_="wide")


def _row(turn: TurnRow, origin_ms: float) -> str:
    told = turn.told
    place = "user" if turn.heard else "assistant"
    there = tag("a", str(turn.number), href=f"#{place}-{turn.number}")
    taken_back = told.get(names.TAKEN_BACK)
    held = _ms(told.get(names.HELD_MS))
    if taken_back:
        held = f"{held} ({taken_back} withdrawn before)".strip()
    cells = (
        f"{(turn.row.start_ms - origin_ms) / 1e3:.3f} s",
        told.get(names.INPUT_TEXT, ""),
        why(told) if names.STATE in told else "",
        held,
        told.get(names.CONFIRMED_BY, ""),
        _ms(told.get(names.FIRST_TEXT_MS)),
        told.get(names.OUTPUT_TEXT, ""),
        ", ".join(told.get(names.FINISH_REASONS, ())),
    )
    trace = tag("td", tag("code", words(traceparent(turn.row))))
    number = tag("th", there, scope="row")
    return tag(
        "tr", number, *(tag("td", words(cell)) for cell in cells), trace, id=f"turn-{turn.number}"
    )


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} ms"
