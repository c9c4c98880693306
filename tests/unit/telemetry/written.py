"""A played session whose spans are read from files again, as `duologue trace` does."""

from collections.abc import Sequence
from pathlib import Path

from opentelemetry.trace import SpanContext

from duologue.floor_settings import FloorSettings
from duologue.service_settings import TelemetrySettings
from duologue.telemetry import names
from duologue.telemetry.span_reading import SpanRow, read_trace
from duologue.telemetry.trace_ids import slice_span_id
from duologue.telemetry.tracing import Tracing
from tests.unit.session.stage import Setting
from tests.unit.telemetry.traced import SESSION, START_MS, Memory, TracedStage

LATE_TICK = 7
REPLIES = ("Well.", "It is fine today, and it will be fine tomorrow.", "A little colder.")
"""The first one is withdrawn."""


class Written(Memory):
    """A process whose spans go to files."""

    def __init__(self, folder: Path) -> None:
        settings = TelemetrySettings(trace_dir=str(folder))
        self.tracing = Tracing.start(settings, "session", instance="session-1")


def played(
    folder: Path,
    *,
    question: Sequence[str] = ("How", " is the", " weather?"),
    replies: Sequence[str] = REPLIES,
    records_text: bool = True,
) -> list[SpanRow]:
    """A question that is answered, held and taken back on the way; another, long after, which is
    cut; and a late tick that carried the first slice."""
    written = Written(folder)
    setting = Setting(replies=replies, floor=FloorSettings(confirm_above=1.01))
    stage = TracedStage(written, setting, records_text=records_text, continues_within_ms=1200)
    stage.trace.record(names.SESSION_OPEN, START_MS - 60, START_MS - 10)
    stage.say("How?")
    stage.tick()
    for piece in question:
        stage.say(piece, "b")
        stage.tick()
    stage.settle()
    stage.wait(30_000)
    stage.say("And now?", "c", is_final=True)
    stage.settle()
    stage.close()
    context = stage.trace.context
    assert context is not None
    first = stage.slices[0].tick
    carried = SpanContext(context.trace_id, slice_span_id(SESSION, 1, first), is_remote=True)
    late = {
        names.TICK: LATE_TICK,
        names.IS_LATE: True,
        names.NUM_FORWARDS: 4,
        names.NUM_MISSES: 1,
        names.DEADLINE_MS: 160.0,
    }
    written.tracing.record(
        names.BATCH_TICK, START_MS + 100, START_MS + 380, attributes=late, links=[carried]
    )
    written.tracing.shutdown()
    return read_trace(folder, SESSION)
