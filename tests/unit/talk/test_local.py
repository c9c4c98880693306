"""A conversation with an engine in this process: what is sent is heard, what is said is told."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from duologue.events import (
    Envelope,
    Error,
    InputAppend,
    InputCommit,
    InputState,
    ResponseCancel,
    ResponseDone,
    ResponseStarted,
    ServerEvent,
)
from duologue.lane.steps import EndReason
from duologue.notices import Notice, SessionReady
from duologue.runtime.local import LocalRuntime
from duologue.states import State
from duologue.talk.conversation import OpenConversation
from duologue.talk.local import LocalConversations
from tests.unit.talk.worlds import tiny_assembly

SLOW_TICK_MS = 10_000


async def until(conversation: OpenConversation, kind: type[ServerEvent]) -> AsyncIterator[Envelope]:
    """What is told, up to the first event of a kind."""
    async for told in conversation.told():
        if isinstance(told, Envelope):
            yield told
            if isinstance(told.event, kind):
                return
        else:
            assert isinstance(told, Notice)
            assert isinstance(told.event, SessionReady)
            assert told.event.session_id == conversation.session_id
    raise AssertionError("the conversation ended before it")


async def last(conversation: OpenConversation, kind: type[ServerEvent]) -> Envelope:
    return [told async for told in until(conversation, kind)][-1]


async def test_what_is_typed_is_heard_and_answered(tmp_path: Path) -> None:
    assembly, head = tiny_assembly(tmp_path)
    head.state = State.QUERY
    conversations = LocalConversations(assembly)
    async with conversations.begin(lambda position: None) as conversation:
        await conversation.send(InputAppend("a", "what is"))
        await conversation.send(InputAppend("a", " it"))
        await conversation.send(InputCommit())
        told = [envelope.event async for envelope in until(conversation, ResponseDone)]
        assert told[-1] == ResponseDone(1, EndReason.LENGTH)
        assert assembly.engine.num_sessions == 1
    assert assembly.engine.num_sessions == 0
    said = [entry.text for entry in await conversations.transcript(conversation.session_id)]
    assert said[0] == "what is it"
    assert len(said) == 2


async def test_a_reply_that_is_confirmed_between_two_ticks_is_told_then(tmp_path: Path) -> None:
    assembly, head = tiny_assembly(tmp_path, tick_ms=SLOW_TICK_MS)
    head.state = State.QUERY
    async with LocalConversations(assembly).begin(lambda position: None) as conversation:
        await conversation.send(InputAppend("a", "hello"))
        decided = await last(conversation, InputState)
        started = await last(conversation, ResponseStarted)
    assert started.tick == decided.tick


async def test_what_the_user_does_is_taken_between_two_ticks(tmp_path: Path) -> None:
    assembly, head = tiny_assembly(tmp_path, tick_ms=SLOW_TICK_MS)
    head.state = State.QUERY
    async with LocalConversations(assembly).begin(lambda position: None) as conversation:
        await conversation.send(InputAppend("a", "hello"))
        decided = await last(conversation, InputState)
        await conversation.send(ResponseCancel(7))
        refused = await last(conversation, Error)
    assert refused.tick == decided.tick


async def test_a_fault_of_the_engine_ends_the_conversation_and_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assembly, _ = tiny_assembly(tmp_path)

    def fail(runtime: LocalRuntime) -> None:
        raise RuntimeError("as planned")

    monkeypatch.setattr(LocalRuntime, "run_tick", fail)
    with pytest.raises(RuntimeError, match="as planned"):
        async with LocalConversations(assembly).begin(lambda position: None) as conversation:
            assert [type(told) async for told in conversation.told()] == [Notice]
    assert assembly.engine.num_sessions == 0


async def test_each_conversation_is_a_session_of_its_own(tmp_path: Path) -> None:
    assembly, _ = tiny_assembly(tmp_path)
    conversations = LocalConversations(assembly)
    names = []
    for _ in range(2):
        async with conversations.begin(lambda position: None) as conversation:
            names.append(conversation.session_id)
    assert names == ["local-1", "local-2"]
    assert await conversations.transcript("local-1") == []
