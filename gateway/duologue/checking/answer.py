"""One query to a session, and what becomes of it: the platform's answer, or one of ours."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from duologue.client import (
    Conversation,
    Error,
    Event,
    InputState,
    ResponseDelta,
    ResponseDone,
    ResponseStarted,
    ServiceFault,
)
from duologue.clock import Clock
from duologue.states import State

QUERY = "What is the capital of France?"
ANSWER = "Paris."
"""Of the check, where the platform leaves it to its clients to speak."""

SILENT_S = 2.0
"""A response that the platform gives itself begins with its text. Where none comes for so long, the
client is to speak."""

_SHOWN_CHARS = 60


async def answer(conversation: Conversation, clock: Clock) -> str:
    """Say the query, and read up to the end of a response; returns what is to be told of it.

    Raises ServiceFault where the platform gives a response without words, or none.
    """
    began_ms, judged_ms, first_ms, texts = clock.now_ms(), 0.0, 0.0, list[str]()
    response_id: int | None = None
    is_ours = False
    await conversation.say(QUERY)
    async with aclosing(_with_silence(conversation)) as events:
        async for event in events:
            after_ms = clock.now_ms() - began_ms
            match event:
                case None:
                    is_ours = True
                    await conversation.assistant_said(ANSWER, response_id, is_end=True)
                case InputState(state=State.QUERY):
                    judged_ms = judged_ms or after_ms
                case ResponseStarted(response_id):
                    pass
                case ResponseDelta(text=text):
                    first_ms = first_ms or after_ms
                    texts.append(text)
                case Error(message=message):
                    raise ServiceFault(f"the platform says: {message}")
                case ResponseDone() if "".join(texts).strip():
                    return f"{_shown(texts)} (first text after {first_ms:.0f} ms)"
                case ResponseDone() if is_ours:
                    return f"found to be a query after {judged_ms:.0f} ms; here clients speak"
                case ResponseDone():
                    raise ServiceFault("the reply has no text")
    raise ServiceFault("the session ended before it answered")


async def _with_silence(conversation: Conversation) -> AsyncGenerator[Event | None]:
    """Its events, and None once where nothing follows the beginning of a response."""
    has_begun = False
    while True:
        following = asyncio.ensure_future(anext(conversation))
        try:
            if has_begun and not (await asyncio.wait({following}, timeout=SILENT_S))[0]:
                has_begun = False
                yield None
            event = await following
        except StopAsyncIteration:
            return
        finally:
            following.cancel()
        match event:
            case ResponseStarted():
                has_begun = True
            case ResponseDelta() | ResponseDone():
                has_begun = False
        yield event


def _shown(texts: Sequence[str]) -> str:
    text = " ".join("".join(texts).split())
    return repr(text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…")
