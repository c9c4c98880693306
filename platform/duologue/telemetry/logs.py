"""The log of a process: lines for people, or JSON that names the trace of the session."""

import json
import logging
import os
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from opentelemetry.trace import format_trace_id

from duologue.service_settings import TelemetrySettings
from duologue.telemetry.trace_ids import trace_id_of

_TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"

_session_id: ContextVar[str] = ContextVar("logged_session_id", default="")


def start_logging(settings: TelemetrySettings, service: str) -> None:
    """Log to standard error, in the format that is set. `service` is the name that spans have.

    As text, a log that is set up already is left as it is; as JSON, it is replaced: whoever
    collects it would not understand anything else.
    """
    if settings.log_format == "text":
        logging.basicConfig(level=logging.INFO, format=_TEXT)
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def speak_of(session_id: str) -> None:
    """What this task logs from now on, and those that it starts, is about this session.

    Where a task serves many sessions, `extra={"session_id": …}` says it for one entry.
    """
    _session_id.set(session_id)


class JsonFormatter(logging.Formatter):
    """One JSON object per entry, on one line."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        told: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "pid": os.getpid(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        session_id = getattr(record, "session_id", "") or _session_id.get()
        if session_id:
            told["session_id"] = session_id
            told["trace_id"] = format_trace_id(trace_id_of(session_id))
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            told["stack"] = self.formatStack(record.stack_info)
        return json.dumps(told)
