"""Makes a LiveKit session say what the platform has decided to say, and silences it."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from livekit.agents import NOT_GIVEN, AgentSession, SpeechCreatedEvent, llm
from livekit.agents.voice import SpeechHandle

from duologue_livekit.reply import Reply

_given: ContextVar[Reply | None] = ContextVar("given", default=None)
"""The reply for which LiveKit asks its model. It asks in a task that begins with this."""

_log = logging.getLogger(__name__)


class Speaker:
    """Knows which speech of the session says which reply.

    `on_said` is told of a speech whose words were the agent's own, when it is over.
    """

    def __init__(self, session: AgentSession[Any], on_said: Callable[[SpeechHandle], None]) -> None:
        self._session = session
        self._on_said = on_said
        self._replies: dict[str, Reply] = {}
        """By the name of the speech that says it."""
        self._unclaimed: deque[SpeechHandle] = deque()
        """Speeches for which LiveKit will ask of its own accord."""
        self._is_giving = False
        self._silenced: asyncio.Future[None] | None = None
        """Is done when what was cut last is silent."""
        session.on("speech_created", self._created)

    def close(self) -> None:
        self._session.off("speech_created", self._created)

    @property
    def current(self) -> Reply | None:
        """The reply that is being said."""
        speech = self._session.current_speech
        return None if speech is None else self._replies.get(speech.id)

    @staticmethod
    def given() -> Reply | None:
        """Where LiveKit asks for words: the reply that it is to say, if it was told to."""
        return _given.get()

    def claim(self, reply: Reply) -> None:
        """LiveKit asks of its own accord: this is what it will say."""
        while self._unclaimed:
            speech = self._unclaimed.popleft()
            if not speech.done():
                self._says(speech, reply)
                return

    async def say(self, reply: Reply, message: llm.ChatMessage | None) -> None:
        """Let LiveKit ask for a reply and say it, as the answer to a message of the user's.

        It waits for whatever is being silenced, so that LiveKit's history has both in order.

        Raises RuntimeError while the session closes.
        """
        if self._silenced is not None:
            await self._silenced
        token, self._is_giving = _given.set(reply), True
        try:
            speech = self._session.generate_reply(
                user_input=NOT_GIVEN if message is None else message,
                allow_interruptions=False,
                input_modality="audio",
            )
        finally:
            _given.reset(token)
            self._is_giving = False
        self._says(speech, reply)
        if reply.is_cut:
            speech.interrupt(force=True)

    def fall_silent(self) -> None:
        """Whatever is said or waits to be said is cut."""
        if self._session.current_speech is not None:
            self._silenced = self._session.interrupt(force=True)
        self.pause(is_paused=False)

    def pause(self, *, is_paused: bool) -> None:
        """Where the loudspeaker can. Elsewhere what it has is played on, and only text waits."""
        audio = self._session.output.audio
        if audio is not None and audio.can_pause:
            if is_paused:
                audio.pause()
            else:
                audio.resume()

    def _created(self, event: SpeechCreatedEvent) -> None:
        if event.source == "say":
            event.speech_handle.add_done_callback(self._on_said)
        elif not self._is_giving:
            self._unclaimed.append(event.speech_handle)

    def _says(self, speech: SpeechHandle, reply: Reply) -> None:
        self._replies[speech.id] = reply
        speech.add_done_callback(self._was_said)

    def _was_said(self, speech: SpeechHandle) -> None:
        self._replies.pop(speech.id, None)
