"""What is refused, and what nobody answers, is told by its kind, and at once."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2

from duologue.client import (
    Conversation,
    InvalidRequest,
    QuotaExceeded,
    SendBufferFull,
    SessionClosed,
    SessionNotFound,
    SessionOver,
    Unauthenticated,
    Unreachable,
    connect,
)
from duologue.client.status import DETAILS_KEY
from duologue.events import InputAppend
from duologue.session.transcript import Entry, Outcome, Role
from duologue.v1 import events_pb2 as ev
from tests.client.service import KEY, Context, EchoService, no_address, serving
from tests.client.worlds import ShortWaits, client_of, impatient, numbers, text_of, until_done
from tests.waiting import waiting_for


def refusal(code: grpc.StatusCode, *given: object) -> Callable[[Context], Awaitable[None]]:
    packed = []
    for detail in given:
        any_ = AnyMessage()
        any_.Pack(detail)  # type: ignore[arg-type]
        packed.append(any_)
    status = status_pb2.Status(code=code.value[0], message="refused", details=packed)

    async def refuse(context: Context) -> None:
        trailer = ((DETAILS_KEY, status.SerializeToString()),)
        await context.abort(code, "refused", trailer)

    return refuse


async def test_a_wrong_key_is_not_tried_again() -> None:
    service = EchoService()
    async with serving(service) as address, connect(address, api_key="duo_x_y") as client:
        with pytest.raises(Unauthenticated, match="not valid"):
            async with client.converse():
                pass
    assert service.num_streams == 1


async def test_a_quota_is_told_with_its_time_and_not_waited_for() -> None:
    quota = details.QuotaFailure(violations=[details.QuotaFailure.Violation(subject="t")])
    wait = details.RetryInfo(retry_delay=Duration(seconds=3))
    exhausted = refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, quota, wait)
    service = EchoService(refuse=[exhausted])
    async with client_of(service) as client:
        with pytest.raises(QuotaExceeded) as found:
            async with client.converse():
                pass
        assert found.value.retry_after_s == 3
        async with client.converse() as conversation:
            assert conversation.session_id == "ses_1"


async def test_a_wrong_field_is_named() -> None:
    violation = details.BadRequest.FieldViolation(field="config.top_p")
    wrong = details.BadRequest(field_violations=[violation])
    service = EchoService(refuse=[refusal(grpc.StatusCode.INVALID_ARGUMENT, wrong)])
    async with client_of(service) as client:
        with pytest.raises(InvalidRequest) as found:
            async with client.converse():
                pass
    assert found.value.field == "config.top_p"


async def test_an_unknown_session_cannot_be_resumed_nor_read() -> None:
    async with client_of(EchoService()) as client:
        with pytest.raises(SessionNotFound):
            async with client.resume("ses_9", "token"):
                pass
        with pytest.raises(SessionNotFound):
            await client.transcript("ses_9")


async def test_a_transcript_is_told_in_the_librarys_words() -> None:
    async with client_of(EchoService()) as client, client.converse() as conversation:
        entries = await client.transcript(conversation.session_id)
    assert entries == [Entry(Role.USER, "Hello", Outcome.ANSWERED)]


async def test_nobody_there_is_said_with_the_address() -> None:
    waits = ShortWaits()
    with no_address() as address:
        async with connect(address, timing=waits.timing, options=impatient()) as client:
            with pytest.raises(Unreachable, match=address):
                async with client.converse():
                    pass
            with pytest.raises(Unreachable, match=address):
                await client.get_session("ses_1")


async def test_the_next_gateway_is_tried_for_conversations_and_calls() -> None:
    service = EchoService()
    with no_address() as nobody:
        async with serving(service) as address:
            for _ in range(2):
                client = connect([nobody, address], api_key=KEY, timing=ShortWaits().timing)
                async with client, client.converse() as conversation:
                    await conversation.say("hi")
                    assert text_of(await until_done(conversation)) == " hi"
            async with connect([nobody, address], api_key=KEY) as client:
                assert await client.transcript("ses_1")


async def test_a_slow_reader_slows_the_stream_and_gets_everything() -> None:
    """The stream stops when the inbox and gRPC's small windows are full."""
    service = EchoService()
    text = " ".join(["word" * 20] * 700)
    options = impatient(max_unread=4)
    async with client_of(service, options) as client, client.converse() as conversation:
        for _ in range(6):
            await conversation.say(text)
        session = service.sessions[conversation.session_id]
        await session.has_taken(12)
        written = -1
        async with waiting_for("the writing to halt", lambda: service.num_written):
            while written != service.num_written or conversation.num_unread < 4:
                written = service.num_written
                for _ in range(2_000):
                    await asyncio.sleep(0)
        assert conversation.num_unread == 4
        assert written < len(session.story)
        assert len(await numbers(conversation)) > 700
        for _ in range(5):
            await numbers(conversation)
        assert conversation.last_server_seq == len(session.story)


async def test_sending_is_refused_when_nothing_is_taken_and_nobody_reads() -> None:
    service = EchoService(before_ready=[ev.ServerEvent(queued=ev.Queued(position=0))])
    options = impatient(max_unread=2, max_untaken=5)
    async with client_of(service, options) as client, client.converse() as conversation:
        assert conversation.num_unread == 2
        with pytest.raises(SendBufferFull, match="5 events wait"):
            await append_numbers(conversation, 100)
        async with waiting_for("all to be taken", lambda: conversation.sent.num_kept):
            async for _ in conversation:  # what stops the stream, so that it can be closed
                if not conversation.sent.num_kept:
                    break


async def test_sending_waits_for_room_while_events_are_read() -> None:
    service = EchoService()
    options = impatient(max_unread=1_000, max_untaken=3)
    async with client_of(service, options) as client, client.converse() as conversation:
        await append_numbers(conversation, 50)
        await conversation.commit()
        await until_done(conversation)
    assert len(service.sessions["ses_1"].heard) == 52


async def append_numbers(conversation: Conversation, count: int) -> None:
    for number in range(count):
        await conversation.append(f" {number}")


async def test_an_event_too_large_is_refused_and_the_conversation_goes_on() -> None:
    async with client_of(EchoService()) as client, client.converse() as conversation:
        with pytest.raises(InvalidRequest, match="60000 bytes"):
            await conversation.send(InputAppend("a", "x" * 65_000))
        await conversation.say("still here")
        assert text_of(await until_done(conversation)) == " still here"


async def test_who_waits_in_the_queue_is_told_the_place() -> None:
    queued = [ev.ServerEvent(queued=ev.Queued(position=place)) for place in (2, 1, 0)]
    places: list[int] = []
    service = EchoService(before_ready=queued)
    async with client_of(service) as client, client.converse(on_queued=places.append):
        pass
    assert places == sorted(places, reverse=True)
    assert set(places) <= {0, 1, 2}


async def test_after_its_end_a_conversation_says_so() -> None:
    async with client_of(EchoService()) as client:
        async with client.converse() as conversation:
            await conversation.close()
        for act in (conversation.say("hi"), conversation.leave()):
            with pytest.raises(SessionOver, match="over"):
                await act
        assert [event async for event in conversation][-1] == SessionClosed()


async def test_an_exception_leaves_the_session_to_be_resumed() -> None:
    service = EchoService()
    async with client_of(service) as client:
        with pytest.raises(KeyError):
            async with client.converse():
                raise KeyError
        assert not service.sessions["ses_1"].is_closed
