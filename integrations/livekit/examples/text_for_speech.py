"""Text that stands in for speech: a recogniser that is told what it hears, and a loudspeaker that
plays word by word."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, LanguageCode, stt
from livekit.agents.voice import io

WORD = re.compile(r"\S+\s*|\s+")


class Recogniser(stt.STT[Any]):
    """Hears no sound: `hear` says what was recognised."""

    def __init__(self) -> None:
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True, interim_results=True, offline_recognize=False
            )
        )
        self.heard: asyncio.Queue[stt.SpeechEvent] = asyncio.Queue()

    def hear(self, text: str, *, is_final: bool) -> None:
        """A hypothesis, or the text for good."""
        kind = stt.SpeechEventType
        data = stt.SpeechData(language=LanguageCode("en"), text=text, confidence=1.0)
        event_type = kind.FINAL_TRANSCRIPT if is_final else kind.INTERIM_TRANSCRIPT
        self.heard.put_nowait(stt.SpeechEvent(type=event_type, alternatives=[data]))

    def stream(self, **_options: Any) -> stt.RecognizeStream:
        return _Stream(stt=self, conn_options=DEFAULT_API_CONNECT_OPTIONS)

    async def _recognize_impl(self, *_args: Any, **_options: Any) -> stt.SpeechEvent:
        raise NotImplementedError("it hears only as a stream")


class _Stream(stt.RecognizeStream):
    async def _run(self) -> None:
        assert isinstance(self._stt, Recogniser)
        while True:
            self._event_ch.send_nowait(await self._stt.heard.get())


class Voice(io.TextOutput):
    """Says each word in its turn, and lets it pass when it is heard, as LiveKit's own transcription
    does where there is audio. An interruption silences it: LiveKit gives it no more."""

    def __init__(
        self,
        pause: Callable[[], Awaitable[object]],
        next_in_chain: io.TextOutput | None,
        word: re.Pattern[str] = WORD,
    ) -> None:
        """`pause` takes as long as a word, and `word` is one with the blanks behind it."""
        super().__init__(label="Voice", next_in_chain=next_in_chain)
        self._pause = pause
        self._word = word

    async def capture_text(self, text: str) -> None:
        for word in self._word.findall(text):
            await self._pause()
            if self.next_in_chain is not None:
                await self.next_in_chain.capture_text(word)

    def flush(self) -> None:
        if self.next_in_chain is not None:
            self.next_in_chain.flush()
