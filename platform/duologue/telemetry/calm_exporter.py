"""Sends spans to a collector, and makes no more of it than one warning when that is down.

The exporter that it drives logs every attempt, and tries for so long that spans pile up behind it.
"""

import logging
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from duologue.clock import Clock, MonotonicClock

AGAIN_AFTER_MS = 5_000.0
"""What comes within this time after a failure is dropped without a try."""
WITHIN_S = 3.0
"""For one batch, with its retries; a process that stops has not much more."""

log = logging.getLogger(__name__)


class CalmExporter(SpanExporter):
    """Drops what cannot be sent, says so once, and says once when spans are sent again."""

    def __init__(
        self,
        exporter: SpanExporter,
        endpoint: str,
        *,
        overheard: str,
        clock: Clock | None = None,
    ) -> None:
        """`overheard` is the logger of the exporter: it is told from now on what was said there."""
        self._exporter = exporter
        self._endpoint = endpoint
        self._clock = clock or MonotonicClock()
        self._is_down = False
        self._again_ms = 0.0
        self._logger = logging.getLogger(overheard)
        self._words = _LastWords()
        self._logger.filters.insert(0, self._words)  # its own drops what it has heard before

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Try, unless it failed a moment ago."""
        if self._is_down and self._clock.now_ms() < self._again_ms:
            return SpanExportResult.FAILURE
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._came_through()
        else:
            self._failed()
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()
        self._logger.removeFilter(self._words)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def _came_through(self) -> None:
        if self._is_down:
            log.info("spans are sent to %s again", self._endpoint)
        self._is_down = False

    def _failed(self) -> None:
        self._again_ms = self._clock.now_ms() + AGAIN_AFTER_MS
        if not self._is_down:
            told = self._words.last or "no answer"
            log.warning(
                "spans cannot be sent to %s, and are dropped until they can: %s",
                self._endpoint,
                told,
            )
        self._is_down = True


class _LastWords(logging.Filter):
    """Keeps what a logger is told last, and lets nothing through."""

    def __init__(self) -> None:
        super().__init__()
        self.last = ""

    def filter(self, record: logging.LogRecord) -> bool:
        self.last = record.getMessage()
        return False
