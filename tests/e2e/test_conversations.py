"""Conversations through the whole platform: client, gateway, session and batching actor, store."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from openai import AsyncOpenAI

from duologue.client import (
    Envelope,
    Interrupted,
    Notice,
    PermissionDenied,
    ResponseDelta,
    ResponseResumed,
    ResponseStarted,
    SessionConfig,
    SessionNotFound,
    Told,
    Unauthenticated,
    connect,
)
from duologue.proxies import is_loopback
from duologue.session.transcript import Outcome, Role
from duologue.states import State
from duologue.usage import Usage
from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2
from duologue.v1.conversation_pb2_grpc import ConversationServiceStub
from tests.e2e.conftest import Platform
from tests.e2e.listening import REPLY_WITHIN_S, Listener
from tests.programs import running
from tests.proxy_sink import ProxySink
from tests.waiting import waiting_for

pytestmark = [
    # One worker runs all tests that start Ray: two clusters at once do not fit on two cores.
    pytest.mark.xdist_group("ray"),
    # The real model computes every reply, and the first test waits until the platform has started:
    # 20 to 50 s where the cores are others' too.
    pytest.mark.timeout(300),
]

COMMAND = (sys.executable, "-c", "from duologue.cli.main import main; main()")
LONG = "Tell me a long story about a dragon who learns to cook."


async def test_a_question_is_answered_and_remembered(platform: Platform) -> None:
    async with platform.client() as client, client.converse() as conversation:
        listener = Listener(conversation)
        await conversation.say("What is the capital of France?")
        assert "Paris" in await listener.until_done()
        usage = await listener.until(
            lambda told: isinstance(told, Notice) and isinstance(told.event, Usage), "a usage"
        )
        await conversation.say("And of Italy?")
        assert "Rome" in await listener.until_done()
        assert listener.numbers == list(range(1, len(listener.numbers) + 1))
        entries = await client.transcript(conversation.session_id)
    assert isinstance(usage, Notice)
    assert isinstance(usage.event, Usage)
    assert usage.event.output_tokens > 0
    assert [entry.role for entry in entries][:3] == [Role.USER, Role.ASSISTANT, Role.USER]
    assert entries[1].text == listener.text(1)


async def test_a_proxy_in_the_environment_is_left_alone(
    platform: Platform, proxy: ProxySink
) -> None:
    """By whatever runs here, of ours and of Ray's, which does ask it for what lies outside."""
    async with platform.client() as client, client.converse() as conversation:
        await conversation.say("What is the capital of France?")
        assert "Paris" in await Listener(conversation).until_done()
    assert [line for line in proxy.asked if line.startswith("CONNECT")] == []
    assert [line for line in proxy.asked if is_loopback(line.split()[1])] == []


async def test_a_backchannel_leaves_the_reply_as_it_is_and_a_query_cuts_it(
    platform: Platform,
) -> None:
    async with platform.client() as client:
        async with client.converse() as conversation:
            alone = Listener(conversation)
            await conversation.say(LONG)
            undisturbed = await alone.until_done()
        async with client.converse() as conversation:
            listener = Listener(conversation)
            await conversation.say(LONG)
            await listener.until_event(ResponseDelta)
            await conversation.say("uh-huh")
            await listener.until_event(ResponseResumed)
            assert await listener.until_done() == undisturbed
            await conversation.say(LONG)
            await listener.until_event(ResponseDelta)
            await conversation.say("Stop, what is two plus two?")
            cut = await listener.until_event(Interrupted)
            reply = await listener.until_done()  # of the one that was cut
            assert isinstance(cut, Interrupted)
            assert reply == listener.text(cut.response_id)
            assert await listener.until_done() == listener.text(3)
            entries = await client.transcript(conversation.session_id)
    assert listener.decided == [State.QUERY, State.NON_QUERY, State.QUERY, State.QUERY]
    outcomes = [entry.outcome for entry in entries]
    assert outcomes.count(Outcome.IGNORED) == 1
    assert outcomes.count(Outcome.CUT) == 1
    kept = next(entry for entry in entries if entry.outcome is Outcome.CUT)
    assert kept.text == reply[: cut.heard_chars]


