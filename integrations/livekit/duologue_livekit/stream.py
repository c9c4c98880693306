"""A reply as LiveKit reads it."""

from collections.abc import Awaitable, Callable
from typing import Any

from livekit.agents import llm

from duologue_livekit.reply import Reply


class ReplyStream(llm.LLMStream):
    """`begin` asks for the reply, or has it already; `leave` is told when LiveKit has all of it, or
    wants no more. Text that was given is not given again: a failure behind it is final."""

    def __init__(
        self,
        model: llm.LLM[Any],
        begin: Callable[[], Awaitable[Reply]],
        leave: Callable[[Reply], Awaitable[None]],
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool],
        conn_options: Any,
    ) -> None:
        super().__init__(model, chat_ctx=chat_ctx, tools=tools, conn_options=conn_options)
        self._retry_on_chunk_sent = False
        self._begin = begin
        self._leave = leave

    async def _run(self) -> None:
        reply = await self._begin()
        try:
            async for text in reply.texts():
                delta = llm.ChoiceDelta(role="assistant", content=text)
                self._event_ch.send_nowait(llm.ChatChunk(id=reply.response_id, delta=delta))
            if reply.usage is not None:
                chunk = llm.ChatChunk(id=reply.response_id, usage=reply.usage)
                self._event_ch.send_nowait(chunk)
        finally:
            await self._leave(reply)
