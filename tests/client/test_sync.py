"""The client whose calls wait: the same events, from programs without an event loop."""

import asyncio
import threading

import pytest

from duologue.client import (
    ClientError,
    Event,
    InvalidRequest,
    ResponseDelta,
    ResponseDone,
    SessionReady,
    Unauthenticated,
    UsedElsewhere,
    sync,
)
from tests.client.service import KEY, EchoService, serving

HELLO = "Hello wide world"


def text_of(conversation: sync.SyncConversation) -> str:
    """Of the next reply."""
    text = ""
    for event in conversation:
        if isinstance(event, ResponseDelta):
            text += event.text
        elif isinstance(event, ResponseDone):
            break
    return text


def num_client_threads() -> int:
    return sum(thread.name == "duologue client" for thread in threading.enumerate())


async def test_a_script_converses() -> None:
    service = EchoService()

    def script() -> None:
        with sync.connect(address, api_key=KEY) as client, client.converse() as conversation:
            assert conversation.session_id in service.sessions
            conversation.say(HELLO)
            assert HELLO in text_of(conversation)
            name = conversation.append("What ")
            conversation.revise(name, "Why is that?", is_final=True)
            conversation.commit()
            assert "Why is that?" in text_of(conversation)
        assert num_client_threads() == 0

    async with serving(service) as address:
        await asyncio.to_thread(script)
    (session,) = service.sessions.values()
    assert session.is_closed


async def test_one_thread_reads_while_another_one_speaks() -> None:
    def script() -> str:
        with sync.connect(address, api_key=KEY) as client, client.converse() as conversation:
            found: list[str] = []
            reader = threading.Thread(target=lambda: found.append(text_of(conversation)))
            reader.start()
            conversation.say(HELLO)
            reader.join()
            return found[0]

    async with serving(EchoService()) as address:
        assert HELLO in await asyncio.to_thread(script)


async def test_it_waits_for_an_event_as_long_as_is_said() -> None:
    def script() -> list[Event | None]:
        with sync.connect(address, api_key=KEY) as client, client.converse() as conversation:
            told = [conversation.next_event(), conversation.next_event(wait_s=0.01)]
            conversation.say(HELLO)
            assert HELLO in text_of(conversation)  # nothing was lost by giving up
            conversation.close()
            list(conversation)
            return [*told, conversation.next_event()]

    async with serving(EchoService()) as address:
        ready, *others = await asyncio.to_thread(script)
    assert isinstance(ready, SessionReady)
    assert ready.strategy == "turn"
    assert others == [None, None]


async def test_what_was_left_is_resumed() -> None:
    service = EchoService()

    def script() -> None:
        with sync.connect(address, api_key=KEY) as client:
            with client.converse() as conversation:
                conversation.leave()
            resumed = client.resume(
                conversation.session_id, conversation.resume_token, conversation.last_server_seq
            )
            with resumed:
                assert resumed.session_id == conversation.session_id
                assert resumed.strategy == "turn"
                resumed.say(HELLO)
                assert HELLO in text_of(resumed)

    async with serving(service) as address:
        await asyncio.to_thread(script)
    assert len(service.sessions) == 1


async def test_errors_are_those_of_the_client() -> None:
    def script() -> None:
        with sync.connect(address, api_key="wrong") as client:
            with pytest.raises(Unauthenticated), client.converse():
                pass
            with pytest.raises(InvalidRequest, match="use `with`"):
                client.converse().say(HELLO)
        with pytest.raises(ClientError, match="is closed"):
            client.get_session("x")
        client.close()

    async with serving(EchoService()) as address:
        await asyncio.to_thread(script)


async def test_a_callback_cannot_wait_in_the_clients_own_thread() -> None:
    def script() -> None:
        with sync.connect(address, api_key=KEY) as client:

            async def from_within() -> None:
                client.get_session("x")

            with pytest.raises(UsedElsewhere, match="where its answer comes in"):
                client._thread.run(from_within)

    async with serving(EchoService()) as address:
        await asyncio.to_thread(script)


async def test_a_conversation_that_is_not_left_ends_with_its_client() -> None:
    service = EchoService()

    def script() -> None:
        with sync.connect(address, api_key=KEY) as client:
            client.converse().__enter__()
        assert num_client_threads() == 0

    async with serving(service) as address:
        await asyncio.to_thread(script)
    (session,) = service.sessions.values()
    assert not session.is_closed


def test_nothing_runs_before_something_is_asked() -> None:
    with sync.connect("127.0.0.1:1"):
        assert num_client_threads() == 0
    with pytest.raises(InvalidRequest):
        sync.connect("")