async def test_a_caller_speaks_with_a_model_of_its_own(platform: Platform) -> None:
    """What it says is context for what is judged next, and is cut like a reply."""
    config = SessionConfig(strategy="listen")
    async with platform.client() as client, client.converse(config) as conversation:
        listener = Listener(conversation)
        await conversation.assistant_said("Hello! Where would you like to go?", is_end=True)
        await conversation.say("What is the capital of France?")
        await listener.until(_starts(2), "the caller's turn")
        await conversation.assistant_said("It is Paris, the city of", response_id=2)
        await conversation.say("uh-huh")
        await listener.until_event(ResponseResumed)
        await conversation.assistant_said(" light, and", response_id=2)
        await conversation.say("Stop, what is two plus two?")
        await listener.until(_starts(3), "the caller's next turn")
        await conversation.assistant_said("Four.", response_id=3, is_end=True)
        await conversation.close()
        entries = await client.transcript(conversation.session_id)
    assert not any(isinstance(event, ResponseDelta) for event in listener.events)
    assert listener.decided == [State.QUERY, State.NON_QUERY, State.QUERY]
    assert [(entry.text, entry.outcome) for entry in entries] == [
        ("Hello! Where would you like to go?", Outcome.COMPLETE),
        ("What is the capital of France?", Outcome.ANSWERED),
        ("uh-huh", Outcome.IGNORED),
        ("It is Paris, the city of light, and", Outcome.CUT),
        ("Stop, what is two plus two?", Outcome.ANSWERED),
        ("Four.", Outcome.COMPLETE),
    ]


def _starts(response_id: int) -> Callable[[Told], bool]:
    def is_it(told: Told) -> bool:
        return isinstance(told, Envelope) and told.event == ResponseStarted(response_id)

    return is_it


async def test_text_may_be_revised_until_it_is_decided(platform: Platform) -> None:
    async with platform.client() as client, client.converse() as conversation:
        listener = Listener(conversation)
        segment = await conversation.append("What is the capital of Germ")
        await conversation.revise(segment, "What is the capital of France?")
        await conversation.commit()
        assert "Paris" in await listener.until_done()
        entries = await client.transcript(conversation.session_id)
    assert entries[0].text == "What is the capital of France?"


async def test_a_client_that_drops_out_in_a_reply_gets_the_rest_once(platform: Platform) -> None:
    async with platform.client() as client:
        async with client.converse() as conversation:
            first = Listener(conversation)
            await conversation.say(LONG)
            await first.until_event(ResponseDelta)
            await conversation.leave()
            session, token = conversation.session_id, conversation.resume_token
            seen = first.numbers[-1]
        async with client.resume(session, token, last_server_seq=seen) as conversation:
            second = Listener(conversation)
            await second.until_done()
    numbers = first.numbers + second.numbers
    assert numbers == list(range(1, len(numbers) + 1))
    assert seen < numbers[-1]


async def test_a_killed_gateway_comes_back_and_the_conversation_goes_on(
    platform: Platform,
) -> None:
    gateway = platform.cluster.gateway
    assert gateway is not None
    async with platform.client() as client, client.converse() as conversation:
        listener = Listener(conversation)
        await conversation.say("What is the capital of France?")
        assert "Paris" in await listener.until_done()
        os.kill(gateway.pid, signal.SIGKILL)
        await conversation.say("And of Italy?")
        assert "Rome" in await listener.until_done()
        assert listener.numbers == list(range(1, len(listener.numbers) + 1))
        assert conversation.stats.num_connections == 2


async def test_a_silent_session_sleeps_and_its_next_input_wakes_it(platform: Platform) -> None:
    questions = ("What is the capital of France?", "And what is it known for?")
    async with platform.client() as client:
        async with client.converse() as conversation:
            awake = Listener(conversation)
            for question in questions:
                await conversation.say(question)
                await awake.until_done()
        async with client.converse() as conversation:
            listener = Listener(conversation)
            await conversation.say(questions[0])
            await listener.until_done()
            async with waiting_for("the session to fall asleep"):
                while (await client.get_session(conversation.session_id)).status != (
                    pb.SESSION_STATUS_ASLEEP
                ):
                    await asyncio.sleep(0.05)
            await conversation.say(questions[1])
            assert await listener.until_done() == awake.text(2)
    epochs = [told.epoch for told in listener.told if isinstance(told, Envelope)]
    assert epochs == sorted(epochs)
    assert len(set(epochs)) == 2
    assert listener.numbers == list(range(1, len(listener.numbers) + 1))


