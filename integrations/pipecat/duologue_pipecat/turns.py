"""The user's turns by their words, for a pipeline with a language model of its own.

A session that only listens judges what the user says and what the assistant says. From that Pipecat
is told when a turn begins, which interrupts the assistant, and when it ends, which runs the model.
"""

import asyncio
from contextlib import suppress
from typing import Any

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    EagerTranscriptionFrame,
    ErrorFrame,
    Frame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSTextFrame,
    UserBackchannelFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import (
    FrameDirection,
    FrameProcessor,
    FrameProcessorSetup,
)
from pipecat.turns.types import ProcessFrameResult
from pipecat.turns.user_start import BaseUserTurnStartStrategy
from pipecat.turns.user_stop import BaseUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.utils.time import time_now_iso8601

from duologue_realtime import (
    Connection,
    ConnectionClosed,
    Event,
    Refused,
    Utterances,
    listen,
    said,
)


class DuologueTurns:
    """Of one conversation: `strategies()` go to the user's aggregator, and `playback()` stands
    behind `transport.output()`, so that what the assistant says is known."""

    def __init__(
        self, *, base_url: str, api_key: str, model: str = "default", instructions: str = ""
    ) -> None:
        """`base_url` is that of the gateway's Realtime door. `instructions` are what the model of
        the pipeline was told, as far as they help to judge."""
        self._where = base_url, api_key
        self._model = model
        self._instructions = instructions
        self._to_tell: asyncio.Queue[Event] = asyncio.Queue()
        """In order, and from before there is a connection on."""
        self._utterances = Utterances()
        self._start = _TurnStart(self)
        self._stop = _TurnStop(self)
        self._user_id = ""
        self._is_turn = False
        self._has_floor = False
        """Whether the assistant is to answer what was said."""
        self._is_final = True
        """Whether the recogniser will not change what it has told."""
        self._drops_final = False
        """Whether the text that comes for good was judged already, and wants no answer."""
        self._is_saying = False

    def strategies(self) -> UserTurnStrategies:
        """For `LLMUserAggregatorParams(user_turn_strategies=...)`."""
        return UserTurnStrategies(start=[self._start], stop=[self._stop])

    def playback(self) -> "TurnsPlayback":
        """What tells that the assistant speaks, and its words as they are played."""
        return TurnsPlayback(self)

    # What is said.

    async def heard(self, frame: Frame) -> None:
        """Something that reaches the user's aggregator."""
        match frame:
            case InterimTranscriptionFrame() | EagerTranscriptionFrame():
                self._is_final, self._user_id = False, frame.user_id
                self._tell(*self._utterances.interim(frame.text, frame.user_id))
            case TranscriptionFrame():
                self._is_final, self._user_id = True, frame.user_id
                self._tell(*self._utterances.final(frame.text, frame.user_id))
                if self._drops_final:
                    await self._drop()
                await self._end_turn()
            case VADUserStoppedSpeakingFrame():
                await self._end_turn()
            case _:
                pass

    async def assistant_said(self, text: str) -> None:
        """These words of the assistant's were played."""
        self._is_saying = True
        self._tell(said(text))

    async def assistant_has_ended(self) -> None:
        if self._is_saying:
            self._is_saying = False
            self._tell(said(is_end=True))

    def turn_is(self, *, open_: bool) -> None:
        """Pipecat has begun a turn, or ended it."""
        self._is_turn = open_
        if not open_:
            self._has_floor = False

    # What was found.

    async def follow(self) -> None:
        """Until the pipeline ends, or the platform does."""
        base_url, api_key = self._where
        try:
            connection = await listen(
                base_url, api_key, model=self._model, instructions=self._instructions
            )
            reason = await self._converse(connection)
        except (Refused, OSError, ConnectionClosed) as error:
            reason = str(error)
        told = ErrorFrame(f"Duologue does not judge the user's turns any more: {reason}")
        await self._start.push_frame(told, FrameDirection.UPSTREAM)

    async def _converse(self, connection: Connection) -> str:
        """Why it has ended."""
        writing = asyncio.create_task(self._write(connection))
        try:
            async for event in connection.events():
                await self._take(event)
            return "the platform closed it"
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await connection.close()

    async def _write(self, connection: Connection) -> None:
        with suppress(ConnectionClosed):  # whoever reads says so
            while True:
                await connection.send(await self._to_tell.get())

    async def _take(self, event: Event) -> None:
        match event["type"]:
            case "duologue.input_state":
                await self._judged(event)
            case "duologue.interrupted":
                self._has_floor = self._is_saying = False
                await self._start.trigger_user_turn_started()
            case "response.created":
                self._has_floor = True
                await self._start.trigger_user_turn_started()
                await self._end_turn()
            case "error":
                told = ErrorFrame(f"Duologue: {event['error']['message']}")
                await self._start.push_frame(told, FrameDirection.UPSTREAM)
            case _:
                pass

    async def _judged(self, event: Event) -> None:
        match event["state"]:
            case "query" | "incomplete":
                self._drops_final = False
                if not self._is_saying:
                    await self._start.trigger_user_turn_started()
            case "non_query" | "hold" if not self._is_turn:
                if event["state"] == "hold":
                    await self._start.broadcast_frame(InterruptionFrame)
                elif self._is_saying:
                    now = time_now_iso8601()
                    murmur = UserBackchannelFrame(event["text"], self._user_id, now)
                    await self._start.push_frame(murmur)
                if self._is_final:
                    await self._drop()
                else:
                    self._drops_final = True
            case _:
                pass

    async def _drop(self) -> None:
        """What was said is no turn: it is not to stand before the next one."""
        self._drops_final = False
        await self._start.trigger_reset_aggregation()  # type: ignore[no-untyped-call]

    async def _end_turn(self) -> None:
        """Once the assistant has the floor and the text is there."""
        if self._has_floor and self._is_final and self._is_turn:
            await self._stop.trigger_user_turn_stopped()

    def _tell(self, *events: Event) -> None:
        for event in events:
            self._to_tell.put_nowait(event)


