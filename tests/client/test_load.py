"""The load generator on a real port: it reports, and it notices what is lost or doubled."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks import load
from benchmarks.crowd.figures import figures_of
from benchmarks.crowd.person import Manners
from benchmarks.crowd.plan import LoadPlan
from benchmarks.crowd.repertoire import Repertoire
from benchmarks.crowd.report import draw, print_report, write_json
from duologue.cli.endpoint import Endpoint
from duologue.v1 import events_pb2 as ev
from tests.client.service import KEY, EchoService, Faults, serving

PEOPLE = 4


async def held(service: EchoService, tmp_path: Path) -> tuple[load.Outcome, dict[str, Any]]:
    """Some people come for a moment, each with something to say."""
    texts = tmp_path / "texts.txt"
    texts.write_text("# ours\nSay it\n\nOnce more\n")
    manners = Manners(Repertoire.read(texts=texts), max_reply_tokens=8, commit_share=1.0)
    request = load.Request(LoadPlan(PEOPLE, duration_s=1.5, ramp_s=0.2), manners, (), None)
    async with serving(service) as address:
        endpoint = Endpoint(address, KEY)
        outcome = await load.measure(request, endpoint, (), tmp_path / "log", Console(quiet=True))
    return outcome, outcome.report(request, ())


async def test_a_run_is_reported(tmp_path: Path) -> None:
    service = EchoService()
    outcome, report = await held(service, tmp_path)
    assert report["sessions"]["arrived"] == PEOPLE == len(service.sessions)
    assert report["sessions"]["replies"] == sum(s.num_replies for s in service.sessions.values())
    assert report["response_ms"]["committed"]["count"] >= 1
    assert report["integrity"]["sessions_not_intact"] == 0
    assert all(session.is_closed for session in service.sessions.values())
    assert load.verdict(report, Console(quiet=True)) == 0
    write_json(report, tmp_path / "load.json")
    assert json.loads((tmp_path / "load.json").read_text()) == report
    draw(outcome.notes, outcome.measured_from_ms, tmp_path / "load.png")
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
    print_report(Console(quiet=True), report)


async def test_breaks_lose_nothing_and_are_counted(tmp_path: Path) -> None:
    _, report = await held(EchoService(Faults(at={10, 25})), tmp_path)
    assert report["sessions"]["resumed"] == 2
    assert load.verdict(report, Console(quiet=True)) == 0


async def test_a_doubled_event_fails_the_run(tmp_path: Path) -> None:
    service = EchoService()

    def twice_once(event: ev.ServerEvent) -> list[ev.ServerEvent]:
        service.on_written = lambda later: [later]
        return [event, event]

    service.on_written = twice_once
    _, report = await held(service, tmp_path)
    assert report["integrity"]["events_doubled"] == 1
    assert load.verdict(report, Console(quiet=True)) == 1


async def test_a_lost_event_fails_the_run_although_resuming_mends_it(tmp_path: Path) -> None:
    service = EchoService()

    def lose_once(event: ev.ServerEvent) -> list[ev.ServerEvent]:
        service.on_written = lambda later: [later]
        return []

    service.on_written = lose_once
    _, report = await held(service, tmp_path)
    assert report["integrity"]["events_lost"] >= 1
    assert load.verdict(report, Console(quiet=True)) == 1


async def test_those_who_are_refused_are_counted(tmp_path: Path) -> None:
    request = load.Request(
        LoadPlan(PEOPLE, duration_s=0.5, ramp_s=0.1), Manners(Repertoire.read(), 8), (), None
    )
    service = EchoService()
    async with serving(service) as address:
        endpoint = Endpoint(address, "duo_wrong_key")
        outcome = await load.measure(request, endpoint, (), tmp_path / "log", Console(quiet=True))
    sessions = figures_of(outcome.notes, 0)["sessions"]
    assert sessions["refused"] == PEOPLE
    assert "Unauthenticated: the API key is not valid" in sessions["why"]


def test_bad_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["load", "--texts", str(tmp_path / "absent.txt")])
    import typer

    with pytest.raises(SystemExit) as ended:
        typer.run(load.load)
    assert ended.value.code == 2
    assert "absent.txt cannot be read" in capsys.readouterr().err
