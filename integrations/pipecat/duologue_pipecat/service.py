"""The service: what the user says goes in as it is heard, replies come out when they may be heard.

Between the two the platform decides who speaks, from the words. So it needs neither a detector of
voice activity nor an aggregator of the user's turns before it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    CancelFrame,
    EagerTranscriptionFrame,
    EndFrame,
    Frame,
    InputTextRawFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMMessagesAppendFrame,
    LLMRunFrame,
    LLMServiceMetadataFrame,
    LLMUpdateSettingsFrame,
    StartFrame,
    TranscriptionFrame,
    UserBackchannelFrame,
)
from pipecat.metrics.metrics import LLMTokenUsage
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings
from pipecat.utils.time import time_now_iso8601
from pipecat.utils.types import NOT_GIVEN, NotGiven

from duologue_pipecat.frames import Reply
from duologue_pipecat.playback import DuologuePlayback
from duologue_pipecat.replies import Replies
from duologue_realtime import (
    Connection,
    ConnectionClosed,
    Event,
    Refused,
    Utterances,
    converse,
    item_of,
)

_SAMPLING = ("temperature", "top_p", "top_k", "seed")
_NOT_THERE = ("frequency_penalty", "presence_penalty")
_OF_TURNS = ("filter_incomplete_user_turns", "user_turn_completion_config")
_UNSET = ("system_instruction", "max_tokens", "floor", *_SAMPLING, *_NOT_THERE, *_OF_TURNS)


@dataclass
class DuologueLLMSettings(LLMSettings):
    """Of LLMSettings it follows `model`, `system_instruction`, `temperature`, `max_tokens`,
    `top_p`, `top_k` and `seed`; the first two are fixed once the conversation has begun."""

    floor: str | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)
    """"confirmed" shows a reply when the decision behind it is sure, "eager" at once."""


class DuologueLLMService(LLMService):
    """Holds one conversation with a Duologue platform, from the start of the pipeline to its end.

    It takes interim and final transcriptions, and text that was typed. `LLMRunFrame` lets the
    assistant speak unasked, and `LLMMessagesAppendFrame` lets the model know something. It pushes
    replies as any LLM service does; `InterruptionFrame` when the user has really cut in; and
    `UserBackchannelFrame` when they have said something to which the reply goes on.

    Event handlers: `on_session(service, session_id)` when the conversation has begun,
    `on_input_state(service, event)` for each judgement of what the user says, and
    `on_interrupted(service, reply, heard_chars)` with how much of a reply is remembered.
    """

    Settings = DuologueLLMSettings
    _settings: DuologueLLMSettings

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        settings: DuologueLLMSettings | None = None,
        history: Sequence[dict[str, Any]] = (),
        **kwargs: Any,
    ) -> None:
        """`base_url` is that of the gateway's HTTP port, such as "http://127.0.0.1:50080/v1".
        `history` has the messages that were exchanged before, in OpenAI's form."""
        unset: dict[str, Any] = dict.fromkeys(_UNSET)
        own = DuologueLLMSettings(model="default", **unset)
        if settings is not None:
            own.apply_update(settings)
        super().__init__(settings=own, **kwargs)
        self._where = base_url, api_key
        self._history = [item_of(message) for message in history]
        self._connection: Connection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._utterances = Utterances()
        self._user_id = ""
        self._playback: DuologuePlayback | None = None
        self._replies = Replies(reports_playback=False)
        self._register_event_handler("on_input_state")
        self._register_event_handler("on_interrupted")
        self._register_event_handler("on_session")

    def playback(self) -> DuologuePlayback:
        """What is to stand behind `transport.output()`: it reports what was really played, so that
        the conversation remembers of a reply just what was heard."""
        if self._playback is None:
            self._playback = DuologuePlayback(self)
            self._replies = Replies(reports_playback=True)
        return self._playback

    def can_generate_metrics(self) -> bool:
        return True

    def service_metadata_frame(self) -> LLMServiceMetadataFrame:
        """It decides by itself when turns begin and end."""
        return LLMServiceMetadataFrame(service_name=self.name, is_realtime_service=True)

    # How it begins and ends.

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        if self._playback is None:
            logger.warning(
                f"{self}: without playback() behind the output, all text counts as heard at once,"
                " and a reply whose text is complete cannot be cut"
            )
        try:
            self._connection = await converse(*self._where, str(self._settings.model))
            await self._connection.send({"type": "session.update", "session": self._session()})
            for item in self._history:
                await self._connection.send(item)
        except (Refused, OSError, ConnectionClosed) as error:
            await self._disconnect()
            await self.push_error(
                f"Duologue does not take the conversation: {error}",
                error,
                force_treat_as_permanent=True,
            )
            return
        self._reader = self.create_task(self._read(self._connection))

    async def stop(self, frame: EndFrame) -> None:
        await super().stop(frame)
        await self._disconnect()

    async def cancel(self, frame: CancelFrame) -> None:
        await super().cancel(frame)
        await self._disconnect()

    async def _disconnect(self) -> None:
        reader, self._reader = self._reader, None
        connection, self._connection = self._connection, None
        if reader is not None:
            await self.cancel_task(reader)
        if connection is not None:
            await connection.close()

    def _session(self) -> Event:
        """What is set when it begins."""
        settings = self._settings
        session: Event = {"type": "realtime", "duologue": self._changeable()}
        session["duologue"]["reports_playback"] = self._playback is not None
        if settings.system_instruction:
            session["instructions"] = settings.system_instruction
        if settings.max_tokens is not None:
            session["max_output_tokens"] = settings.max_tokens
        return session

    def _changeable(self) -> Event:
        given = {name: getattr(self._settings, name) for name in (*_SAMPLING, "floor")}
        return {name: value for name, value in given.items() if value is not None}

    async def _update_settings(self, delta: Any) -> dict[str, Any]:  # two bases differ in its type
        changed = await super()._update_settings(delta)
        fixed = {"model", "system_instruction"} & changed.keys()
        if fixed:
            logger.warning(f"{self}: {sorted(fixed)} cannot change while a conversation goes on")
        session: Event = {"type": "realtime", "duologue": self._changeable()}
        if self._settings.max_tokens is not None:
            session["max_output_tokens"] = self._settings.max_tokens
        if changed.keys() - fixed:
            await self._tell({"type": "session.update", "session": session})
        return changed

    # What goes in.

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case InterimTranscriptionFrame() | EagerTranscriptionFrame():
                self._user_id = frame.user_id
                await self._tell(*self._utterances.interim(frame.text, frame.user_id))
            case TranscriptionFrame():
                self._user_id = frame.user_id
                await self._tell(*self._utterances.final(frame.text, frame.user_id))
            case InputTextRawFrame():
                await self._tell(*self._utterances.typed(frame.text))
            case LLMRunFrame():
                await self._tell({"type": "response.create"})
            case LLMMessagesAppendFrame():
                await self._tell(*(item_of(message) for message in frame.messages))
                if frame.run_llm:
                    await self._tell({"type": "response.create"})
            case LLMContextFrame():
                await self.push_error(
                    "this service hears the transcriptions themselves: leave the aggregator of the"
                    " user's turns out of the pipeline, and use LLMRunFrame for a greeting"
                )
            case LLMUpdateSettingsFrame():
                pass  # is followed, or passed on, already
            case InterruptionFrame():
                if self._replies.in_the_air is not None:
                    await self._tell({"type": "response.cancel"})
                await self.push_frame(frame, direction)
                await self._push(self._replies.dropped())
            case _:
                await self.push_frame(frame, direction)

    async def commit(self) -> None:
        """The user's turn is over for sure, as a button may say: decide at once."""
        await self._tell({"type": "duologue.input_text.commit"})

    async def heard(self, reply: Reply) -> None:
        """So much of a reply was played, as its `heard` says."""
        await self._tell(
            {
                "type": "duologue.playback_ack",
                "item_id": reply.item_id,
                "heard_chars": reply.heard.heard_chars,
            }
        )

    async def _tell(self, *events: Event) -> None:
        for event in events:
            if self._connection is not None:
                try:
                    await self._connection.send(event)
                except ConnectionClosed:
                    return  # whoever reads says so

    # What comes out.

    async def _read(self, connection: Connection) -> None:
        try:
            async for event in connection.events():
                await self._follow(event)
            reason: Exception | None = None
        except ConnectionClosed as closed:
            reason = closed
        self._connection = None
        await self.push_error(
            f"the conversation with Duologue has ended: {reason or 'the platform closed it'}",
            reason,
            force_treat_as_permanent=True,
        )

    async def _follow(self, event: Event) -> None:
        match event["type"]:
            case "duologue.session_ready":
                await self._call_event_handler("on_session", event["session_id"])
            case "duologue.input_state":
                await self._judged(event)
            case "response.output_item.added":
                self._replies.began(event["item"]["id"])
            case "response.output_text.delta":
                await self.stop_ttfb_metrics()
                await self._push(self._replies.told(event["item_id"], event["delta"]))
            case "response.output_text.done":
                await self._push(self._replies.was_whole(event["item_id"]))
            case "response.done":
                await self._count(event["response"].get("usage"))
            case "duologue.response_paused":
                await self._push(self._replies.paused(event["item_id"]))
            case "duologue.response_resumed":
                resumed = self._replies.resumed(event["item_id"], event["from_chars"])
                await self._push(resumed)
            case "duologue.interrupted":
                await self._push(self._replies.interrupted(event["item_id"]))
                if (reply := self._replies.known(event["item_id"])) is not None:
                    heard_chars = event["heard_chars"]
                    await self._call_event_handler("on_interrupted", reply, heard_chars)
            case "error":
                error = event["error"]
                if error.get("code") != "response_cancel_not_active":
                    await self.push_error(f"Duologue: {error['message']} ({error.get('code')})")
            case _:
                pass

    async def _judged(self, event: Event) -> None:
        await self._call_event_handler("on_input_state", event)
        state = event["state"]
        if state == "query":
            await self.start_ttfb_metrics()
        elif state == "non_query" and self._replies.in_the_air is not None:
            backchannel = UserBackchannelFrame(event["text"], self._user_id, time_now_iso8601())
            await self.push_frame(backchannel)
        await self._push(self._replies.judged(state))

    async def _count(self, usage: Event | None) -> None:
        if usage is not None:
            tokens = LLMTokenUsage(
                prompt_tokens=usage["input_tokens"],
                completion_tokens=usage["output_tokens"],
                total_tokens=usage["total_tokens"],
            )
            await self.start_llm_usage_metrics(tokens)

    async def _push(self, frames: Sequence[Frame]) -> None:
        """Downstream only, interruptions too: what the user is saying comes from upstream, and is
        not to be thrown away."""
        for frame in frames:
            await self.push_frame(frame)
