"""A collector that is not there: one warning, nothing else, and spans again when it is back."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from duologue.clock import ManualClock
from duologue.service_settings import TelemetrySettings
from duologue.telemetry.calm_exporter import AGAIN_AFTER_MS
from duologue.telemetry.tracing import Tracing, otlp_exporter
from tests.client.service import no_address
from tests.unit.telemetry.traced import Memory


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self) -> None:
        self.num_requests = 0

    def Export(self, request: Any, context: Any) -> Any:
        self.num_requests += 1
        return trace_service_pb2.ExportTraceServiceResponse()


@contextmanager
def serving(address: str) -> Iterator[Collector]:
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(1))
    add = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add(collector, server)  # type: ignore[no-untyped-call]
    server.add_insecure_port(address)
    server.start()
    yield collector
    server.stop(None).wait()


@pytest.fixture
def spans() -> list[ReadableSpan]:
    memory = Memory()
    memory.tracing.record("a span", 0.0, 1.0)
    spans = memory.spans()
    memory.tracing.shutdown()
    return spans


def test_the_whole_tracing_says_it_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with no_address() as address:
        settings = TelemetrySettings(otlp_endpoint=f"http://{address}")
        tracing = Tracing.start(settings, "test")
        for _ in range(4):
            tracing.record("a span", 0.0, 1.0)
            tracing.provider.force_flush()
        tracing.shutdown()
    (told,) = caplog.records
    assert told.levelno == logging.WARNING
    assert f"spans cannot be sent to http://{address}" in told.getMessage()
    assert "UNAVAILABLE" in told.getMessage()


def test_it_tries_again_after_a_while_and_says_that_it_works(
    spans: list[ReadableSpan], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = ManualClock()
    with no_address() as address:
        exporter = otlp_exporter(f"http://{address}", clock)
        for _ in range(2):
            assert exporter.export(spans) is SpanExportResult.FAILURE
            clock.advance(AGAIN_AFTER_MS)
    with serving(address) as collector:
        assert exporter.export(spans) is SpanExportResult.SUCCESS
        assert exporter.export(spans) is SpanExportResult.SUCCESS
        assert collector.num_requests == 2
    exporter.shutdown()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "again" in caplog.records[1].getMessage()


def test_nothing_is_tried_right_after_a_failure(spans: list[ReadableSpan]) -> None:
    clock = ManualClock()
    with no_address() as address:
        exporter = otlp_exporter(f"http://{address}", clock)
        exporter.export(spans)
    with serving(address) as collector:
        clock.advance(AGAIN_AFTER_MS - 1)
        assert exporter.export(spans) is SpanExportResult.FAILURE
        assert collector.num_requests == 0
    exporter.shutdown()
