"""One query to a session, and what becomes of it: the platform's answer, or one of ours."""

from collections.abc import Sequence

from duologue.client import (
    Conversation,
    Error,
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

LISTEN = "listen"
"""The strategy with which it is so."""

_SHOWN_CHARS = 60


async def answer(conversation: Conversation, clock: Clock) -> str:
    """Say the query, and read up to the end of a response; returns what is to be told of it.

    Raises ServiceFault where the platform gives a response without words, or none.
    """
    began_ms, judged_ms, first_ms, texts = clock.now_ms(), 0.0, 0.0, list[str]()
    is_ours = conversation.strategy == LISTEN
    await conversation.say(QUERY)
    async for event in conversation:
        after_ms = clock.now_ms() - began_ms
        match event:
            case InputState(state=State.QUERY):
                judged_ms = judged_ms or after_ms
            case ResponseStarted(response_id) if is_ours:
                await conversation.assistant_said(ANSWER, response_id, is_end=True)
            case ResponseDelta(text=text):
                first_ms = first_ms or after_ms
                texts.append(text)
            case Error(message=message):
                raise ServiceFault(f"the platform says: {message}")
            case ResponseDone() if is_ours:
                return f"found to be a query after {judged_ms:.0f} ms; here clients speak"
            case ResponseDone() if "".join(texts).strip():
                return f"{_shown(texts)} (first text after {first_ms:.0f} ms)"
            case ResponseDone():
                raise ServiceFault("the reply has no text")
    raise ServiceFault("the session ended before it answered")


def _shown(texts: Sequence[str]) -> str:
    text = " ".join("".join(texts).split())
    return repr(text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…")
