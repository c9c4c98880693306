"""Tracing into memory, and a stage whose session is traced."""

from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from duologue.clock import ManualClock
from duologue.events import ClientEvent, ServerEvent
from duologue.lane.slices import Slice
from duologue.service_settings import TelemetrySettings
from duologue.telemetry.decision_rules import DecisionRules
from duologue.telemetry.session_spans import SessionSpans
from duologue.telemetry.session_trace import SessionTrace
from duologue.telemetry.tracing import Tracing
from tests.unit.session.stage import Setting, Stage

START_MS = 1_700_000_000_000.0
SESSION = "ses_0123456789abcdefghijkl"


class Memory:
    """A process whose spans are kept in memory."""

    def __init__(self, settings: TelemetrySettings | None = None) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracing = Tracing(settings or TelemetrySettings(), "test", "test-1", self._exporter)

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        assert self.tracing.provider.force_flush()
        found = self._exporter.get_finished_spans()
        return [span for span in found if name in (None, span.name)]


class TracedStage(Stage):
    """Tells the spans of a session what happens to it, as its actor does."""

    def __init__(
        self,
        memory: Memory,
        setting: Setting | None = None,
        *,
        records_text: bool = False,
        **decoding: Any,
    ) -> None:
        super().__init__(setting, **decoding)
        self.clock = ManualClock(START_MS)
        self.trace = SessionTrace(memory.tracing, SESSION, "acme", 1)
        rules = DecisionRules.of(self.setup)
        self.spans = SessionSpans(self.trace, records_text=records_text, rules=rules)

    def send(self, event: ClientEvent) -> list[ServerEvent]:
        told = super().send(event)
        self.spans.received(event, self.clock.now_ms())
        return told

    def depart(self) -> Slice | None:
        work = super().depart()
        if work is not None:
            self.spans.departed(work, self.clock.now_ms())
        return work

    def arrive(self) -> list[ServerEvent]:
        told_before = len(self.envelopes)
        self.wait(20)
        told = super().arrive()
        envelopes = self.envelopes[told_before:]
        self.spans.arrived(self.results[-1], envelopes, self.clock.now_ms())
        return told

    def elapse(self, ms: float = 0.0) -> list[ServerEvent]:
        told_before = len(self.envelopes)
        told = super().elapse(ms)
        self.spans.elapsed(self.envelopes[told_before:], self.clock.now_ms())
        return told

    def close(self) -> None:
        self.spans.closed(self.session.usage, self.clock.now_ms())
