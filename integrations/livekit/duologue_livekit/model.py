"""The language model of a LiveKit agent, on a Duologue platform."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any, Literal

from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    AgentSession,
    APIConnectOptions,
    NotGivenOr,
    llm,
)
from livekit.agents.voice import io, room_io

from duologue_livekit.context import instructions_of, said_in, turns_of
from duologue_livekit.duplex import Duplex
from duologue_livekit.link import Link
from duologue_livekit.playback import Playback
from duologue_livekit.reply import Reply
from duologue_livekit.stream import ReplyStream
from duologue_realtime import Event

Told = Literal["session_ready", "input_state", "interrupted"]


@dataclass(frozen=True, slots=True)
class LLMSettings:
    """What is not set is the platform's default."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    max_output_tokens: int | None = None
    floor: Literal["confirmed", "eager"] | None = None
    """"confirmed" gives a reply when the decision behind it is sure, "eager" at once."""

    def session(self, instructions: str, **own: Any) -> Event:
        """As the platform takes it."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        session: Event = {"type": "realtime"}
        if instructions:
            session["instructions"] = instructions
        if "max_output_tokens" in given:
            session["max_output_tokens"] = given.pop("max_output_tokens")
        session["duologue"] = {**given, **own}
        return session


class LLM(llm.LLM[Told]):
    """Full duplex in a session that it hears. Elsewhere LiveKit decides, and `chat` is answered.

    Emits "session_ready", "input_state" and "interrupted" with the platform's own events.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        model: str = "default",
        settings: LLMSettings | None = None,
    ) -> None:
        """`base_url` is that of the gateway's Realtime door, as http://127.0.0.1:50080/v1."""
        super().__init__()
        self._where = base_url, api_key, model
        self._settings = settings or LLMSettings()
        self._duplex: Duplex | None = None
        self._reports_playback = False

    @property
    def model(self) -> str:
        return self._where[2]

    @property
    def provider(self) -> str:
        return "duologue"

    def hear(self, session: AgentSession[Any]) -> None:
        """Hear what the user says in this session, and decide when to answer and when to fall
        silent, until it closes. The session needs TURN_HANDLING."""
        if self._duplex is not None:
            raise RuntimeError("a session is heard already: make another LLM for another one")
        self._duplex = Duplex(self, session, self._where, self._session)

    def playback(self, next_in_chain: io.TextOutput | None = None) -> Playback:
        """What is to stand at the end of the agent's transcription: it tells what was really
        played, so that the conversation remembers of a reply just what was heard."""
        self._reports_playback = True
        return Playback(self._heard, self._gone, next_in_chain)

    async def type_in(self, _session: Any, event: room_io.TextInputEvent) -> None:
        """For `TextInputOptions(text_input_cb=...)`: what the user types is decided at once."""
        if self._duplex is not None:
            self._duplex.typed(event.text)

    def commit(self) -> None:
        """The user's turn is over for sure, as a button may say: decide at once."""
        if self._duplex is not None:
            self._duplex.commit()

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> llm.LLMStream:
        """The reply that the platform is giving, or one that is asked for by this."""
        if tools:
            raise ValueError("functions are not supported by this plug-in: give the agent none")
        if self._duplex is not None:
            reply, duplex = self._duplex.reply_to(chat_ctx), self._duplex

            async def begin() -> Reply:
                return reply

            leave = duplex.leave
        else:
            call = _Call(self._where, self._session(chat_ctx, strategy="turn"), chat_ctx)
            begin, leave = call.begin, call.leave
        return ReplyStream(
            self, begin, leave, chat_ctx=chat_ctx, tools=[], conn_options=conn_options
        )

    async def aclose(self) -> None:
        await super().aclose()
        if self._duplex is not None:
            await self._duplex.close()

    def _session(self, chat_ctx: llm.ChatContext, **own: Any) -> Event:
        if self._reports_playback and "strategy" not in own:
            own["reports_playback"] = True
        return self._settings.session(instructions_of(chat_ctx), **own)

    def _heard(self, text: str) -> None:
        if self._duplex is not None:
            self._duplex.heard(text)

    def _gone(self) -> None:
        if self._duplex is not None:
            self._duplex.forget_transcripts()


class _Call:
    """One answer, over a conversation of its own."""

    def __init__(
        self, where: tuple[str, str, str], session: Event, chat_ctx: llm.ChatContext
    ) -> None:
        self._where = where
        self._session = session
        self._turns = turns_of(said_in(chat_ctx))
        self._link: Link | None = None
        self._reading: asyncio.Task[None] | None = None

    async def begin(self) -> Reply:
        self._link = await Link.open(self._where, self._session, self._turns)
        reply = Reply()
        await self._link.tell(self._link.asking(reply))
        self._reading = asyncio.create_task(self._link.follow())
        return reply

    async def leave(self, reply: Reply) -> None:  # the call is over with it
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._link is not None:
            await self._link.close()
