"""`duologue chat` on a real terminal, against a service on a real port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path

from rich.console import Console

from duologue.client import SessionConfig, connect
from duologue.client.remote_conversations import RemoteConversations
from duologue.clock import MonotonicClock, sleep_ms
from duologue.talk.script import After, Script, ScriptLine
from duologue.talk.scripted import hold_scripted
from tests.client.service import (
    KEY,
    EchoService,
    Faults,
    Point,
    no_address,
    serving,
    silent_address,
)
from tests.client.terminal import Terminal, on_a_terminal
from tests.client.worlds import client_of


@asynccontextmanager
async def chatting(service: EchoService, cwd: Path) -> AsyncIterator[Terminal]:
    async with serving(service) as address:
        chat = on_a_terminal(
            "chat", cwd=cwd, DUOLOGUE_ADDRESS=address, DUOLOGUE_API_KEY=KEY, DUOLOGUE_CACHE=str(cwd)
        )
        async with chat as terminal:
            await terminal.until("● live")
            yield terminal


async def test_words_go_out_as_they_are_typed_and_the_reply_comes_back(tmp_path: Path) -> None:
    service = EchoService()
    async with chatting(service, tmp_path) as terminal:
        terminal.press("Hello wide world")
        await terminal.until("incomplete: it listens")
        await terminal.until("Hello wide world▏")
        terminal.press("\r")
        await terminal.until("assistant  Hello wide world")
        await terminal.until("a query: it is answered")
        assert "p50" in await terminal.until("ms after the last key")
        terminal.press("\x03")
        assert await terminal.ended() == 0
    (session,) = service.sessions.values()
    appended = [e.input_append.text for e in session.heard if e.HasField("input_append")]
    assert "".join(appended) == "Hello wide world"
    assert appended[0] == "Hello "
    assert session.is_closed


async def test_a_paste_reaches_the_platform_whole(tmp_path: Path) -> None:
    service, pasted = EchoService(), "One line,\nanother: 👩‍👩‍👧 and 🇵🇹.\n" * 200
    async with chatting(service, tmp_path) as terminal:
        await terminal.until_raw(b"\x1b[?2004h")
        terminal.press(f"\x1b[200~{pasted}\x1b[201~")
        await terminal.until("🇵🇹.⏎▏")
        terminal.press("\x03")
        assert await terminal.ended() == 0
        assert b"\x1b[?2004l" in terminal.raw
    (session,) = service.sessions.values()
    appended = [e.input_append.text for e in session.heard if e.HasField("input_append")]
    assert "".join(appended) == pasted


async def test_escape_and_ctrl_x_stop_the_reply_and_ctrl_d_closes(tmp_path: Path) -> None:
    service = EchoService()
    async with chatting(service, tmp_path) as terminal:
        (session,) = service.sessions.values()
        for number, key in enumerate(("\x1b", "\x18"), start=1):
            terminal.press(key)
            await session.has_taken(number)
        terminal.press("\x04")
        assert await terminal.ended() == 0
    kinds = [event.WhichOneof("event") for event in session.heard]
    assert kinds == ["response_cancel", "response_cancel", "session_close"]


async def test_backspace_corrects_what_was_sent(tmp_path: Path) -> None:
    service = EchoService()
    async with chatting(service, tmp_path) as terminal:
        terminal.press("two word")
        await terminal.until("two word▏")
        terminal.press("\x7f" * 6 + "en\r")
        await terminal.until("assistant  twen")
        terminal.press("\x04")
        assert await terminal.ended() == 0


async def test_a_broken_connection_is_shown_and_mended(tmp_path: Path) -> None:
    service = EchoService()
    async with chatting(service, tmp_path) as terminal:
        service.faults = Faults(at={2})
        terminal.press("One two \r")
        await terminal.until("assistant  One two")
        terminal.press("\x04")
        assert await terminal.ended() == 0
    assert service.faults.points[1] is Point.TAKEN_NOT_TOLD
    assert service.num_streams == 2


async def test_ctrl_c_leaves_at_once_while_nobody_answers(tmp_path: Path) -> None:
    with silent_address() as address:
        async with on_a_terminal("chat", "-a", address, cwd=tmp_path) as terminal:
            await terminal.until("connecting")
            await terminal.until("in ▸ you")
            terminal.press("\x03")
            assert await terminal.ended() == 0


async def test_where_nothing_runs_the_terminal_is_left_as_it_was(tmp_path: Path) -> None:
    with no_address() as address:
        async with on_a_terminal("chat", "-a", address, cwd=tmp_path) as terminal:
            await terminal.until("error: no conversation with")
            assert await terminal.ended() == 2


FIRST = ScriptLine("say this again", word_ms=1, note="the first")
SECOND = ScriptLine("and that too", After.REPLY_END, word_ms=1)


async def test_a_script_is_played_and_printed() -> None:
    service = EchoService(answers_after_words=3)
    paper = StringIO()
    async with client_of(service) as client:
        timeline = await hold_scripted(
            RemoteConversations(client, SessionConfig()),
            Script("Two lines", (FIRST, SECOND)),
            Console(file=paper, width=160),
            clock=MonotonicClock(),
            sleep_ms=sleep_ms,
        )
    shown = paper.getvalue()
    assert [reply.query for reply in timeline.replies] == ["say this again", "and that too"]
    assert "# the first" in shown
    assert "session ses_1 is ready" in shown
    assert shown.index("reply 1 ends") < shown.index("and that too")
    assert "← first text" in shown
    assert service.sessions["ses_1"].is_closed


async def test_the_script_says_so_when_the_connection_breaks() -> None:
    # In the reply: who is still writing may be told by gRPC of an internal error instead.
    service = EchoService(Faults(at={11}), answers_after_words=3)
    paper = StringIO()
    async with serving(service) as address, connect(address, api_key=KEY) as client:
        await hold_scripted(
            RemoteConversations(client, SessionConfig()),
            Script("One line", (FIRST,)),
            Console(file=paper, width=160),
            clock=MonotonicClock(),
            sleep_ms=sleep_ms,
        )
    assert "connection lost: broken as planned" in paper.getvalue()
    assert "reply 1 ends" in paper.getvalue()


async def test_a_missing_script_is_named(tmp_path: Path) -> None:
    arguments = ("chat", "--script", "absent.yaml", "-a", "a:1")
    async with on_a_terminal(*arguments, cwd=tmp_path) as terminal:
        await terminal.until("there is no script absent.yaml")
        assert await terminal.ended() == 2
