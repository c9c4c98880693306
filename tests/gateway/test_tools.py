"""Tools through the gateway, with a model that was built to call one, by the client."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from duologue.client import (
    Client,
    Conversation,
    Error,
    Event,
    InvalidRequest,
    ResponseDelta,
    ResponseDone,
    ResponseStarted,
    SessionConfig,
    Tool,
    ToolCall,
    connect,
)
from duologue.session.transcript import Entry, Outcome, Role
from duologue.states import State
from duologue.store.valkey import EmbeddedValkey
from tests.actors.premises import TENANT, Premises
from tests.calling_model import ANSWER, ARGUMENTS, LOOKING, write_calling_model
from tests.gateway.real import house
from tests.gateway.talking import Api
from tests.gateway.test_real_sessions import Building, building, client, valkey
from tests.gateway.test_realtime_door import talking
from tests.programs import running
from tests.waiting import waiting_for

__all__ = ["building", "client", "valkey"]

ROOT = Path(__file__).resolve().parent.parent.parent
WEATHER = Tool(
    "get_weather",
    "How the weather is at a place.",
    '{"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}',
)
WITH_TOOLS = SessionConfig(tools=(WEATHER,), temperature=0)
CALLED = f'{{"name": "get_weather", "arguments": {ARGUMENTS}}}'


@pytest.fixture
async def premises(tmp_path: Path, valkey: EmbeddedValkey) -> AsyncIterator[Premises]:
    async with AsyncExitStack() as stack:
        premises = Premises(tmp_path, valkey.url, stack, write=write_calling_model)
        await premises.open()
        premises.dictate(State.QUERY)
        yield premises


@pytest.fixture
async def caller(client: Api, premises: Premises) -> AsyncIterator[Client]:
    key = (await premises.store.create_key(TENANT)).key
    async with connect(client.address, api_key=key) as caller:
        yield caller


async def until_done(conversation: Conversation, response_id: int) -> list[Event]:
    """All that is told up to the end of this response."""
    told: list[Event] = []
    async with waiting_for(f"the end of response {response_id}", lambda: told):
        async for event in conversation:
            told.append(event)
            if isinstance(event, ResponseDone) and event.response_id == response_id:
                return told
    raise AssertionError("the conversation has ended")


def said(told: list[Event]) -> str:
    return "".join(event.text for event in told if isinstance(event, ResponseDelta))


def calls(told: list[Event]) -> list[ToolCall]:
    return [event for event in told if isinstance(event, ToolCall)]


async def test_a_tool_is_called_and_its_result_told(caller: Client) -> None:
    async with caller.converse(WITH_TOOLS) as conversation:
        await conversation.say("Does it rain?")
        told = await until_done(conversation, 1)
        assert said(told) == LOOKING
        assert calls(told) == [ToolCall("call_1", 1, "get_weather", ARGUMENTS)]
        await conversation.tool_result("call_1", "It pours.")
        assert said(await until_done(conversation, 2)) == ANSWER
        await conversation.close()
        entries = await caller.transcript(conversation.session_id)
    assert entries == [
        Entry(Role.USER, "Does it rain?", Outcome.ANSWERED),
        Entry(Role.ASSISTANT, LOOKING, Outcome.COMPLETE, 1),
        Entry(Role.ASSISTANT, CALLED, Outcome.CALLED),
        Entry(Role.TOOL, "It pours.", Outcome.NOTED),
        Entry(Role.ASSISTANT, ANSWER, Outcome.COMPLETE, 2),
    ]


async def test_a_call_is_told_once_whatever_becomes_of_its_session(
    caller: Client, building: Building
) -> None:
    """The process goes in the midst of the reply, and the client while the call waits."""
    config = SessionConfig(tools=(WEATHER,), temperature=0, reply_tokens_per_slice=1)
    async with caller.converse(config) as conversation:
        await conversation.say("Does it rain?")
        told: list[Event] = []
        async with waiting_for("the call", lambda: told):
            async for event in conversation:
                told.append(event)
                if isinstance(event, ResponseStarted):
                    building.holder(conversation.session_id).drain(0, "it has to go")
                if isinstance(event, ToolCall):
                    break
        await conversation.leave()
    session_id, token = conversation.session_id, conversation.resume_token
    seen = conversation.last_server_seq
    async with caller.resume(session_id, token, last_server_seq=seen) as conversation:
        told += await until_done(conversation, 1)
        await conversation.tool_result("call_1", "It pours.")
        told += await until_done(conversation, 2)
        await conversation.close()
    assert len(calls(told)) == 1
    assert said(told) == LOOKING + ANSWER


async def test_a_client_that_comes_back_before_a_call_is_told_it_again(caller: Client) -> None:
    async with caller.converse(WITH_TOOLS) as conversation:
        await conversation.say("Does it rain?")
        (first,) = calls(await until_done(conversation, 1))
        await conversation.leave()
    session_id, token = conversation.session_id, conversation.resume_token
    async with caller.resume(session_id, token, last_server_seq=0) as conversation:
        (again,) = calls(await until_done(conversation, 1))
        await conversation.close()
    assert again == first


async def test_the_user_is_answered_while_a_call_waits(caller: Client) -> None:
    async with caller.converse(WITH_TOOLS) as conversation:
        await conversation.say("Does it rain?")
        (first,) = calls(await until_done(conversation, 1))
        await conversation.say("And does it snow?")
        (second,) = calls(await until_done(conversation, 2))
        await conversation.tool_result(second.call_id, "It does not.", is_silent=True)
        await conversation.tool_result(first.call_id, "It pours.")
        assert said(await until_done(conversation, 3)) == ANSWER
        await conversation.tool_result(first.call_id, "It pours.")
        async with waiting_for("the refusal"):
            told = await anext(event async for event in conversation if isinstance(event, Error))
        await conversation.close()
    assert (told.code, told.field) == ("invalid_input", "tool_result.call_id")


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (SessionConfig(tools=(WEATHER,), strategy="listen"), "config.tools must be empty with"),
        (SessionConfig(tools=(WEATHER,) * 1, strategy="tdm"), "config.tools must be empty with"),
    ],
)
async def test_tools_that_cannot_be_are_refused(
    caller: Client, config: SessionConfig, complaint: str
) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        async with caller.converse(config):
            pass


async def test_the_official_client_calls_a_function(tmp_path: Path, valkey: EmbeddedValkey) -> None:
    function: Any = {"type": "function", **WEATHER.declaration["function"]}
    async with (
        house(tmp_path, valkey.url, write=write_calling_model) as home,
        home.openai() as client,
        talking(client) as talk,
    ):
        own = {"duologue": {"temperature": 0}}
        session: Any = {"type": "realtime", "tools": [function], **own}
        await talk.connection.session.update(session=session)
        await talk.say("Does it rain?")
        called = await talk.until("response.function_call_arguments.done")
        assert (called.name, called.arguments) == ("get_weather", ARGUMENTS)
        done = await talk.until("response.done")
        assert [item.type for item in done.response.output] == ["message", "function_call"]
        output: Any = {
            "type": "function_call_output",
            "call_id": called.call_id,
            "output": "It pours.",
        }
        await talk.connection.conversation.item.create(item=output)
        await talk.connection.response.create()
        done = await talk.until("response.done")
    assert done.response.output[0].content[0].text == ANSWER


async def test_the_example(client: Api) -> None:
    (_, bearer), *_ = client.metadata
    environment = {
        **os.environ,
        "DUOLOGUE_API_KEY": bearer.removeprefix("Bearer "),
        "DUOLOGUE_ADDRESS": client.address,
    }
    program = (sys.executable, "docs/examples/tools.py")
    async with running(*program, environment=environment, cwd=ROOT) as example:
        assert await example.ended() == 0, example.errors
    assert example.output == f"{LOOKING}\n[get_weather {ARGUMENTS}]\n{ANSWER}\n"
