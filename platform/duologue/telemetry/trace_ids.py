"""The ids of a session's trace: known to every process that knows the session's name.

So gateway, session actor and batching actor put their spans into one trace without a message.
"""

from functools import lru_cache
from hashlib import sha256

from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, format_trace_id
from opentelemetry.trace.propagation import get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from duologue.telemetry import names


def trace_id_of(session_id: str) -> int:
    """The first 16 bytes of the SHA-256 of the session's name."""
    return int.from_bytes(sha256(session_id.encode()).digest()[:16])


def slice_span_id(session_id: str, epoch: int, tick: int) -> int:
    """The id of a slice's span, for those who link to it without having seen it."""
    return _span_id(f"{session_id}/{epoch}/{tick}")


@lru_cache(maxsize=1024)
def session_context(session_id: str, ratio: float) -> SpanContext:
    """The parent of all spans of a session; no process ever writes it.

    Sampled or not by the trace's id alone, so that all processes agree on it.
    """
    trace_id = trace_id_of(session_id)
    # As TraceIdRatioBased does it: a share of all values of the id's lower 64 bits.
    is_sampled = trace_id & TraceIdRatioBased.TRACE_ID_LIMIT < TraceIdRatioBased.get_bound_for_rate(
        ratio
    )
    flags = TraceFlags(TraceFlags.SAMPLED if is_sampled else TraceFlags.DEFAULT)
    return SpanContext(trace_id, _span_id(session_id), is_remote=True, trace_flags=flags)


def inject(context: SpanContext) -> str:
    """A span as a W3C traceparent."""
    carrier: dict[str, str] = {}
    around = set_span_in_context(NonRecordingSpan(context))
    TraceContextTextMapPropagator().inject(carrier, around)
    return carrier["traceparent"]


def exemplar(context: SpanContext | None) -> dict[str, str] | None:
    """What leads from an observation to the trace that it is from; None without one."""
    if context is None or not context.trace_flags.sampled:
        return None
    return {names.EXEMPLAR_TRACE_ID: format_trace_id(context.trace_id)}


def extract(traceparent: str) -> SpanContext | None:
    """The span that a W3C traceparent names; None if it names none."""
    around = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
    context = get_current_span(around).get_span_context()
    return context if context.is_valid else None


def _span_id(name: str) -> int:
    """Never 0, which stands for none."""
    return int.from_bytes(sha256(name.encode()).digest()[16:24]) or 1
