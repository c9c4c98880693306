"""Commands that ask a running platform: tables for people, JSON for programs, one-line errors."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from duologue.cli import main
from duologue.cli.endpoint import Endpoint
from duologue.cli.terminal import EXIT_ERROR
from duologue.v1 import admin_pb2 as admin
from tests.client.platform import OPERATOR, USER, SmallPlatform, small_platform
from tests.client.service import no_address


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No platform is known, whatever runs on this machine."""
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("DUOLOGUE_ADDRESS", "DUOLOGUE_API_KEY", "DUOLOGUE_TLS_CA"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallPlatform]:
    with small_platform() as (platform, address):
        monkeypatch.setenv("DUOLOGUE_ADDRESS", address)
        monkeypatch.setenv("DUOLOGUE_API_KEY", OPERATOR)
        yield platform


def invoke(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main.app, list(arguments), input=answer, catch_exceptions=False)


def failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> str:
    """The one line that the whole command ends with."""
    monkeypatch.setattr(sys, "argv", ["duologue", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == EXIT_ERROR
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.usefixtures("platform")
def test_status_shows_room_and_trouble() -> None:
    shown = invoke("status").stdout
    assert "3 of 64 sessions live, 2 waiting, takes new sessions" in shown
    assert "draining" in shown
    assert "12.5 %" in shown
    assert "look_ahead" in shown
    assert "small[1]" in shown
    told = json.loads(invoke("status", "--json").stdout)
    assert told["capacity"]["max_sessions"] == 64
    assert told["batchers"][0]["late_tick_share"] == 0.125


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["ses_1", "ses_3"]),
        (["--all"], ["ses_0", "ses_1", "ses_2", "ses_3", "ses_4"]),
        (["--tenant", "acme"], ["ses_0", "ses_2", "ses_4"]),
        (["--all", "--limit", "3"], ["ses_0", "ses_1", "ses_2"]),
    ],
)
def test_sessions_are_listed_over_all_pages(arguments: list[str], expected: list[str]) -> None:
    told = json.loads(invoke("sessions", *arguments, "--json").stdout)
    assert [session["session_id"] for session in told] == expected
    shown = invoke("sessions", *arguments).stdout
    assert all(name in shown for name in [*expected, "asleep", "12", "34", "56"])


@pytest.mark.usefixtures("platform")
def test_a_transcript_is_printed_as_it_was_said() -> None:
    shown = invoke("transcript", "ses_1").stdout
    assert "user  Hello [there]  (answered)" in shown
    assert "assistant  Hi!  (cut)" in shown
    told = json.loads(invoke("transcript", "ses_1", "--json").stdout)
    assert told[1] == {"role": "assistant", "text": "Hi!", "outcome": "cut", "response_id": 1}


def test_a_tenants_life(platform: SmallPlatform) -> None:
    assert (
        "duologue tenants key acme"
        in invoke("tenants", "add", "acme", "--max-sessions", "7").stderr
    )
    made = invoke("tenants", "key", "acme")
    assert made.stdout == "duo_k1_secret\n"
    assert json.loads(invoke("tenants", "key", "acme", "--json").stdout)["key_id"] == "k1"
    listed = {
        each["tenant_id"]: each for each in json.loads(invoke("tenants", "list", "--json").stdout)
    }
    assert listed["acme"]["max_sessions"] == 7
    assert "operator" in invoke("tenants", "list").stdout
    invoke("tenants", "revoke", "k1")
    assert invoke("tenants", "remove", "acme", answer="n\n").exit_code == 1
    assert "acme" in platform.tenants
    assert invoke("tenants", "remove", "acme", answer="y\n").exit_code == 0
    assert "acme" not in platform.tenants


def test_keys_are_listed_with_what_bounds_them(platform: SmallPlatform) -> None:
    invoke("tenants", "add", "acme", "--output-tokens-per-minute", "900", "--max-cells", "4096")
    scopes = ("--scope", "converse", "--scope", "sessions:read")
    invoke("tenants", "key", "acme", *scopes, "--expires-in", "2h")
    shown = invoke("tenants", "list").stdout
    assert "900" in shown
    assert "4096" in shown
    assert "k1(converse,sessions:read; until 2027-01-15T10:00Z)" in shown
    assert " op" in shown, "a key without bounds is only named"
    (told,) = (
        each
        for each in json.loads(invoke("tenants", "list", "--json").stdout)
        if each["tenant_id"] == "acme"
    )
    assert told["keys"][0]["scopes"] == ["converse", "sessions:read"]


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("length", ["0d", "2", "2y", "-1d", "soon"])
def test_a_length_of_time_that_is_none(length: str) -> None:
    result = invoke("tenants", "key", "dev", "--expires-in", length)
    assert result.exit_code == 2
    assert "must be like" in result.stderr


