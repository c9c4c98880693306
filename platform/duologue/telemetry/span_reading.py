"""Spans as they are read from files again."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.trace import format_trace_id

from duologue.errors import UnknownSession
from duologue.telemetry import names
from duologue.telemetry.span_files import span_files
from duologue.telemetry.trace_ids import trace_id_of

_NEWEST_FILES = 16
"""Files in which the newest session is looked for."""


@dataclass(frozen=True, slots=True)
class SpanEvent:
    name: str
    at_ms: float
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SpanRow:
    """A finished span. Times are Unix milliseconds, ids as in the files."""

    name: str
    service: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ms: float
    end_ms: float
    attributes: Mapping[str, Any]
    events: tuple[SpanEvent, ...]
    links: tuple[tuple[str, str], ...]
    """Trace and span."""
    is_error: bool

    @property
    def duration_ms(self) -> float:
        return self.end_ms - self.start_ms


def read_trace(folder: Path, session_id: str) -> list[SpanRow]:
    """The spans of a session by their start, with the ticks that carried its slices.

    Raises UnknownSession if there are none.
    """
    trace_id = format_trace_id(trace_id_of(session_id))
    rows = [row for path in span_files(folder) for row in _rows(path, trace_id)]
    if not rows:
        raise UnknownSession(f"there is no trace of session {session_id} in {folder}")
    return sorted(rows, key=lambda row: row.start_ms)


def newest_session(folder: Path) -> str:
    """The session that was traced last; raises UnknownSession if none was."""
    found: tuple[float, str] | None = None
    for path in span_files(folder)[-_NEWEST_FILES:]:
        for row in _rows(path, f'"{names.SESSION_ID}"'):
            candidate = (row.end_ms, str(row.attributes[names.SESSION_ID]))
            found = candidate if found is None else max(found, candidate)
    if found is None:
        raise UnknownSession(f"there is no trace of any session in {folder}")
    return found[1]


def _rows(path: Path, mark: str) -> Iterator[SpanRow]:
    """The spans of a file whose lines have this mark. A line that was cut off is passed over."""
    try:
        with path.open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                if mark not in line:
                    continue
                try:
                    yield from _spans(json.loads(line))
                except (ValueError, KeyError, TypeError):
                    continue
    except FileNotFoundError:  # its writer has just made room
        return


def _spans(request: Mapping[str, Any]) -> Iterator[SpanRow]:
    for resource_spans in request["resourceSpans"]:
        resource = _attributes(resource_spans["resource"]["attributes"])
        service = str(resource.get("service.name", ""))
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                yield _row(service, span)


def _row(service: str, span: Mapping[str, Any]) -> SpanRow:
    return SpanRow(
        name=span["name"],
        service=service,
        trace_id=span["traceId"],
        span_id=span["spanId"],
        parent_id=span.get("parentSpanId", ""),
        start_ms=int(span["startTimeUnixNano"]) / 1e6,
        end_ms=int(span["endTimeUnixNano"]) / 1e6,
        attributes=_attributes(span["attributes"]),
        events=_events(span["events"]),
        links=tuple((link["traceId"], link["spanId"]) for link in span["links"]),
        is_error=span["status"]["code"] == 2,
    )


def _events(entries: list[Mapping[str, Any]]) -> tuple[SpanEvent, ...]:
    """By their time: texts are added to a span when it ends."""
    events = (
        SpanEvent(each["name"], int(each["timeUnixNano"]) / 1e6, _attributes(each["attributes"]))
        for each in entries
    )
    return tuple(sorted(events, key=lambda event: event.at_ms))


def _attributes(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {entry["key"]: _value(entry["value"]) for entry in entries}


def _value(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "intValue":
        return int(content)
    if kind == "arrayValue":
        return [_value(each) for each in content["values"]]
    return content
