"""Spans and metrics of a batching actor, from what its loop tells."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from opentelemetry.trace import SpanContext

from duologue.batching.load_plan import Load, LoadPlan
from duologue.batching.observer import LoopObserver
from duologue.batching.roster import Sitting
from duologue.batching.tenant_turns import Served
from duologue.batching.tick_account import TickRecord
from duologue.clock import TickClock
from duologue.cluster_status import Shedding
from duologue.lane.slices import SliceResult
from duologue.session.slicing import usage_of
from duologue.telemetry import names
from duologue.telemetry.metrics import BatcherMetrics
from duologue.telemetry.trace_ids import exemplar, session_context, slice_span_id
from duologue.telemetry.tracing import MAX_LINKS, Attributes, Tracing

_LEVELS = {level: number for number, level in enumerate(Shedding)}
_REMEMBERED_TICKS = 64


@dataclass(frozen=True, slots=True)
class _TickSlice:
    """A slice that a tick carried."""

    session: SpanContext
    session_id: str
    epoch: int
    tick: int

    def link(self) -> SpanContext:
        """The span of the slice, which the session's own process writes, if it is traced."""
        span_id = slice_span_id(self.session_id, self.epoch, self.tick)
        flags = self.session.trace_flags
        return SpanContext(self.session.trace_id, span_id, is_remote=True, trace_flags=flags)


@dataclass(slots=True)
class _Carried:
    """Slices of a tick that is not over yet."""

    traced: list[_TickSlice] = field(default_factory=list)
    others: list[_TickSlice] = field(default_factory=list)
    """Of sessions that are not traced: they count if the tick is late."""
    slowest: SpanContext | None = None
    """The traced session whose slice took longest."""
    slowest_ms: float = -1.0


class BatchObserver(LoopObserver):
    """A span per tick that carried a traced slice, with links to such slices; and metrics of all.

    A late tick always has a span, with links to all its slices: those of traced sessions first.
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
        if self._tracing.is_on and sitting.work is not None:
            carried = self._carried_in(self._ticks.tick_at(sitting.work.taken_ms))
            session = session_context(sitting.session_id, self._tracing.settings.sample_ratio)
            is_traced = session.trace_flags.sampled
            took_ms = now_ms - sitting.work.taken_ms
            if is_traced and took_ms > carried.slowest_ms:
                carried.slowest, carried.slowest_ms = session, took_ms
            parts = carried.traced if is_traced else carried.others
            if len(parts) < MAX_LINKS:
                parts.append(_TickSlice(session, sitting.session_id, sitting.epoch, result.tick))

    def tick_began(self, load: Load) -> None:
        self._metrics.shedding_level.set(_LEVELS[load.shedding])  # also when nobody is there

    def tick_over(self, record: TickRecord, plan: LoadPlan) -> None:
        metrics = self._metrics
        carried = self._carried.pop(record.tick, None) or _Carried()
        metrics.ticks.inc()
        metrics.tick_duration.observe(record.longest_ms / 1e3, exemplar(carried.slowest))
        metrics.missed_ticks.inc(record.is_late)
        metrics.missed_slices.inc(record.num_misses)
        if record.is_late and self._tracing.is_on:
            self._record(record, plan, [*carried.traced, *carried.others][:MAX_LINKS])
        elif carried.traced and self._tracing.settings.slices:
            self._record(record, plan, carried.traced)

    def tenants_served(self, served: Mapping[str, Served]) -> None:
        self._metrics.tenants.served(served)

    def cells_reclaimed(self) -> None:
        self._metrics.kv_reclaims.inc()

    def _carried_in(self, tick: int) -> _Carried:
        carried = self._carried.setdefault(tick, _Carried())
        while len(self._carried) > _REMEMBERED_TICKS:
            self._carried.popitem(last=False)
        return carried

    def _record(self, record: TickRecord, plan: LoadPlan, parts: Sequence[_TickSlice]) -> None:
        start_ms = self._ticks.start_of(record.tick)
        told: Attributes = {
            names.TICK: record.tick,
            names.MODEL: self._model,
            names.NUM_SLICES: record.num_slices,
            names.NUM_FORWARDS: record.num_forwards,
            names.NUM_ROWS: record.num_rows,
            names.FORWARD_MS: record.forward_ms,
            names.DEADLINE_MS: self._ticks.period_ms,
            names.IS_LATE: record.is_late,
            names.NUM_MISSES: record.num_misses,
            names.SHEDDING: str(plan.shedding),
        }
        end_ms, links = start_ms + record.longest_ms, [part.link() for part in parts]
        self._tracing.record(names.BATCH_TICK, start_ms, end_ms, attributes=told, links=links)
