"""Conversations through a real gateway: how they begin, go on and end."""

from typing import NoReturn

import grpc
import pytest

from duologue.gateway.quotas import Quotas
from duologue.store.store import Store
from duologue.tenants import Tenant
from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2
from tests.gateway.scripted import EVENTS_PER_INPUT, ScriptedNode, World
from tests.gateway.talking import START, Api, append, close, details, failure, resume
from tests.json_log import json_log
from tests.waiting import waiting_for

Raw = grpc.aio.StreamStreamMultiCallable[bytes, bytes]
RawUnary = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]


async def test_a_conversation_from_start_to_close(client: Api) -> None:
    talk = await client.started()
    await talk.say("hello")
    await talk.until_done(1)
    await talk.say("and again")
    await talk.until_done(2)
    await talk.write(close(3))
    await talk.rest()
    assert await talk.call.code() is grpc.StatusCode.OK
    assert talk.kinds[0] == "session_ready"
    assert talk.kinds[-1] == "session_closed"
    assert talk.numbers == list(range(1, 2 * EVENTS_PER_INPUT + 2))
    assert talk.text == "one two three" * 2


async def test_ready_tells_what_a_client_needs(client: Api) -> None:
    talk = await client.started()
    ready = talk.ready
    assert ready.session_id.startswith("ses_")
    assert len(ready.resume_token) >= 32
    assert ready.tick.ToMilliseconds() == 160
    assert (ready.last_client_seq, ready.last_server_seq) == (0, 0)
    assert talk.told[0].server_seq == 0
    assert talk.told[0].epoch == 1


async def test_events_may_be_sent_before_the_session_is_ready(client: Api) -> None:
    talk = client.converse()
    await talk.write(START)
    await talk.say("early")
    await talk.until_done(1)
    assert talk.kinds[0] == "session_ready"


async def test_a_repeat_is_passed_over(client: Api, world: World) -> None:
    talk = await client.started()
    for client_seq in (1, 1, 2, 1, 2, 3):
        await talk.say("word", client_seq)
    await talk.until_done(3)
    assert [e.client_seq for e in world.story(talk.session_id).said] == [1, 2, 3]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (append(0, "x"), "event.client_seq"),
        (append(2, "x"), "event.client_seq"),
        (pb.ConverseRequest(event=events_pb2.ClientEvent(client_seq=1)), "event.event"),
        (START, "request"),
        (pb.ConverseRequest(), "request"),
    ],
    ids=["number 0", "a gap", "no event", "another start", "empty"],
)
async def test_a_bad_later_message_names_the_field(
    client: Api, request_: pb.ConverseRequest, field: str
) -> None:
    talk, other = await client.started(), await client.started()
    await talk.write(request_)
    error = await failure(talk)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert _field(error) == field
    # It took nobody else down, and the session can be resumed.
    await other.say("still here")
    await other.until_done(1)
    again = await client.resumed(talk)
    await again.until_ready()


@pytest.mark.parametrize("first", [append(1, "x"), pb.ConverseRequest()], ids=["event", "empty"])
async def test_the_first_message_opens_or_resumes(client: Api, first: pb.ConverseRequest) -> None:
    talk = client.converse()
    await talk.write(first)
    error = await failure(talk)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert _field(error) == "request"


