"""Spans and metrics of a batching actor, from what its loop tells."""

from collections import OrderedDict
from dataclasses import dataclass, field

from opentelemetry.trace import SpanContext, TraceFlags

from duologue.batching.load_plan import Load, LoadPlan
from duologue.batching.observer import Observer
from duologue.batching.roster import Sitting
from duologue.batching.tick_account import TickRecord
from duologue.clock import TickClock
from duologue.cluster_status import Shedding
from duologue.lane.slices import SliceResult
from duologue.session.slicing import usage_of
from duologue.telemetry import names
from duologue.telemetry.metrics import BatcherMetrics
from duologue.telemetry.trace_ids import exemplar, slice_span_id
from duologue.telemetry.tracing import MAX_LINKS, Attributes, Tracing

_LEVELS = {level: number for number, level in enumerate(Shedding)}
_REMEMBERED_TICKS = 64


@dataclass(slots=True)
class _Carried:
    """Traced slices of a tick that is not over yet."""

    links: list[SpanContext] = field(default_factory=list)
    slowest: SpanContext | None = None
    """The session whose slice took longest."""
    slowest_ms: float = -1.0


class BatchObserver(Observer):
    """A span per tick that carried a traced slice, with links to such slices; and metrics of all.

    A slice belongs to the tick in which it was taken in, as in the account of ticks. A tick's
    exemplar is the session, of those that are traced, whose slice took longest.
    """

    def __init__(
        self, tracing: Tracing, metrics: BatcherMetrics, ticks: TickClock, model: str
    ) -> None:
        self._tracing = tracing
        self._metrics = metrics
        self._ticks = ticks
        self._model = model
        self._carried: OrderedDict[int, _Carried] = OrderedDict()
        self._heard, self._said = (metrics.tokens.labels(each) for each in ("in", "out"))
        metrics.tick_deadline.set(ticks.period_ms / 1e3)

    def forward_over(self, took_ms: float, num_rows: int) -> None:
        self._metrics.forward_duration.observe(took_ms / 1e3)
        self._metrics.batch_rows.observe(num_rows)

    def slice_over(self, sitting: Sitting, result: SliceResult, now_ms: float) -> None:
        metrics = self._metrics
        metrics.slices.inc()
        used = usage_of(result)
        self._heard.inc(used.input_tokens)
        self._said.inc(used.output_tokens)
        session = self._tracing.context_of(sitting.session_id)
        if session is not None and sitting.work is not None:
            carried = self._carried_in(self._ticks.tick_at(sitting.work.taken_ms))
            took_ms = now_ms - sitting.work.taken_ms
            if took_ms > carried.slowest_ms:
                carried.slowest, carried.slowest_ms = session, took_ms
            if self._tracing.settings.slices and len(carried.links) < MAX_LINKS:
                carried.links.append(_link(session, sitting, result.tick))

    def tick_began(self, load: Load) -> None:
        self._metrics.shedding_level.set(_LEVELS[load.shedding])  # also when nobody is there

    def tick_over(self, record: TickRecord, plan: LoadPlan) -> None:
        metrics = self._metrics
        carried = self._carried.pop(record.tick, None) or _Carried()
        metrics.ticks.inc()
        metrics.tick_duration.observe(record.longest_ms / 1e3, exemplar(carried.slowest))
        metrics.missed_ticks.inc(record.is_late)
        metrics.missed_slices.inc(record.num_misses)
        if carried.links:
            self._record(record, plan, carried.links)

    def cells_reclaimed(self) -> None:
        self._metrics.kv_reclaims.inc()

    def _carried_in(self, tick: int) -> _Carried:
        carried = self._carried.setdefault(tick, _Carried())
        while len(self._carried) > _REMEMBERED_TICKS:
            self._carried.popitem(last=False)
        return carried

    def _record(self, record: TickRecord, plan: LoadPlan, links: list[SpanContext]) -> None:
        start_ms = self._ticks.start_of(record.tick)
        told: Attributes = {
            names.TICK: record.tick,
            names.MODEL: self._model,
            names.NUM_SLICES: record.num_slices,
            names.NUM_FORWARDS: record.num_forwards,
            names.NUM_ROWS: record.num_rows,
            names.FORWARD_MS: record.forward_ms,
            names.IS_LATE: record.is_late,
            names.NUM_MISSES: record.num_misses,
            names.SHEDDING: str(plan.shedding),
        }
        self._tracing.record(
            names.BATCH_TICK, start_ms, start_ms + record.longest_ms, attributes=told, links=links
        )


def _link(session: SpanContext, sitting: Sitting, tick: int) -> SpanContext:
    """The span of a slice, which the session's own process writes."""
    span_id = slice_span_id(sitting.session_id, sitting.epoch, tick)
    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(session.trace_id, span_id, is_remote=True, trace_flags=flags)
