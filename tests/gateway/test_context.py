"""Sessions that know more than what is said in them, through the gateway, by their client."""

from collections.abc import AsyncIterator

import pytest

from duologue.client import (
    Client,
    EarlierTurn,
    InvalidRequest,
    ResponseDelta,
    ResponseDone,
    ResponseStarted,
    SessionConfig,
    connect,
)
from duologue.session.transcript import Entry, Outcome, Role
from tests.actors.premises import TENANT, Premises
from tests.gateway.talking import Api
from tests.gateway.test_real_sessions import Building, building, client, premises, valkey
from tests.waiting import waiting_for

__all__ = ["building", "client", "premises", "valkey"]

HISTORY = (EarlierTurn("user", "what is it?"), EarlierTurn("assistant", "It is a bird."))


@pytest.fixture
async def caller(client: Api, premises: Premises) -> AsyncIterator[Client]:
    key = (await premises.store.create_key(TENANT)).key
    async with connect(client.address, api_key=key) as caller:
        yield caller


async def test_what_the_model_was_let_know_outlives_the_session_actor(
    caller: Client, building: Building
) -> None:
    config = SessionConfig(history=HISTORY, floor="eager")
    async with caller.converse(config) as conversation:
        await conversation.add_context("It is Monday.")
        building.holder(conversation.session_id).drain(0, "it has to go")
        await conversation.say("and there?")
        async with waiting_for("the answer"):
            async for event in conversation:
                if isinstance(event, ResponseStarted):
                    await conversation.add_context("A robin.", role="user")
                if isinstance(event, ResponseDone):
                    break
        found = await caller.get_session(conversation.session_id)
        await conversation.close()
        entries = await caller.transcript(conversation.session_id)
    assert [(turn.role, turn.text) for turn in found.config.history] == [
        (turn.role, turn.text) for turn in HISTORY
    ]
    assert entries[:2] == [
        Entry(Role.SYSTEM, "It is Monday.", Outcome.NOTED),
        Entry(Role.USER, "and there?", Outcome.ANSWERED),
    ]
    assert {entry.text for entry in entries[3:]} <= {"A robin."}


async def test_the_assistant_speaks_first_and_that_outlives_the_session_actor(
    caller: Client, building: Building
) -> None:
    config = SessionConfig(reply_tokens_per_slice=1)
    async with caller.converse(config) as conversation:
        await conversation.respond("Hello, who is there?", instructions="Be kind.")
        said = ""
        async with waiting_for("the greeting", lambda: said):
            async for event in conversation:
                if isinstance(event, ResponseStarted):
                    building.holder(conversation.session_id).drain(0, "it has to go")
                if isinstance(event, ResponseDelta):
                    said += event.text
                if isinstance(event, ResponseDone):
                    break
        await conversation.close()
        entries = await caller.transcript(conversation.session_id)
    assert said == "Hello, who is there?"
    assert entries == [
        Entry(Role.SYSTEM, "Be kind.", Outcome.NOTED),
        Entry(Role.ASSISTANT, said, Outcome.COMPLETE, 1),
    ]


async def test_a_history_that_cannot_fit_is_refused_by_its_name(caller: Client) -> None:
    config = SessionConfig(history=(EarlierTurn("user", "what is it? " * 1_500),) * 3)
    with pytest.raises(InvalidRequest, match=r"config\.history must leave room") as caught:
        async with caller.converse(config):
            pass
    assert caught.value.field == "config.history"