async def test_a_stream_that_ends_before_its_first_message(client: Api) -> None:
    talk = client.converse()
    await talk.call.done_writing()
    assert (await failure(talk)).code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_setting_out_of_range_is_named(client: Api) -> None:
    talk = client.converse()
    config = events_pb2.SessionConfig(temperature=-1)
    await talk.write(pb.ConverseRequest(start=pb.SessionStart(config=config)))
    error = await failure(talk)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert _field(error) == "config.temperature"
    assert details(error)["ErrorInfo"].domain == "duologue"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "authorization"),
        ("Bearer ", "Bearer KEY"),
        ("Basic abc", "Bearer KEY"),
        ("Bearer duo_123_nobody", "not valid"),
        ("Bearer rubbish", "not valid"),
    ],
)
async def test_wrong_or_missing_key(client: Api, value: str | None, words: str) -> None:
    client.metadata = () if value is None else (("authorization", value),)
    talk = client.converse()
    # The refusal comes in a stream's own kind: the client is told why, and not of a broken stream.
    error = await failure(talk)
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert words in str(error.details())
    request = pb.ListSessionsRequest()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.conversations.ListSessions(request, metadata=client.metadata)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_another_tenants_session_is_unknown(client: Api, store: Store) -> None:
    talk = await client.started()
    await store.put_tenant(Tenant("other"))
    client.metadata = (("authorization", f"Bearer {(await store.create_key('other')).key}"),)
    again = await client.resumed(talk)
    error = await failure(again)
    assert error.code() is grpc.StatusCode.NOT_FOUND
    for call in (
        client.conversations.GetSession(
            pb.GetSessionRequest(session_id=talk.session_id), metadata=client.metadata
        ),
        client.conversations.CloseSession(
            pb.CloseSessionRequest(session_id=talk.session_id), metadata=client.metadata
        ),
        client.conversations.GetTranscript(
            pb.GetTranscriptRequest(session_id=talk.session_id), metadata=client.metadata
        ),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("session_id", "code"),
    [
        ("ses_nobody", grpc.StatusCode.NOT_FOUND),
        ("", grpc.StatusCode.INVALID_ARGUMENT),
        ("{acme:x}", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_an_unknown_session(client: Api, session_id: str, code: grpc.StatusCode) -> None:
    talk = client.converse()
    await talk.write(resume(session_id, "token"))
    assert (await failure(talk)).code() is code


async def test_a_wrong_token(client: Api) -> None:
    talk = await client.started()
    again = client.converse()
    await again.write(resume(talk.session_id, "guess"))
    assert (await failure(again)).code() is grpc.StatusCode.PERMISSION_DENIED
    await talk.say("not disturbed")
    await talk.until_done(1)


async def test_a_closed_session_cannot_be_resumed(client: Api) -> None:
    talk = await client.started()
    closing = pb.CloseSessionRequest(session_id=talk.session_id)
    await client.conversations.CloseSession(closing, metadata=client.metadata)
    again = await client.resumed(talk)
    assert (await failure(again)).code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_resuming_behind_the_last_event_that_was_seen(client: Api) -> None:
    talk = await client.started()
    await talk.say("hello")
    await talk.until_done(1)
    talk.call.cancel()
    again = await client.resumed(talk, last_server_seq=2)
    await again.until_done(1)
    assert again.numbers == list(range(3, EVENTS_PER_INPUT + 1))
    assert again.ready.last_client_seq == 1
    await again.say("more", 2)
    await again.until_done(2)


async def test_a_second_connection_takes_over(client: Api, world: World) -> None:
    talk = await client.started()
    again = await client.resumed(talk)
    await again.until_ready()
    assert (await failure(talk)).code() is grpc.StatusCode.ABORTED
    await again.say("mine now")
    await again.until_done(1)
    assert len(world.story(talk.session_id).said) == 1


async def test_the_clients_cancel_leaves_the_session(
    client: Api, world: World, scripted: ScriptedNode
) -> None:
    """A cancelled call looks like the end of the client's side, and neither closes a session."""
    talk = await client.started()
    await talk.say("hello")
    await talk.until_done(1)
    talk.call.cancel()
    again = await client.resumed(talk)
    await again.until_ready()
    assert not world.story(talk.session_id).is_closed
    assert scripted.num_binds == 1


async def test_the_end_of_the_clients_side_detaches_when_all_is_taken(
    client: Api, world: World
) -> None:
    talk = await client.started()
    for _ in range(20):
        await talk.say("word")
    await talk.call.done_writing()
    await talk.rest()
    assert await talk.call.code() is grpc.StatusCode.OK
    story = world.story(talk.session_id)
    assert len(story.said) == 20
    assert not story.is_closed


async def test_an_oversized_message_ends_its_own_call_only(client: Api) -> None:
    talk, other = await client.started(), await client.started()
    await talk.say("x" * 70_000)
    assert (await failure(talk)).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await other.say("fine")
    await other.until_done(1)
    again = await client.resumed(talk)
    await again.until_ready()


async def test_bytes_that_are_no_message(client: Api) -> None:
    raw: Raw = client.channel.stream_stream("/duologue.v1.ConversationService/Converse")
    call = raw(metadata=client.metadata)
    async with waiting_for("the refusal"):
        await call.write(b"\xff\xff\xff")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    unary: RawUnary = client.channel.unary_unary("/duologue.v1.ConversationService/GetSession")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await unary(b"\xff\xff\xff", metadata=client.metadata)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    await client.started()


async def test_bytes_that_are_no_message_in_the_middle(client: Api) -> None:
    raw: Raw = client.channel.stream_stream("/duologue.v1.ConversationService/Converse")
    call = raw(metadata=client.metadata)
    async with waiting_for("a session, and then the refusal"):
        await call.write(START.SerializeToString())
        await call.read()
        await call.write(b"\x0a\xff")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_an_unknown_method(client: Api) -> None:
    unary: RawUnary = client.channel.unary_unary("/duologue.v1.ConversationService/Nothing")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await unary(b"", metadata=client.metadata)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def _field(error: grpc.aio.AioRpcError) -> str:
    return details(error)["BadRequest"].field_violations[0].field  # type: ignore[attr-defined, no-any-return]


async def test_the_log_names_the_session_of_a_conversation_that_failed(
    client: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> NoReturn:
        raise RuntimeError("a fault")

    talk = await client.started()
    monkeypatch.setattr(Quotas, "say", fail)
    with json_log() as log:
        await talk.say("hello")
        await failure(talk)
    assert log.entry("a call failed")["session_id"] == talk.session_id
