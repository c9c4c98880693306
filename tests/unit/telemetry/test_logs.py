"""Logs as JSON: one object per entry, which leads to the trace of its session."""

import asyncio
import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.trace import format_trace_id

from duologue.errors import InvalidSetting
from duologue.service_settings import TelemetrySettings
from duologue.telemetry.logs import JsonFormatter, speak_of
from duologue.telemetry.trace_ids import trace_id_of
from tests.unit.telemetry.traced import SESSION, START_MS

log = logging.getLogger(__name__)


def entry(message: str, *values: object, **more: Any) -> dict[str, Any]:
    """What is written for an entry."""
    record = log.makeRecord(__name__, logging.WARNING, __file__, 1, message, values, None, **more)
    record.created = START_MS / 1e3
    line = JsonFormatter("gateway").format(record)
    assert "\n" not in line
    told: dict[str, Any] = json.loads(line)
    return told


def test_an_entry_says_when_who_and_what() -> None:
    told = entry("node %s is\ngone", "a")
    assert told.pop("pid") > 0
    assert told == {
        "time": "2023-11-14T22:13:20.000+00:00",
        "level": "warning",
        "service": "gateway",
        "logger": __name__,
        "message": "node a is\ngone",
    }


def test_an_entry_about_a_session_names_its_trace() -> None:
    told = entry("it moved", extra={"session_id": SESSION})
    assert told["session_id"] == SESSION
    assert told["trace_id"] == format_trace_id(trace_id_of(SESSION))


def test_a_task_and_those_that_it_starts_speak_of_their_session() -> None:
    async def one(session_id: str) -> list[str]:
        speak_of(session_id)
        below = asyncio.create_task(asyncio.to_thread(entry, "below"))
        return [entry("here")["session_id"], (await below)["session_id"]]

    async def both() -> list[list[str]]:
        return list(await asyncio.gather(one("ses_a"), one("ses_b")))

    assert asyncio.run(both()) == [["ses_a"] * 2, ["ses_b"] * 2]
    assert "session_id" not in entry("outside")


def test_what_is_said_of_an_entry_itself_counts_more() -> None:
    async def said() -> str:
        speak_of("ses_a")
        told: str = entry("x", extra={"session_id": "ses_b"})["session_id"]
        return told

    assert asyncio.run(said()) == "ses_b"


def test_a_failure_is_told_with_its_traceback() -> None:
    try:
        raise ValueError("not\nso")
    except ValueError:
        record = log.makeRecord(__name__, logging.ERROR, "", 1, "failed", (), sys.exc_info())
    told = json.loads(JsonFormatter("session").format(record))
    assert told["exception"].startswith("Traceback")
    assert told["exception"].endswith("ValueError: not\nso")


def test_texts_that_are_no_unicode_are_written_all_the_same() -> None:
    assert entry("%s", "\ud800")["message"] == "\ud800"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_process_logs_in_the_format_that_is_set(log_format: str) -> None:
    """Also where somebody has set up a log already, if it is to be JSON."""
    program = f"""
import logging
from duologue.service_settings import TelemetrySettings
from duologue.telemetry.logs import start_logging
logging.basicConfig(format="earlier %(message)s")
start_logging(TelemetrySettings(log_format={log_format!r}), "session")
logging.getLogger("somebody").warning("it is %s", "late")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    if log_format == "text":
        assert ended.stderr == "earlier it is late\n"
    else:
        assert json.loads(ended.stderr)["message"] == "it is late"


def test_another_format_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="log_format must be 'text' or 'json', not 'xml'"):
        TelemetrySettings(log_format="xml")  # type: ignore[arg-type]
