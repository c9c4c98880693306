"""Spans of one session under one parent, as every process that has to do with it writes them."""

from opentelemetry.trace import Span, SpanContext, Status, StatusCode

from duologue.telemetry import names
from duologue.telemetry.trace_ids import inject
from duologue.telemetry.tracing import Attributes, Tracing, end


class SessionTrace:
    """Spans of a session under one parent. When the session is not traced, nothing is done."""

    def __init__(self, tracing: Tracing, session_id: str, tenant_id: str, epoch: int) -> None:
        self.tracing = tracing
        self.context = tracing.context_of(session_id)
        self.session_id = session_id
        self.epoch = epoch
        self._named: Attributes = {
            names.SESSION_ID: session_id,
            names.CONVERSATION_ID: session_id,
            names.TENANT: tenant_id,
            names.EPOCH: epoch,
        }

    @property
    def traceparent(self) -> str:
        """Where the trace goes on, for another process; empty when the session is not traced."""
        return inject(self.context) if self.context is not None else ""

    def begin(
        self, name: str, start_ms: float, attributes: Attributes | None = None
    ) -> Span | None:
        """A span that has begun, directly below the session."""
        if self.context is None:
            return None
        named = {**self._named, **(attributes or {})}
        return self.tracing.begin(name, start_ms, parent=self.context, attributes=named)

    def record(
        self,
        name: str,
        start_ms: float,
        end_ms: float,
        attributes: Attributes | None = None,
        *,
        parent: SpanContext | None = None,
        span_id: int | None = None,
        error: str | None = None,
    ) -> None:
        """A span that is over; `error` says why it did not end well."""
        if self.context is None:
            return
        named = {**self._named, **(attributes or {})}
        above = parent or self.context
        span = self.tracing.begin(name, start_ms, parent=above, attributes=named, span_id=span_id)
        if error is not None:
            span.set_attribute(names.ERROR_TYPE, error)
            span.set_status(Status(StatusCode.ERROR, error))
        end(span, end_ms)
