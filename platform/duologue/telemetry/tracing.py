"""Spans of one process: where they go, and whose trace they are in."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import local
from typing import Any

from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, Tracer
from opentelemetry.trace.propagation import set_span_in_context

from duologue.clock import Clock
from duologue.errors import InvalidSetting
from duologue.proxies import proxy_options
from duologue.service_settings import TelemetrySettings
from duologue.telemetry.calm_exporter import WITHIN_S, CalmExporter
from duologue.telemetry.span_files import FileExporter, trace_folder
from duologue.telemetry.trace_ids import session_context

Attributes = Mapping[str, str | bool | int | float | Sequence[str]]

EXPORT_DELAY_MS = 2_000
MAX_WAITING_SPANS = 4_096
MAX_LINKS = 128
MAX_EVENTS = 512
"""A turn's pieces of text are among them."""
_OTLP_LOGGER = "opentelemetry.exporter.otlp.proto.grpc.exporter"
_RECONNECTING = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)
MAX_TEXT_CHARS = 4_096
"""Length of an attribute."""


class Tracing:
    """Takes spans and sends them on from a thread of its own, at most 2 s later.

    What comes faster than it can be sent is dropped. All times are Unix milliseconds: spans are
    made when they are over, or with the time at which they began.
    """

    def __init__(
        self,
        settings: TelemetrySettings,
        service: str,
        instance: str,
        exporter: SpanExporter | None,
    ) -> None:
        """Without an exporter nothing is recorded."""
        self.settings = settings
        self._ids = _ChosenIds()
        names = {SERVICE_NAME: service, SERVICE_INSTANCE_ID: instance}
        self.provider = TracerProvider(
            sampler=ParentBased(ALWAYS_ON),
            resource=Resource(names),
            shutdown_on_exit=False,
            id_generator=self._ids,
            span_limits=SpanLimits(
                max_links=MAX_LINKS, max_events=MAX_EVENTS, max_attribute_length=MAX_TEXT_CHARS
            ),
        )
        self.is_on = exporter is not None
        if exporter is not None:
            self.provider.add_span_processor(_processor(exporter))
        self.tracer: Tracer = self.provider.get_tracer("duologue")

    @classmethod
    def start(
        cls, settings: TelemetrySettings, service: str, *, instance: str | None = None
    ) -> "Tracing":
        """Send spans to where the settings say.

        Raises InvalidSetting if the endpoint needs what is not installed, or the folder cannot be
        written to.
        """
        exporter = _exporter(settings, service) if settings.sample_ratio > 0 else None
        return cls(settings, service, instance or f"{service}-{os.getpid()}", exporter)

    def context_of(self, session_id: str) -> SpanContext | None:
        """The parent of a session's spans; None if the session is not traced."""
        if not self.is_on:
            return None
        context = session_context(session_id, self.settings.sample_ratio)
        return context if context.trace_flags.sampled else None

    def begin(
        self,
        name: str,
        start_ms: float,
        *,
        parent: SpanContext | None = None,
        attributes: Attributes | None = None,
        links: Iterable[SpanContext] = (),
        span_id: int | None = None,
    ) -> Span:
        """A span that has begun: add to it what there is to say, and `end` it.

        Without a parent it begins a trace of its own. `span_id` is one that others know beforehand.
        """
        around = set_span_in_context(NonRecordingSpan(parent)) if parent is not None else None
        with self._ids.chosen(span_id):
            return self.tracer.start_span(
                name,
                context=around,
                attributes=attributes,
                links=[Link(context) for context in links],
                start_time=nanoseconds(start_ms),
            )

    def record(
        self,
        name: str,
        start_ms: float,
        end_ms: float,
        *,
        parent: SpanContext | None = None,
        attributes: Attributes | None = None,
        links: Iterable[SpanContext] = (),
        span_id: int | None = None,
    ) -> SpanContext:
        """A span that is over."""
        span = self.begin(
            name, start_ms, parent=parent, attributes=attributes, links=links, span_id=span_id
        )
        end(span, end_ms)
        return span.get_span_context()

    def shutdown(self) -> None:
        """Send what is left, and end the thread. Nothing is recorded any more."""
        self.is_on = False
        self.provider.shutdown()


def end(span: Span, at_ms: float) -> None:
    """The span is over."""
    span.end(nanoseconds(at_ms))


def nanoseconds(ms: float) -> int:
    """Unix milliseconds in OpenTelemetry's unit."""
    return round(ms * 1e6)


def _processor(exporter: SpanExporter) -> BatchSpanProcessor:
    return BatchSpanProcessor(
        exporter,
        max_queue_size=MAX_WAITING_SPANS,
        schedule_delay_millis=EXPORT_DELAY_MS,
        max_export_batch_size=512,
    )


def _exporter(settings: TelemetrySettings, service: str) -> SpanExporter:
    if settings.otlp_endpoint is not None:
        return otlp_exporter(settings.otlp_endpoint)
    folder = trace_folder(settings.trace_dir)
    try:
        return FileExporter(folder, service)
    except OSError as error:
        raise InvalidSetting(
            f"must be a folder that can be written to, not {folder}: {error}",
            field="telemetry.trace_dir",
        ) from error


def otlp_exporter(endpoint: str, clock: Clock | None = None) -> SpanExporter:
    """Sends spans to a collector; raises InvalidSetting if the endpoint needs what is not there."""
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise InvalidSetting(
            "must be none unless the extra 'otlp' is installed "
            f"(pip install 'duologue[otlp]'), not {endpoint!r}",
            field="telemetry.otlp_endpoint",
        ) from error
    # They are typed as one pair of texts there.
    options: Any = (*_RECONNECTING, *proxy_options(endpoint))
    sender = OTLPSpanExporter(endpoint=endpoint, channel_options=options, timeout=WITHIN_S)
    return CalmExporter(sender, endpoint, overheard=_OTLP_LOGGER, clock=clock)


class _ChosenIds(RandomIdGenerator):
    """Random ids, but for spans whose id is known beforehand. Threads do not disturb each other."""

    def __init__(self) -> None:
        self._local = local()

    def generate_span_id(self) -> int:
        chosen: int | None = getattr(self._local, "span_id", None)
        return super().generate_span_id() if chosen is None else chosen

    @contextmanager
    def chosen(self, span_id: int | None) -> Iterator[None]:
        """Spans that begin meanwhile have this id."""
        self._local.span_id = span_id
        try:
            yield
        finally:
            self._local.span_id = None
