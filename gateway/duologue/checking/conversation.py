"""One short conversation with a running platform, step by step."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace

from duologue.checking.health import ask_health
from duologue.checking.steps import Finding, Steps
from duologue.client import (
    Client,
    ClientError,
    Conversation,
    Error,
    ResponseDelta,
    ResponseDone,
    ServiceFault,
    SessionConfig,
    Unreachable,
    connect,
)
from duologue.clock import Clock
from duologue.trust import Trust

QUERY = "What is the capital of France?"
READINESS = "duologue.v1.ConversationService"

_CONFIG = SessionConfig(temperature=0.0, max_reply_tokens=24, labels={"purpose": "duologue check"})
_HEALTH_S = 5.0
_CLEARING_S = 5.0
_SHOWN_CHARS = 60


async def reach(address: str, trust: Trust | None, steps: Steps) -> None:
    """A gateway is there, and says that clients should come."""
    async with steps.step("reached") as finding:
        refusals = []
        for each in address.split(","):
            found = await asyncio.to_thread(
                ask_health, each.strip(), READINESS, trust=trust, within_s=_HEALTH_S
            )
            if found.is_serving:
                finding.told = found.told
                return
            refusals.append(found.told)
        raise Unreachable("; ".join(refusals))


async def converse(
    address: str,
    api_key: str | None,
    trust: Trust | None,
    steps: Steps,
    clock: Clock,
    *,
    model: str | None = None,
) -> None:
    """The key is taken, a session opens, a query is answered with text, the session closes.

    `model` is the one to ask; None leaves it to the platform.
    """
    async with AsyncExitStack() as stack:
        async with steps.step("key") as finding:
            client = await stack.enter_async_context(_connected(address, api_key, trust))
            await client.list_sessions(1)
            finding.told = "the API key is valid"
        async with _session(client, replace(_CONFIG, model=model), steps) as conversation:
            async with steps.step("answer") as finding:
                await _answer(conversation, finding, clock)
            async with steps.step("closed") as finding:
                await conversation.close()
                finding.told = "the session is closed"


def _connected(address: str, api_key: str | None, trust: Trust | None) -> Client:
    if trust is None:
        return connect(address, api_key=api_key)
    return connect(
        address,
        api_key=api_key,
        tls=trust.ca,
        tls_certificate=trust.certificate,
        tls_key=trust.key,
    )


@asynccontextmanager
async def _session(
    client: Client, config: SessionConfig, steps: Steps
) -> AsyncIterator[Conversation]:
    """A conversation; if the block fails, its session is closed as far as that is possible."""
    positions: list[int] = []
    conversation = client.converse(config, on_queued=positions.append)
    async with AsyncExitStack() as stack:
        async with steps.step("session") as finding:
            await stack.enter_async_context(conversation)
            waited = ", after waiting for room" if positions else ""
            finding.told = f"{conversation.session_id} is open{waited}"
        try:
            yield conversation
        except BaseException:
            with suppress(ClientError, TimeoutError):
                async with asyncio.timeout(_CLEARING_S):
                    await client.close_session(conversation.session_id)
            raise


async def _answer(conversation: Conversation, finding: Finding, clock: Clock) -> None:
    """Say the query, and read up to the end of a reply with text."""
    began_ms, first_ms, texts = clock.now_ms(), None, list[str]()
    await conversation.say(QUERY)
    async for event in conversation:
        match event:
            case ResponseDelta(text=text):
                first_ms = clock.now_ms() - began_ms if first_ms is None else first_ms
                texts.append(text)
            case Error(message=message):
                raise ServiceFault(f"the platform says: {message}")
            case ResponseDone() if "".join(texts).strip():
                finding.told = f"{_shown(texts)} (first text after {first_ms:.0f} ms)"
                return
            case ResponseDone():
                raise ServiceFault("the reply has no text")
    raise ServiceFault("the session ended before it answered")


def _shown(texts: Sequence[str]) -> str:
    text = " ".join("".join(texts).split())
    return repr(text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…")
