"""Judging by a session that only listens, before a real platform; what a word means is dictated."""

import asyncio

import pytest

from conftest import Platform
from duologue_realtime import Refused, Turn, TurnJudge
from duologue_realtime.connection import Connection

WITHIN_S = 30.0


class Asking:
    """A judge, and how many sessions it has taken."""

    def __init__(self, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
        self.platform = platform
        self.judge = TurnJudge(platform.url, platform.key)
        self.num_closed = 0
        close = Connection.close

        async def counted(connection: Connection) -> None:
            self.num_closed += 1
            await close(connection)

        monkeypatch.setattr(Connection, "close", counted)

    async def ask(self, state: str, turns: list[Turn], utterance: str) -> str:
        await self.platform.dictate(state)
        async with asyncio.timeout(WITHIN_S):
            judgement = await self.judge.judge(turns, utterance)
        assert (judgement.end_probability < 0.5) == (judgement.state == "incomplete")
        return judgement.state


async def test_one_session_follows_a_conversation_that_grows(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = Asking(platform, monkeypatch)
    before = [Turn("user", "hello"), Turn("assistant", "Good day.")]
    assert await asking.ask("incomplete", before, "I think it was") == "incomplete"
    assert await asking.ask("query", before, "I think it was") == "incomplete", "nothing is new"
    assert await asking.ask("incomplete", before, "I think he was") == "incomplete"
    assert await asking.ask("query", before, "I think he was in Rome, no?") == "query"
    later = [*before, Turn("user", "I think he was in Rome, no?"), Turn("assistant", "He was.")]
    assert await asking.ask("non_query", later, "uh-huh") == "non_query"
    last = [*later, Turn("user", "uh-huh"), Turn("assistant", "And in Paris.")]
    assert await asking.ask("query", last, "And then?") == "query"
    assert asking.num_closed == 0
    await asking.judge.close()


async def test_a_turn_that_was_taken_for_complete_is_committed(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller answered though the user seemed to go on."""
    asking = Asking(platform, monkeypatch)
    assert await asking.ask("incomplete", [], "I think it was") == "incomplete"
    await platform.dictate("query")
    turns = [Turn("user", "I think it was"), Turn("assistant", "Yes?")]
    assert await asking.ask("query", turns, "What was it?") == "query"
    assert asking.num_closed == 0
    await asking.judge.close()


async def test_a_conversation_that_was_changed_takes_another_session(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = Asking(platform, monkeypatch)
    assert await asking.ask("incomplete", [Turn("assistant", "One.")], "it") == "incomplete"
    assert await asking.ask("query", [Turn("assistant", "Two.")], "it is?") == "query"
    assert asking.num_closed == 1
    await asking.judge.close()


async def test_a_question_that_is_given_up_does_not_spoil_the_next(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = Asking(platform, monkeypatch)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await asking.judge.judge([], "what")
    assert await asking.ask("query", [], "what is it?") == "query"
    await asking.judge.close()


async def test_why_it_is_refused_is_told(platform: Platform) -> None:
    with pytest.raises(Refused, match="401"):
        await TurnJudge(platform.url, "duo_nobody_knows").judge([], "what is it?")
