"""A scripted conversation with an engine in this process, from the words to the timeline."""

import asyncio
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from duologue.clock import MonotonicClock, sleep_ms
from duologue.states import State
from duologue.talk import scripted
from duologue.talk.local import LocalConversations
from duologue.talk.script import After, Script, ScriptLine
from duologue.talk.scripted import hold_scripted
from tests.unit.talk.worlds import tiny_assembly


async def test_a_script_is_played_to_its_end(tmp_path: Path) -> None:
    assembly, head = tiny_assembly(tmp_path, max_reply_tokens=64)
    decoding = replace(assembly.setup.decoding, continues_within_ms=0)
    assembly = replace(assembly, setup=replace(assembly.setup, decoding=decoding))
    head.state = State.QUERY
    script = Script(
        "A test",
        (
            ScriptLine("what is it", word_ms=0, note="a query"),
            ScriptLine("and then", after=After.REPLY_START, word_ms=0),
            ScriptLine("how far", after=After.REPLY_END, word_ms=0),
        ),
    )
    paper = StringIO()
    timeline = await hold_scripted(
        LocalConversations(assembly),
        script,
        Console(file=paper, width=200),
        clock=MonotonicClock(),
        sleep_ms=sleep_ms,
    )
    printed = paper.getvalue()
    assert [reply.query for reply in timeline.replies] == ["what is it", "and then", "how far"]
    assert [reply.was_interrupted for reply in timeline.replies] == [True, False, False]
    for expected in ("A test", "# a query", "<1> query: respond", "reply 1 cut", "first text"):
        assert expected in printed
    assert "session local-1 is ready" in printed
    assert "user  how far" in printed.partition("Transcript")[2]
    assert assembly.engine.num_sessions == 0


async def test_a_cue_that_never_comes_does_not_hold_up_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripted, "MAX_WAIT_MS", 300.0)
    assembly, head = tiny_assembly(tmp_path)
    head.state = State.NON_QUERY
    script = Script(
        "", (ScriptLine("mhm", word_ms=0), ScriptLine("yes", after=After.REPLY_START, word_ms=0))
    )
    paper = StringIO()
    timeline = await hold_scripted(
        LocalConversations(assembly),
        script,
        Console(file=paper, width=200),
        clock=MonotonicClock(),
        sleep_ms=sleep_ms,
    )
    assert timeline.replies == []
    assert "what the script waits for does not come" in paper.getvalue()
    assert "user  yes" in paper.getvalue().partition("Transcript")[2]


async def test_who_leaves_in_the_middle_leaves_no_session_behind(tmp_path: Path) -> None:
    assembly, _ = tiny_assembly(tmp_path)

    async def give_up(ms: float) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await hold_scripted(
            LocalConversations(assembly),
            Script("", (ScriptLine("hello"),)),
            Console(file=StringIO()),
            clock=MonotonicClock(),
            sleep_ms=give_up,
        )
    assert assembly.engine.num_sessions == 0
