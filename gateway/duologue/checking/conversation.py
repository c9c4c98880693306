"""One short conversation with a running platform, step by step."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace

from duologue.checking.answer import answer
from duologue.checking.health import ask_health
from duologue.checking.steps import Steps
from duologue.client import (
    Client,
    ClientError,
    Conversation,
    SessionConfig,
    Unreachable,
    connect,
)
from duologue.clock import Clock
from duologue.trust import Trust

READINESS = "duologue.v1.ConversationService"

_CONFIG = SessionConfig(temperature=0.0, max_reply_tokens=24, labels={"purpose": "duologue check"})
_HEALTH_S = 5.0
_CLEARING_S = 5.0


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

    `model` is the one to ask; None leaves it to the platform, and so is the strategy left: where
    that lets clients speak, an answer is told for them.
    """
    async with AsyncExitStack() as stack:
        async with steps.step("key") as finding:
            client = await stack.enter_async_context(_connected(address, api_key, trust))
            await client.list_sessions(1)
            finding.told = "the API key is valid"
        async with _session(client, replace(_CONFIG, model=model), steps) as conversation:
            async with steps.step("answer") as finding:
                finding.told = await answer(conversation, clock)
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
