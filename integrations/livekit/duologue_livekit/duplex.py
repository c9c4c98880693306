"""Full duplex in a LiveKit session: transcripts go to the platform as they come, and it decides
when the agent speaks and when it falls silent."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from livekit.agents import (
    AgentSession,
    APIError,
    CloseEvent,
    TurnHandlingOptions,
    UserInputTranscribedEvent,
    llm,
)
from livekit.agents.voice import SpeechHandle

from duologue_livekit.context import Said, said_in, turns_of
from duologue_livekit.link import KEY, Link
from duologue_livekit.reply import Reply
from duologue_livekit.speaker import Speaker
from duologue_realtime import Event, Utterances, item_of

TURN_HANDLING = TurnHandlingOptions(
    turn_detection="manual",
    interruption={"enabled": False, "discard_audio_if_uninterruptible": False},
    preemptive_generation={"enabled": False},
)
"""LiveKit neither ends the user's turns nor interrupts the agent: the platform does."""

AGAIN_AFTER_S = 1.0
"""A platform that does not answer is asked again then, if there is something to say."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, slots=True)
class _Asking:
    """A reply that the agent asks for, to the conversation as it is then."""

    reply: Reply
    chat_ctx: llm.ChatContext


_Told = Event | _Asking | Said


class Duplex:
    """Of one session, from its beginning to its close."""

    def __init__(
        self,
        model: llm.LLM[Any],
        session: AgentSession[Any],
        where: tuple[str, str, str],
        settings: Callable[[llm.ChatContext], Event],
    ) -> None:
        self._model = model
        self._session = session
        self._speaker = Speaker(session, self._said)
        self._where = where
        self._settings = settings
        self._utterances = Utterances()
        self._to_tell: asyncio.Queue[_Told] = asyncio.Queue()
        self._known: set[str] = set()
        """Messages that the platform has, by LiveKit's names."""
        self.link: Link | None = None
        """While there is one."""
        self._query: Event | None = None
        """The judgement of what the user has asked, until it is answered."""
        self._answered: Event | None = None
        """The one before."""
        self._speaking: set[asyncio.Task[None]] = set()
        self._talking = asyncio.create_task(self._talk(), name="duologue")
        self._talking.add_done_callback(_tell_of_failure)
        session.on("user_input_transcribed", self._transcribed)
        session.on("close", self._closed)

    async def close(self) -> None:
        self._session.off("user_input_transcribed", self._transcribed)
        self._speaker.close()
        self._talking.cancel()
        await asyncio.gather(self._talking, return_exceptions=True)

    # What goes to the platform.

    def typed(self, text: str) -> None:
        self._tell(*self._utterances.typed(text))

    def commit(self) -> None:
        self._tell({"type": "duologue.input_text.commit"})

    def heard(self, text: str) -> None:
        """These words of the agent's were played."""
        reply = self._speaker.current
        if reply is not None and not reply.is_cut:
            heard_chars = reply.heard.spoke(text)
            ack = {"type": "duologue.playback_ack", "item_id": reply.item_id}
            self._tell({**ack, "heard_chars": heard_chars})

    def forget_transcripts(self) -> None:
        """LiveKit has gathered all that was recognised, since it was never told that a turn was
        over, and would take that for the user's last words when it closes."""
        with suppress(RuntimeError):  # it did not begin
            self._session.clear_user_turn()

    def reply_to(self, chat_ctx: llm.ChatContext) -> Reply:
        """The reply for which LiveKit asks: the one that is being given to it, or another one."""
        given = self._speaker.given()
        if given is not None:
            return given
        reply = Reply()
        self._speaker.claim(reply)
        self._to_tell.put_nowait(_Asking(reply, chat_ctx))
        return reply

    async def leave(self, reply: Reply) -> None:
        """LiveKit wants no more of it."""
        if reply.is_wanted:
            self._tell({"type": "response.cancel", "response_id": reply.response_id})

    def _transcribed(self, event: UserInputTranscribedEvent) -> None:
        hear = self._utterances.final if event.is_final else self._utterances.interim
        self._tell(*hear(event.transcript, event.speaker_id or ""))

    def _said(self, speech: SpeechHandle) -> None:
        """The agent has said words of its own; so much of them as was heard."""
        for said in said_in(llm.ChatContext(speech.chat_items)):
            self._to_tell.put_nowait(said)

    def _tell(self, *events: Event) -> None:
        for event in events:
            self._to_tell.put_nowait(event)

    def _closed(self, _event: CloseEvent) -> None:
        self._talking.cancel()

    # The conversation.

    async def _talk(self) -> None:
        """One conversation, and when its connection is lost another one that knows of it."""
        while True:
            first = await self._to_tell.get()
            try:
                link = await self._open(first)
            except APIError as error:
                if isinstance(first, _Asking):
                    first.reply.fail(error)
                self._lost(error, recoverable=False)
                await asyncio.sleep(AGAIN_AFTER_S)
                continue
            self.link = link
            writing = asyncio.create_task(self._write(link, first))
            try:
                await link.follow()
            except APIError as error:
                self._lost(error, recoverable=True)
            finally:
                self.link = None
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
                await link.close()

    async def _open(self, first: _Told) -> Link:
        if isinstance(first, _Asking):
            chat_ctx = first.chat_ctx
        else:
            chat_ctx = self._session.current_agent.chat_ctx
        said = said_in(chat_ctx)
        self._known = {each.message_id for each in said}
        return await Link.open(
            *(self._where, self._settings(chat_ctx), turns_of(said)),
            on_event=self._follow,
            on_begun=self._begun,
        )

    async def _write(self, link: Link, first: _Told) -> None:
        told = first
        while True:
            match told:
                case _Asking(reply=reply, chat_ctx=chat_ctx):
                    for said in said_in(chat_ctx):
                        # What the agent has said itself is known, or told by `_said`.
                        if said.turn.role != "assistant":
                            await self._note(link, said)
                    await link.tell(link.asking(reply))
                case Said():
                    await self._note(link, told)
                case _:
                    await link.tell(told)
            told = await self._to_tell.get()

    async def _note(self, link: Link, said: Said) -> None:
        if said.message_id not in self._known:
            self._known.add(said.message_id)
            await link.tell(item_of({"role": said.turn.role, "content": said.turn.text}))

    def _lost(self, error: APIError, *, recoverable: bool) -> None:
        self._utterances = Utterances()
        self._query = None
        told = llm.LLMError(
            timestamp=time.time(), label=self._model.label, error=error, recoverable=recoverable
        )
        self._model.emit("error", told)

    # What the platform decides.

    def _follow(self, event: Event) -> None:
        match event["type"]:
            case "duologue.session_ready":
                self._model.emit("session_ready", event)
            case "duologue.input_state":
                if event["state"] == "query":
                    self._query = event
                self._model.emit("input_state", event)
            case "response.created" if KEY in (event["response"]["metadata"] or {}):
                self._query = None  # the agent has put the question itself
            case "duologue.response_paused":
                self._speaker.pause(is_paused=True)
            case "duologue.response_resumed":
                self._speaker.pause(is_paused=False)
            case "duologue.interrupted":
                self._speaker.fall_silent()
                self._model.emit("interrupted", event)
            case "error" if event["error"].get("code") != "response_cancel_not_active":
                _log.warning("Duologue: %s", event["error"]["message"])
            case _:
                pass

    def _begun(self, reply: Reply, response: Event) -> None:
        """The platform takes the floor: LiveKit is to speak, and asks its model for the words."""
        asked, self._query = self._query, None
        message = None
        if asked is not None and "duologue.resumes" not in (response["metadata"] or {}):
            text = _news_in(asked, self._answered)
            self._answered = asked
            message = llm.ChatMessage(role="user", content=[text])
            self._known.add(message.id)
        self._speaker.fall_silent()
        speaking = asyncio.create_task(self._speak(reply, message))
        self._speaking.add(speaking)
        speaking.add_done_callback(self._speaking.discard)

    async def _speak(self, reply: Reply, message: llm.ChatMessage | None) -> None:
        try:
            await self._speaker.say(reply, message)
        except RuntimeError as error:  # the session is closing
            _log.info("a reply is not said: %s", error)
            await self.leave(reply)


def _news_in(asked: Event, answered: Event | None) -> str:
    """What LiveKit has not of it: somebody who goes on at once goes on with what was answered."""
    text: str = asked["text"].strip()
    if answered is None or not set(answered["segment_ids"]) <= set(asked["segment_ids"]):
        return text
    return text.removeprefix(answered["text"].strip()).strip() or text


def _tell_of_failure(talking: asyncio.Task[None]) -> None:
    if not talking.cancelled() and (error := talking.exception()) is not None:
        _log.error("the conversation with Duologue is not followed any more", exc_info=error)