class _TurnStart(BaseUserTurnStartStrategy):  # type: ignore[no-untyped-call]
    """Hears for both strategies, and keeps the conversation."""

    def __init__(self, turns: DuologueTurns) -> None:
        super().__init__()
        self._turns = turns
        self._following: asyncio.Task[Any] | None = None

    async def setup(  # type: ignore[override]  # as all strategies have it
        self, setup: FrameProcessorSetup
    ) -> None:
        await super().setup(setup)
        self._following = self.create_task(self._turns.follow())

    async def cleanup(self) -> None:
        await super().cleanup()  # type: ignore[no-untyped-call]
        if self._following is not None:
            await self.cancel_task(self._following)

    async def process_frame(self, frame: Frame) -> ProcessFrameResult:
        await self._turns.heard(frame)
        return ProcessFrameResult.CONTINUE


class _TurnStop(BaseUserTurnStopStrategy):  # type: ignore[no-untyped-call]
    def __init__(self, turns: DuologueTurns) -> None:
        super().__init__()
        self._turns = turns

    async def handle_user_turn_started(self) -> None:
        self._turns.turn_is(open_=True)

    async def handle_user_turn_stopped(self) -> None:
        self._turns.turn_is(open_=False)


class TurnsPlayback(FrameProcessor):
    """Words pass here when they are played; see DuologuePlayback."""

    def __init__(self, turns: DuologueTurns) -> None:
        super().__init__(name="TurnsPlayback")
        self._turns = turns
        self._has_transport = False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case TTSTextFrame() | LLMTextFrame():
                space = "" if frame.includes_inter_frame_spaces else " "
                await self._turns.assistant_said(frame.text + space)
            case BotStartedSpeakingFrame():
                self._has_transport = True
            case BotStoppedSpeakingFrame():
                await self._turns.assistant_has_ended()
            case LLMFullResponseEndFrame() if not self._has_transport:
                await self._turns.assistant_has_ended()
            case _:
                pass
        await self.push_frame(frame, direction)
