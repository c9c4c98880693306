"""The lanes of the work: slices, the ticks that carried them, and the session's own spans."""

from collections.abc import Iterator, Sequence

from duologue.telemetry import names
from duologue.telemetry.span_reading import SpanRow
from duologue.telemetry.trace_page.axis import Axis
from duologue.telemetry.trace_page.lanes import SESSION, SLICES, TICKS, PictureLane
from duologue.telemetry.trace_page.svg import box, item, label

_SESSION_SPANS = (names.SESSION_OPEN, names.SESSION_RECOVER, names.SESSION_CLOSE)
_BAR_HEIGHT_PX = 14.0
NAME_CHAR_PX = 6.2
_MAX_LINKS = 6
"""Slices that a tick's title names."""
_TOLD = (
    (names.PATIENCE, "patience: {}"),
    (names.STATE, "judged: {}"),
    (names.NUM_SLICES, "{} slices"),
    (names.NUM_FORWARDS, "{} forwards"),
    (names.FORWARD_MS, "{:.0f} ms in forwards"),
    (names.NUM_ROWS, "{} rows"),
    (names.INPUT_TOKENS, "{} tokens heard"),
    (names.OUTPUT_TOKENS, "{} tokens said"),
    (names.DISCARDED_TOKENS, "{} tokens thrown away unseen"),
    (names.DEADLINE_MS, "due after {:.0f} ms"),
    (names.NUM_MISSES, "{} slices late"),
    (names.SHEDDING, "left out: {}"),
    (names.NUM_RECORDS, "{} records of the journal"),
    (names.ERROR_TYPE, "error: {}"),
)


def shapes(rows: Sequence[SpanRow], axis: Axis) -> Iterator[str]:
    """All three lanes."""
    named_until_px = 0.0
    for row in rows:
        if row.name == names.SLICE:
            yield _bar(row, axis, SLICES, "error" if row.is_error else "slice", f"s-{row.span_id}")
        elif row.name == names.BATCH_TICK:
            kind = "late" if row.attributes.get(names.IS_LATE) else "tick"
            yield _bar(row, axis, TICKS, kind, f"t-{row.span_id}")
        elif row.name in _SESSION_SPANS:
            kind = "error" if row.is_error else "session"
            shown, x = row.name.removeprefix("session."), axis.x_of(row.end_ms)
            if x < named_until_px:
                shown = ""
            else:
                named_until_px = x + NAME_CHAR_PX * (len(shown) + 2)
            yield _bar(row, axis, SESSION, kind, f"s-{row.span_id}", shown)


def _bar(row: SpanRow, axis: Axis, lane: PictureLane, kind: str, id_: str, shown: str = "") -> str:
    x, y = axis.x_of(row.start_ms), lane.top_px + 7
    width_px = axis.x_of(row.end_ms) - x
    drawn = [box(x, y, width_px, _BAR_HEIGHT_PX, "bar")]
    forwards = row.attributes.get(names.NUM_FORWARDS)
    if shown:
        drawn.append(label(shown, x + width_px + 4, y + 11, "work-name"))
    elif forwards is not None and width_px > 8.0 * len(str(forwards)):
        drawn.append(label(str(forwards), x + 2, y + 11, "count"))
    return item(_title(row), *drawn, class_=kind, id_=id_)


def _title(row: SpanRow) -> str:
    tick = row.attributes.get(names.TICK)
    late = ", late" if row.attributes.get(names.IS_LATE) else ""
    lines = [f"{row.name}{'' if tick is None else f' {tick}'}, {row.duration_ms:.0f} ms{late}"]
    for name, form in _TOLD:
        if (value := row.attributes.get(name)) not in (None, "none"):
            lines.append(form.format(value))
    lines.append(traceparent(row))
    lines += [f"carried {trace_id}-{span_id}" for trace_id, span_id in row.links[:_MAX_LINKS]]
    if len(row.links) > _MAX_LINKS:
        lines.append(f"and {len(row.links) - _MAX_LINKS} more")
    return "\n".join(lines)


def traceparent(row: SpanRow) -> str:
    """The span as W3C's trace context names it."""
    return f"00-{row.trace_id}-{row.span_id}-01"
