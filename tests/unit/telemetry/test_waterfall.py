"""`duologue trace`: a session's spans for people, and for programs."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.trace import SpanContext
from rich.console import Console
from typer.testing import CliRunner

from duologue.cli import main
from duologue.errors import UnknownSession
from duologue.service_settings import TelemetrySettings
from duologue.telemetry import names
from duologue.telemetry.session_trace import SessionTrace
from duologue.telemetry.span_reading import SpanRow, read_trace
from duologue.telemetry.trace_ids import slice_span_id
from duologue.telemetry.tracing import Tracing, end
from duologue.telemetry.waterfall import waterfall
from tests.unit.telemetry.traced import SESSION, START_MS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A session that was opened, and had one turn with one slice, in one tick."""
    tracing = Tracing.start(TelemetrySettings(trace_dir=str(tmp_path)), "session")
    trace = SessionTrace(tracing, SESSION, "acme", 1)
    trace.record(names.SESSION_OPEN, START_MS, START_MS + 40)
    turn = trace.begin(names.TURN, START_MS + 100, {names.INPUT_TEXT: "How is it?\nReally?"})
    assert turn is not None
    parent = turn.get_span_context()
    span_id = slice_span_id(SESSION, 1, 7)
    started_ms = START_MS + 160
    trace.record(names.SLICE, started_ms, started_ms + 90, parent=parent, span_id=span_id)
    turn.add_event(names.INTERRUPTED, timestamp=round((START_MS + 500) * 1e6))
    turn.set_attribute(names.FIRST_TEXT_MS, 212.4)
    end(turn, START_MS + 900)
    link = context_of(trace, span_id)
    tracing.record(names.BATCH_TICK, started_ms, started_ms + 80, links=[link])
    tracing.shutdown()
    return tmp_path


def context_of(trace: SessionTrace, span_id: int) -> SpanContext:
    assert trace.context is not None
    return SpanContext(trace.context.trace_id, span_id, is_remote=True)


def drawn(rows: list[SpanRow], width: int = 160, **how: Any) -> list[str]:
    console = Console(width=width, record=True, file=StringIO())
    console.print(waterfall(rows, width=width, **how))
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_each_span_stands_below_the_one_it_belongs_to(folder: Path) -> None:
    lines = drawn(read_trace(folder, SESSION))
    spans = [line for line in lines if " ms" in line]
    assert [line.index(name) for line, name in zip(spans, NAMES, strict=True)] == [8, 8, 10, 12]
    assert "0.160s" in spans[2]
    assert "90 ms" in spans[2]
    assert "first text 212 ms" in spans[1]
    assert "How is it? Really?" in spans[1]


NAMES = (names.SESSION_OPEN, names.TURN, names.SLICE, names.BATCH_TICK)


def test_bars_lie_where_the_spans_were(folder: Path) -> None:
    opened, turn, work, _ = [line for line in drawn(read_trace(folder, SESSION)) if " ms" in line]
    left = min(line.index("━") for line in (opened, turn))
    assert (opened.index("━") - left, opened.count("━")) == (0, 2)
    assert turn.index("━") - left == 4
    assert turn.index("✂") - left == 22
    assert work.index("━") - left == 3, "within its turn"


def test_a_narrow_terminal_gets_shorter_bars_and_whole_words(folder: Path) -> None:
    lines = drawn(read_trace(folder, SESSION), width=80)
    turn = next(line for line in lines if names.TURN in line)
    assert "How is it? Really?" in turn
    assert len(lines) <= 2 + 2 * len(NAMES), "a line or two for each span, heading and legend"


def test_slices_can_be_left_out(folder: Path) -> None:
    text = "\n".join(drawn(read_trace(folder, SESSION), slices=False))
    assert names.TURN in text
    assert names.SLICE not in text
    assert names.BATCH_TICK not in text


def test_of_many_spans_the_last_are_shown(folder: Path) -> None:
    text = "\n".join(drawn(read_trace(folder, SESSION), max_lines=2))
    assert "2 spans before these" in text
    assert names.SESSION_OPEN not in text
    assert names.SLICE in text


def test_the_command_shows_the_newest_session(folder: Path) -> None:
    result = CliRunner().invoke(main.app, ["trace", "--dir", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0
    assert SESSION in result.output
    assert "4 spans" in result.output


def test_the_command_takes_the_folder_of_the_settings(folder: Path) -> None:
    arguments = ["trace", SESSION, "--set", f"telemetry.trace_dir={folder}", "--json"]
    result = CliRunner().invoke(main.app, arguments, catch_exceptions=False)
    told = json.loads(result.stdout)
    assert told["session"] == SESSION
    assert {span["name"] for span in told["spans"]} == set(NAMES)


def test_an_unknown_session_is_one_line(folder: Path) -> None:
    with pytest.raises(UnknownSession, match="there is no trace of session ses_none"):
        CliRunner().invoke(
            main.app, ["trace", "ses_none", "--dir", str(folder)], catch_exceptions=False
        )
