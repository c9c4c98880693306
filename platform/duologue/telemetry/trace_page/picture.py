"""The picture of a session: lanes over a time axis, as SVG."""

from collections.abc import Iterator, Sequence

from duologue.telemetry import names
from duologue.telemetry.span_reading import SpanRow
from duologue.telemetry.trace_page import decision_lane, speech_lanes, work_lanes
from duologue.telemetry.trace_page.axis import Axis
from duologue.telemetry.trace_page.lanes import AXIS, HEIGHT_PX, LANES, PictureLane
from duologue.telemetry.trace_page.svg import box, label, line, tag
from duologue.telemetry.trace_page.turns import TurnRow

LABELS_PX = 104.0
GRID_MS = 500.0
LABEL_EVERY_MS = 1_000.0


def picture(rows: Sequence[SpanRow], turns: Sequence[TurnRow]) -> tuple[str, str]:
    """Two drawings of one height: the names of the lanes, and the lanes. There must be a span."""
    axis = Axis.over(_moments(rows))
    origin_ms = min(row.start_ms for row in rows)
    shapes = (
        *_ground(axis, origin_ms),
        *work_lanes.shapes(rows, axis),
        *decision_lane.shapes(turns, axis),
        *speech_lanes.shapes(turns, axis),
    )
    names_of_lanes = (label(lane.title, 4, lane.top_px + 16, "lane-name") for lane in LANES)
    return (
        _drawing(LABELS_PX, "Names of the lanes", *names_of_lanes),
        _drawing(axis.width_px, "What happened when", *shapes, id="picture"),
    )


def _moments(rows: Sequence[SpanRow]) -> Iterator[float]:
    for row in rows:
        yield from (row.start_ms, row.end_ms)
        yield from (event.at_ms for event in row.events)


def _drawing(width_px: float, title: str, *shapes: str, **told: object) -> str:
    return tag(
        "svg",
        tag("title", title),
        *shapes,
        xmlns="http://www.w3.org/2000/svg",
        width=width_px,
        height=HEIGHT_PX,
        viewBox=f"0 0 {width_px:.1f} {HEIGHT_PX:.0f}",
        role="group",
        **told,
    )


def _ground(axis: Axis, origin_ms: float) -> Iterator[str]:
    for lane in LANES[1:]:
        yield _floor(lane, axis.width_px)
    for at_ms in axis.ticks_ms(GRID_MS, origin_ms):
        x = axis.x_of(at_ms)
        yield line(x, AXIS.bottom_px, x, HEIGHT_PX, "grid")
    for at_ms in axis.ticks_ms(LABEL_EVERY_MS, origin_ms):
        seconds = (at_ms - origin_ms) / 1e3
        yield label(f"{seconds:.0f} s", axis.x_of(at_ms) + 3, AXIS.top_px + 16, "time")
    for before, after in axis.cuts:
        width_px = after.left_px - before.right_px
        yield box(before.right_px, AXIS.bottom_px, width_px, HEIGHT_PX - AXIS.bottom_px, "cut")
        gap_s = (after.start_ms - before.end_ms) / 1e3
        yield label(f"… {gap_s:.0f} s", before.right_px + 4, AXIS.bottom_px + 14, "cut-name")


def _floor(lane: PictureLane, width_px: float) -> str:
    return line(0, lane.top_px, width_px, lane.top_px, "floor")


def is_work(row: SpanRow) -> bool:
    """Whether a span is one of the many that slices and ticks have."""
    return row.name in (names.SLICE, names.BATCH_TICK)