def test_usage_by_day(platform: SmallPlatform) -> None:
    invoke("tenants", "add", "acme")
    told = json.loads(invoke("tenants", "usage", "--json").stdout)
    assert [(each["tenant_id"], each["day"]) for each in told] == [
        ("acme", "2026-11-28"),
        ("dev", "2026-11-28"),
    ]
    assert told[0]["usage"]["output_tokens"] == "40"
    assert platform.usage_since == 0
    lines = [line.split() for line in invoke("tenants", "usage").stdout.splitlines()]
    assert ["2026-11-28", "dev", "2", "3", "40", "6", "5"] in lines
    assert lines[-1] == ["total", "4", "6", "80", "12", "10"]
    one = invoke("tenants", "usage", "acme", "--since", "2026-11-01").stdout
    assert "dev" not in one
    assert "total" not in one
    assert platform.usage_since == 1_793_491_200
    invoke("tenants", "usage", "--since", "7d")
    assert platform.usage_since % 86_400 == 0
    result = invoke("tenants", "usage", "--since", "yesterday")
    assert result.exit_code == 2
    assert "must be like 2026-11-29, 7d or 4w" in result.stderr


@pytest.mark.parametrize("command", [["sessions", "--all"], ["top", "--once"], ["tenants", "list"]])
def test_what_is_piped_is_whole_however_narrow_the_terminal(
    platform: SmallPlatform, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    names = [f"ses_{'abcdefghijklmnopqrst'}{number:02}" for number in range(5)]
    for session, name in zip(platform.sessions, names, strict=True):
        session.session_id, session.tenant_id = name, "tenant-" + "x" * 40
    platform.tenants["dev"].tenant_id = "tenant-" + "x" * 40
    wide = invoke(*command).stdout
    monkeypatch.setenv("COLUMNS", "20")
    assert invoke(*command).stdout == wide
    words = [line.split() for line in wide.splitlines()]
    if command[0] != "tenants":
        rows = [row for row in words if row and row[0] in names]
        assert [row[0] for row in rows] == names
        assert all("tenant-" + "x" * 40 in row and "56" in row for row in rows)
    assert any("tenant-" + "x" * 40 in row for row in words)


@pytest.mark.usefixtures("platform")
def test_one_picture_of_top_has_everything() -> None:
    shown = invoke("top", "--once").stdout
    assert "3 of 64 sessions live, 2 waiting, takes new sessions" in shown
    lines = {line.split()[0]: line for line in shown.splitlines()}
    assert "draining" in lines["n1"]
    figures = ("61/160 ms", "97 ms", "12.5 %", "8.5", "15.6 %", "3/64", "look_ahead", "not healthy")
    assert all(figure in lines["b1"] for figure in figures)
    assert lines["dev"].split() == ["dev", "0", "-", "2", "24", "68", "112"]
    assert [line for line in lines if line.startswith("ses_")] == [f"ses_{n}" for n in range(5)]
    told = json.loads(invoke("top", "--once", "--json", "--limit", "3").stdout)
    assert told["batchers"][0]["tick_ms"] == 61.25
    assert told["batchers"][0]["held_cells"] == 640
    assert [each["tenant_id"] for each in told["tenants"]] == ["dev"]
    assert [each["session_id"] for each in told["sessions"]] == ["ses_0", "ses_1", "ses_2"]
    assert told["at_ms"] > 0


@pytest.mark.usefixtures("platform")
def test_top_says_of_how_many_sessions_its_sums_are() -> None:
    assert "Tenants, by the newest 3 sessions" in invoke("top", "--once", "-n", "3").stdout
    assert "by the newest" not in invoke("top", "--once", "-n", "6").stdout


def test_an_actor_that_does_not_tell_of_its_ticks_is_shown(platform: SmallPlatform) -> None:
    """One of an older version."""
    old = admin.Batcher(batcher_id="b0", sessions=1, max_sessions=2, is_healthy=True)
    answer = admin.ListNodesResponse(batchers=[old])
    platform._list_nodes = lambda request, context: answer  # type: ignore[method-assign]
    lines = {line.split()[0]: line.split() for line in invoke("top", "--once").stdout.splitlines()}
    assert lines["b0"] == ["b0", "-", "-", "0.0", "%", "-", "-", "1/2"]


def test_what_up_wrote_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    with small_platform() as (_, address):
        Endpoint(address, OPERATOR).write()
        assert invoke("status").exit_code == 0


@pytest.mark.usefixtures("platform")
def test_refusals_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: str) -> str:
        return failure(monkeypatch, capsys, *arguments)

    assert "no such session" in said("transcript", "ses_9")
    assert "no such tenant" in said("tenants", "remove", "nobody", "--yes")
    assert "operator's key" in said("status", "--api-key", USER)
    assert "not valid" in said("sessions", "--api-key", "duo_x_y")


def test_where_nothing_runs_it_is_said_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "start one with `duologue up`" in failure(monkeypatch, capsys, "status")
    with no_address() as address:
        said = failure(monkeypatch, capsys, "status", "--address", address)
    assert f"no answer from {address}" in said


def test_contradicting_flags_are_refused() -> None:
    result = invoke("sessions", "--all", "--tenant", "acme")
    assert result.exit_code == 2
    assert "exclude each other" in result.stderr