async def test_who_has_no_key_or_a_wrong_one_is_refused(platform: Platform) -> None:
    for key in (None, "duo_nobody_knows"):
        async with connect(platform.cluster.address, api_key=key) as client:
            with pytest.raises(Unauthenticated):
                await client.list_sessions()
            with pytest.raises(Unauthenticated):
                async with client.converse():
                    pass


async def test_unknown_sessions_and_wrong_tokens_are_refused(platform: Platform) -> None:
    async with platform.client() as client:
        with pytest.raises(SessionNotFound):
            async with client.resume("ses_nobody", "token"):
                pass
        session, _ = await client.create_session()
        with pytest.raises(PermissionDenied):
            async with client.resume(session.session_id, "wrong"):
                pass


async def test_a_setting_out_of_range_names_its_field(platform: Platform) -> None:
    key = (("authorization", f"Bearer {platform.api_key}"),)
    request = pb.CreateSessionRequest(config=events_pb2.SessionConfig(temperature=99.0))
    async with grpc.aio.insecure_channel(platform.cluster.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="temperature") as refused:
            await ConversationServiceStub(channel).CreateSession(request, metadata=key)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\xff\xff\xff\xff", grpc.StatusCode.INVALID_ARGUMENT),
        (b"", grpc.StatusCode.INVALID_ARGUMENT),
        # Small enough that gRPC has taken all of it before it is refused.
        (b"\x0a" * 70_000, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
    ids=["malformed", "empty", "oversized"],
)
async def test_a_bad_message_ends_its_own_call_only(
    platform: Platform, message: bytes, code: grpc.StatusCode
) -> None:
    key = (("authorization", f"Bearer {platform.api_key}"),)
    async with (
        platform.client() as client,
        client.converse() as conversation,
        grpc.aio.insecure_channel(platform.cluster.address) as channel,
    ):
        listener = Listener(conversation)
        method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
            "/duologue.v1.ConversationService/Converse"
        )
        call = method(metadata=key)
        async with waiting_for("the refusal"):
            await call.write(message)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call.read()
        assert refused.value.code() is code
        await conversation.say("What is the capital of France?")
        assert "Paris" in await listener.until_done()


async def test_plain_stubs_converse_too(platform: Platform) -> None:
    key = (("authorization", f"Bearer {platform.api_key}"),)
    async with (
        grpc.aio.insecure_channel(platform.cluster.address) as channel,
        waiting_for("the end of a reply", within_s=REPLY_WITHIN_S),
    ):
        call = ConversationServiceStub(channel).Converse(metadata=key)
        await call.write(pb.ConverseRequest(start=pb.SessionStart()))
        text = ""
        async for response in call:
            match response.event.WhichOneof("event"):
                case "session_ready":
                    opening = pb.ConverseRequest()
                    opening.event.client_seq = 1
                    opening.event.input_append.segment_id = "a"
                    opening.event.input_append.text = "What is the capital of France?"
                    await call.write(opening)
                case "response_delta":
                    text += response.event.response_delta.text
                case "response_done":
                    break
                case _:
                    pass
        call.cancel()
    assert "Paris" in text


async def test_a_check_says_that_it_works(platform: Platform) -> None:
    flags = ("--address", platform.cluster.address, "--api-key", platform.api_key, "--json")
    # No step may be taken for a failure because the cores are others' too.
    command = (*COMMAND, "check", *flags, "--within-s", str(REPLY_WITHIN_S))
    async with running(*command) as check:
        assert await check.ended(within_s=2 * REPLY_WITHIN_S) == 0, check.output
        told = json.loads(check.output)
    assert told["works"]
    assert "Paris" in next(step["told"] for step in told["steps"] if step["name"] == "answer")


async def test_the_official_client_of_openai_s_api_asks_by_both_doors(platform: Platform) -> None:
    question = "What is the capital of France?"
    async with (
        AsyncOpenAI(
            base_url=f"http://{platform.cluster.http_address}/v1", api_key=platform.api_key
        ) as client,
        waiting_for("both answers", within_s=REPLY_WITHIN_S),
    ):
        whole = await client.chat.completions.create(
            model="default", messages=[{"role": "user", "content": question}]
        )
        assert "Paris" in (whole.choices[0].message.content or "")
        item: Any = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": question}],
        }
        async with client.realtime.connect(model="default") as connection:
            await connection.conversation.item.create(item=item)
            await connection.response.create()
            async for event in connection:
                assert event.type != "error", event
                if event.type == "response.output_text.done":
                    assert "Paris" in event.text
                    break
