"""A chat completion in the place of a call: what its client gets of it, however it ends."""

from collections.abc import Sequence

import pytest

from duologue.openai.chat_call import ChatCall
from duologue.openai.chat_reply import ChatReply
from duologue.openai.chat_request import ChatRequest
from duologue.session_config import SessionConfig
from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2

DELTA = events_pb2.ServerEvent(response_delta=events_pb2.ResponseDelta(response_id=1, text="Hi."))
DONE = events_pb2.ServerEvent(
    response_done=events_pb2.ResponseDone(response_id=1, reason=events_pb2.END_REASON_STOP)
)
USAGE = events_pb2.ServerEvent(usage=events_pb2.Usage(input_tokens=3, output_tokens=2))


async def heard(told: Sequence[events_pb2.ServerEvent], error: Exception | None) -> ChatReply:
    """What came of a call that was told this and then ended; raises what its client is told."""
    reply = ChatReply(ChatRequest("tiny", SessionConfig(), "hello"), "chatcmpl-1", 0)
    call = ChatCall(reply, ())
    for event in told:
        await call.write(pb.ConverseResponse(event=event))
    call.done(error)
    async for _ in call.chunks():
        pass
    return reply


async def test_an_answer_and_what_it_took() -> None:
    completion = (await heard([DELTA, DONE, USAGE], None)).completion()
    assert completion["choices"][0]["message"]["content"] == "Hi."
    assert completion["usage"]["total_tokens"] == 5


@pytest.mark.parametrize("error", [None, ConnectionError("gone")])
async def test_an_answer_that_is_there_counts_whatever_ends_the_session(
    error: Exception | None,
) -> None:
    """It may end before it was told what the answer took."""
    completion = (await heard([DELTA, DONE], error)).completion()
    assert completion["choices"][0]["message"]["content"] == "Hi."
    assert completion["usage"] is None


@pytest.mark.parametrize("told", [[], [DELTA]])
async def test_what_ends_it_before_its_end_is_told(told: list[events_pb2.ServerEvent]) -> None:
    with pytest.raises(ConnectionError, match="gone"):
        await heard(told, ConnectionError("gone"))
    with pytest.raises(RuntimeError, match="without an answer"):
        await heard(told, None)
