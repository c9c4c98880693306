"""A batching actor's ticks as spans that are linked to their slices, and as metrics."""

from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from duologue.batching.load_plan import CALM_TICKS, LoadPlan
from duologue.clock import TickClock
from duologue.cluster_status import Shedding
from duologue.service_settings import TelemetrySettings
from duologue.telemetry import names
from duologue.telemetry.batch_observer import BatchObserver
from duologue.telemetry.metrics import BatcherMetrics
from duologue.telemetry.trace_ids import session_context, slice_span_id, trace_id_of
from tests.unit.batching.stage import TICK_MS, Stage
from tests.unit.telemetry.traced import Memory


class Observed:
    """A loop that is looked at."""

    def __init__(self, settings: TelemetrySettings | None = None) -> None:
        self.memory = Memory(settings)
        self.metrics = BatcherMetrics()
        ticks = TickClock(0.0, TICK_MS)
        observer = BatchObserver(self.memory.tracing, self.metrics, ticks, "tiny")
        self.stage = Stage(observer=observer)

    def close(self) -> None:
        self.memory.tracing.shutdown()

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def play(self, *sessions: str, reply_tokens: int = 2) -> None:
        """One slice of each session in tick 1."""
        stage = self.stage
        for stream, session in enumerate(sessions):
            stage.take(stream, session)
        stage.go_to_tick(1)
        for stream, session in enumerate(sessions):
            stage.ask(stream, session, reply_tokens=reply_tokens)
        stage.run_until_idle()
        stage.go_to_tick(9)


def linked(span: ReadableSpan) -> set[tuple[int, int]]:
    return {(link.context.trace_id, link.context.span_id) for link in span.links}


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_tick_is_linked_to_the_slices_that_it_carried() -> None:
    observed = Observed()
    observed.play("ses_a", "ses_b")
    (tick,) = observed.memory.spans(names.BATCH_TICK)
    assert linked(tick) == {
        (trace_id_of(name), slice_span_id(name, 1, 1)) for name in ("ses_a", "ses_b")
    }
    told = attributes(tick)
    assert (told[names.TICK], told[names.NUM_SLICES], told[names.NUM_FORWARDS]) == (1, 2, 2)
    assert told[names.IS_LATE] is False
    assert tick.start_time == TICK_MS * 1e6
    assert tick.end_time == (TICK_MS + 20) * 1e6, "two forwards"
    observed.close()


def test_a_late_tick_says_so() -> None:
    observed = Observed()
    observed.play("ses_a", reply_tokens=12)
    (tick,) = observed.memory.spans(names.BATCH_TICK)
    assert attributes(tick)[names.IS_LATE] is True
    assert observed.value(f"{names.MISSED_TICKS}_total") == 1
    assert observed.value(f"{names.MISSED_SLICES}_total") == 1
    observed.close()


def session_that_is(*, traced: bool, ratio: float) -> str:
    """The name of one that is sampled, or of one that is not."""
    names_in_order = (f"ses_{number}" for number in range(1000))
    return next(
        name
        for name in names_in_order
        if session_context(name, ratio).trace_flags.sampled is traced
    )


def test_a_late_tick_is_kept_whoever_is_traced() -> None:
    """Its links tell whom it struck; those whose spans are there come first."""
    ratio = 0.3
    left_out = session_that_is(traced=False, ratio=ratio)
    traced = session_that_is(traced=True, ratio=ratio)
    observed = Observed(TelemetrySettings(sample_ratio=ratio))
    observed.play(left_out, traced, reply_tokens=12)
    (tick,) = observed.memory.spans(names.BATCH_TICK)
    assert attributes(tick)[names.DEADLINE_MS] == TICK_MS
    assert [link.context.trace_id for link in tick.links] == [
        trace_id_of(traced),
        trace_id_of(left_out),
    ]
    observed.close()


def test_a_tick_in_time_tells_only_of_those_who_are_traced() -> None:
    observed = Observed(TelemetrySettings(sample_ratio=0.3))
    observed.play(session_that_is(traced=False, ratio=0.3))
    assert observed.memory.spans() == []
    observed.close()


def test_a_late_tick_is_kept_also_without_single_slices() -> None:
    observed = Observed(TelemetrySettings(slices=False))
    observed.play("ses_a", reply_tokens=12)
    assert len(observed.memory.spans(names.BATCH_TICK)) == 1
    observed.close()


def test_without_tracing_no_tick_is_kept() -> None:
    """A ratio of 0 leaves tracing without anything to write to."""
    observed = Observed(TelemetrySettings(sample_ratio=0.0))
    observed.memory.tracing.is_on = False
    observed.play("ses_a", reply_tokens=12)
    assert observed.memory.spans() == []
    observed.close()


@pytest.mark.parametrize(
    "settings", [TelemetrySettings(sample_ratio=0.0), TelemetrySettings(slices=False)]
)
def test_ticks_without_traced_slices_have_no_spans(settings: TelemetrySettings) -> None:
    observed = Observed(settings)
    observed.play("ses_a")
    assert observed.memory.spans() == []
    assert observed.value(f"{names.TICKS}_total") == 1, "but they are counted"
    observed.close()


def test_what_is_left_out_is_told_also_when_nobody_is_there() -> None:
    observed = Observed()
    stage = observed.stage
    stage.loop.plan = LoadPlan(Shedding.ADMISSION, 1)
    stage.go_to_tick(1)
    assert observed.value(names.SHEDDING_LEVEL) == 3
    for tick in range(2, 2 + CALM_TICKS):
        stage.go_to_tick(tick)
    assert stage.loop.plan.admits
    assert observed.value(names.SHEDDING_LEVEL) == 2
    observed.close()


def test_memory_that_runs_out_is_counted() -> None:
    observed = Observed()
    observed.play("ses_idle")
    observed.stage.engine.runs_out_of_memory = True
    observed.stage.ask(0, "ses_idle")
    observed.stage.run_until_idle()
    assert observed.value(f"{names.KV_RECLAIMS}_total") == 1
    observed.close()


def test_forwards_and_slices_are_measured() -> None:
    observed = Observed()
    observed.play("ses_a", "ses_b")
    assert observed.value(f"{names.SLICES}_total") == 2
    assert observed.value(f"{names.FORWARD_DURATION}_count") == 2
    assert observed.value(f"{names.FORWARD_DURATION}_sum") == pytest.approx(0.02)
    assert observed.value(f"{names.BATCH_ROWS}_sum") == 4
    assert observed.value(f"{names.TICK_DURATION}_sum") == pytest.approx(0.02)
    assert observed.value(names.TICK_DEADLINE) == pytest.approx(0.1)
    observed.close()
