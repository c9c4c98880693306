"""Where spans go: to files, to a collector, or nowhere."""

import json
import os
import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from duologue.errors import InvalidSetting, UnknownSession
from duologue.service_settings import TelemetrySettings
from duologue.telemetry import names
from duologue.telemetry.session_trace import SessionTrace
from duologue.telemetry.span_files import FileExporter, span_files, trace_folder
from duologue.telemetry.span_reading import newest_session, read_trace
from duologue.telemetry.trace_ids import (
    extract,
    inject,
    session_context,
    slice_span_id,
    trace_id_of,
)
from duologue.telemetry.tracing import Tracing
from tests.unit.telemetry.traced import SESSION, START_MS, Memory


def started(folder: Path, **settings: Any) -> Tracing:
    return Tracing.start(TelemetrySettings(trace_dir=str(folder), **settings), "session")


def record(tracing: Tracing, session_id: str = SESSION, at_ms: float = START_MS) -> None:
    trace = SessionTrace(tracing, session_id, "acme", 3)
    trace.record(names.SESSION_OPEN, at_ms, at_ms + 12.5, {names.IS_RESUMED: True})


# Ids.


def test_ids_follow_from_the_name() -> None:
    """Processes of other versions must come to the same ones."""
    assert f"{trace_id_of('ses_x'):032x}" == "02b19846c7934e219c6e21962a7d2de5"
    assert len({slice_span_id("a", 1, 2), slice_span_id("a", 2, 1), slice_span_id("b", 1, 2)}) == 3


def test_who_is_sampled_follows_from_the_name_and_the_ratio() -> None:
    sampled = [session_context(f"ses_{n}", 0.25).trace_flags.sampled for n in range(2000)]
    assert 0.2 < sum(sampled) / 2000 < 0.3
    for n, is_sampled in enumerate(sampled):
        assert not is_sampled or session_context(f"ses_{n}", 0.5).trace_flags.sampled


def test_a_span_can_be_named_to_another_process() -> None:
    context = session_context(SESSION, 1.0)
    traceparent = inject(context)
    assert traceparent == f"00-{context.trace_id:032x}-{context.span_id:016x}-01"
    assert extract(traceparent) == context


@pytest.mark.parametrize("traceparent", ["", "00-zz-11-01", "nonsense", "00-" + "0" * 32])
def test_what_is_no_traceparent_names_nothing(traceparent: str) -> None:
    assert extract(traceparent) is None


# Files.


def test_spans_are_read_from_files_as_they_were_written(tmp_path: Path) -> None:
    tracing = started(tmp_path)
    record(tracing)
    tracing.shutdown()
    (row,) = read_trace(tmp_path, SESSION)
    assert (row.name, row.service, row.start_ms) == (names.SESSION_OPEN, "session", START_MS)
    assert row.duration_ms == pytest.approx(12.5, abs=1e-3)
    assert row.attributes[names.IS_RESUMED] is True
    assert row.attributes[names.EPOCH] == 3
    assert row.parent_id == f"{session_context(SESSION, 1.0).span_id:016x}"


def test_lines_are_what_collectors_read(tmp_path: Path) -> None:
    tracing = started(tmp_path)
    record(tracing)
    tracing.record("x", START_MS, START_MS, attributes={"list": ["a"], "float": 0.5, "text": "é"})
    tracing.shutdown()
    lines = span_files(tmp_path)[0].read_text().splitlines()
    assert len(lines) == 2
    for line in lines:
        request = trace_service_pb2.ExportTraceServiceRequest()
        json_format.Parse(line, request)
        assert len(request.resource_spans[0].scope_spans[0].spans) == 1


def test_a_folder_of_its_own_is_made_below_the_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path))
    assert trace_folder(None) == tmp_path / "traces"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidSetting, match=r"telemetry\.trace_dir must be a folder"):
        started(tmp_path / "file")


