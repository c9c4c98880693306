"""Callers that speak with a model of their own, through the gateway, by their client."""

from collections.abc import AsyncIterator

import grpc
import pytest

from duologue.client import (
    Client,
    Conversation,
    Envelope,
    Error,
    InputState,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SessionConfig,
    connect,
)
from duologue.events import ServerEvent
from duologue.session.transcript import Entry, Outcome, Role
from duologue.states import State
from duologue.tenants import Tenant
from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2
from tests.actors.premises import TENANT, Premises
from tests.gateway.talking import Api, details, failure
from tests.gateway.test_real_sessions import Building, building, client, premises, valkey
from tests.waiting import waiting_for

__all__ = ["building", "client", "premises", "valkey"]

LISTEN = SessionConfig(strategy="listen", floor="eager")


@pytest.fixture
async def caller(client: Api, premises: Premises) -> AsyncIterator[Client]:
    key = (await premises.store.create_key(TENANT)).key
    async with connect(client.address, api_key=key) as caller:
        yield caller


async def _until(conversation: Conversation, *kinds: type[ServerEvent]) -> list[ServerEvent]:
    """Read on until an event of one of these kinds comes; all that came."""
    told: list[ServerEvent] = []
    async with waiting_for(f"{kinds}", lambda: told):
        async for each in conversation.told():
            if isinstance(each, Envelope):
                told.append(each.event)
                if isinstance(each.event, kinds):
                    return told
    raise AssertionError(told)


async def test_the_caller_answers_and_is_cut(caller: Client) -> None:
    async with caller.converse(LISTEN) as conversation:
        await conversation.say("what is it?")
        told = await _until(conversation, ResponseStarted)
        states = [event.state for event in told if isinstance(event, InputState)]
        assert states == [State.QUERY]
        await conversation.assistant_said("It is a", response_id=1)
        await conversation.assistant_said(" long story.", response_id=1, heard_chars=7)
        await conversation.say("and what else?")
        cut = (await _until(conversation, Interrupted))[-1]
        assert cut == Interrupted(1, 7)
        await _until(conversation, ResponseStarted)
        await conversation.assistant_said("Nothing.", response_id=2, is_end=True, heard_chars=8)
        await _until(conversation, ResponseDone)
        await conversation.close()
        entries = await caller.transcript(conversation.session_id)
    assert entries == [
        Entry(Role.USER, "what is it?", Outcome.ANSWERED),
        Entry(Role.ASSISTANT, "It is a", Outcome.CUT, 1),
        Entry(Role.USER, "and what else?", Outcome.ANSWERED),
        Entry(Role.ASSISTANT, "Nothing.", Outcome.COMPLETE, 2),
    ]


async def test_what_the_caller_said_outlives_the_session_actor(
    caller: Client, building: Building
) -> None:
    """Also what it was in the midst of saying."""
    async with caller.converse(LISTEN) as conversation:
        await conversation.assistant_said("Hello, how may I help?", is_end=True)
        await conversation.say("what is it?")
        await _until(conversation, InputState)
        await conversation.assistant_said("It is a", response_id=2)
        building.holder(conversation.session_id).drain(0, "it has to go")
        await conversation.say("and what else?")
        assert (await _until(conversation, Interrupted))[-1] == Interrupted(2, 7)
        await conversation.close()
        entries = await caller.transcript(conversation.session_id)
    texts = ["Hello, how may I help?", "what is it?", "It is a", "and what else?"]
    assert [entry.text for entry in entries] == texts


async def test_what_makes_no_sense_is_answered_by_an_error(caller: Client) -> None:
    async with caller.converse(LISTEN) as conversation:
        await conversation.cancel()
        refused = (await _until(conversation, Error))[-1]
    assert isinstance(refused, Error)
    assert "the caller speaks" in refused.message
    async with caller.converse() as conversation:
        await conversation.assistant_said("Hello.")
        refused = (await _until(conversation, Error))[-1]
    assert isinstance(refused, Error)
    assert "strategy 'listen'" in refused.message


async def test_what_the_caller_says_is_charged_to_its_tenant(
    client: Api, premises: Premises
) -> None:
    await premises.store.put_tenant(Tenant(TENANT, input_chars_per_minute=100))
    talk = await client.starting(events_pb2.SessionConfig(strategy="listen"))
    await talk.until_ready()
    for client_seq in (1, 2):
        said = events_pb2.AssistantSaid(text="x" * 60)
        event = events_pb2.ClientEvent(client_seq=client_seq, assistant_said=said)
        await talk.write(pb.ConverseRequest(event=event))
    error = await failure(talk)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert details(error)["ErrorInfo"].reason == "QUOTA_EXCEEDED"  # type: ignore[attr-defined]