def test_files_take_a_bounded_amount_of_room(tmp_path: Path) -> None:
    exporter = FileExporter(tmp_path, "s", max_file_bytes=2_000, max_folder_bytes=6_000)
    memory = Memory()
    for number in range(30):
        record(memory.tracing, at_ms=START_MS + number)
    for number, span in enumerate(memory.spans()):
        exporter.export([span])
        for order, path in enumerate(sorted(tmp_path.iterdir(), key=lambda path: len(path.name))):
            os.utime(path, (number + order, number + order))
    exporter.shutdown()
    memory.tracing.shutdown()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 6_000
    assert max(path.stat().st_size for path in tmp_path.iterdir()) <= 2_000
    assert read_trace(tmp_path, SESSION)[-1].start_ms == START_MS + 29


def test_a_process_with_the_number_of_an_earlier_one_writes_a_file_of_its_own(
    tmp_path: Path,
) -> None:
    for _ in range(2):
        tracing = started(tmp_path)
        record(tracing)
        tracing.shutdown()
    assert len(read_trace(tmp_path, SESSION)) == 2
    assert len(span_files(tmp_path)) == 2


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    tracing = started(tmp_path)
    record(tracing)
    record(tracing)
    tracing.shutdown()
    (path,) = span_files(tmp_path)
    path.write_text(path.read_text()[:-40])
    assert len(read_trace(tmp_path, SESSION)) == 1


def test_the_newest_session_is_the_one_that_was_traced_last(tmp_path: Path) -> None:
    tracing = started(tmp_path)
    record(tracing, "ses_new", START_MS + 1000)
    record(tracing, "ses_old", START_MS)
    tracing.shutdown()
    assert newest_session(tmp_path) == "ses_new"


def test_an_unknown_session_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownSession, match=r"there is no trace of session ses_x in .*"):
        read_trace(tmp_path, "ses_x")
    with pytest.raises(UnknownSession, match="there is no trace of any session"):
        newest_session(tmp_path)


def test_nothing_is_written_when_nothing_is_sampled(tmp_path: Path) -> None:
    tracing = started(tmp_path / "none", sample_ratio=0.0)
    record(tracing)
    tracing.shutdown()
    assert not (tmp_path / "none").exists()


def test_nothing_is_recorded_after_the_end(tmp_path: Path) -> None:
    tracing = started(tmp_path)
    tracing.shutdown()
    record(tracing)
    assert span_files(tmp_path) == []


# A collector.


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes spans by OTLP."""

    def __init__(self) -> None:
        self.requests: list[trace_service_pb2.ExportTraceServiceRequest] = []

    def Export(
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        self.requests.append(request)
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
def collector() -> Iterator[tuple[Collector, str]]:
    taker = Collector()
    server = grpc.server(ThreadPoolExecutor(1))
    add = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add(taker, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield taker, f"http://127.0.0.1:{port}"
    server.stop(None).wait()


def test_a_collector_gets_what_there_is_by_otlp(
    collector: tuple[Collector, str], tmp_path: Path
) -> None:
    taker, endpoint = collector
    settings = TelemetrySettings(otlp_endpoint=endpoint, trace_dir=str(tmp_path / "none"))
    tracing = Tracing.start(settings, "gateway", instance="gateway-7")
    record(tracing)
    tracing.shutdown()
    (request,) = taker.requests
    resource = {each.key: each.value for each in request.resource_spans[0].resource.attributes}
    assert resource["service.name"].string_value == "gateway"
    assert resource["service.instance.id"].string_value == "gateway-7"
    (span,) = request.resource_spans[0].scope_spans[0].spans
    assert span.trace_id == trace_id_of(SESSION).to_bytes(16)
    assert not (tmp_path / "none").exists()


def test_a_collector_needs_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "opentelemetry.exporter.otlp.proto.grpc.trace_exporter"
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InvalidSetting, match=r"pip install 'duologue\[otlp\]'"):
        Tracing.start(TelemetrySettings(otlp_endpoint="http://127.0.0.1:1"), "gateway")


def test_json_is_one_line(tmp_path: Path) -> None:
    tracing = started(tmp_path)
    tracing.record("x", START_MS, START_MS, attributes={"text": "a\nb\u2028c"})
    tracing.shutdown()
    (line,) = span_files(tmp_path)[0].read_text().splitlines()
    told = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert told["attributes"][0]["value"] == {"stringValue": "a\nb\u2028c"}


def test_nobody_else_reads_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "traces"
    tracing = started(folder)
    record(tracing)
    tracing.shutdown()
    (file,) = span_files(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
