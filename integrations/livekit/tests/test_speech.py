"""With audio: LiveKit's own transcription, in step with a loudspeaker, tells what was heard."""

import asyncio
import time
from typing import Any

from livekit import rtc
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, AgentSession, APIConnectOptions, tts
from livekit.agents.voice import TranscriptSynchronizer, io

from conftest import Platform
from stage import staged

RATE = 16_000
CHAR_S = 0.05


class Synthesiser(tts.TTS[Any]):
    """A hum that is as long as the text."""

    def __init__(self) -> None:
        capabilities = tts.TTSCapabilities(streaming=False)
        super().__init__(capabilities=capabilities, sample_rate=RATE, num_channels=1)

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _Hum(tts=self, input_text=text, conn_options=conn_options)


class _Hum(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id="hum", sample_rate=RATE, num_channels=1, mime_type="audio/pcm"
        )
        num_samples = round(RATE * CHAR_S * len(self._input_text))
        output_emitter.push(b"\x00\x10\x00\xf0" * (num_samples // 2))
        output_emitter.flush()


class Loudspeaker(io.AudioOutput):
    """Takes as long for a sound as the sound is."""

    def __init__(self) -> None:
        capabilities = io.AudioOutputCapabilities(pause=False)
        super().__init__(label="Loudspeaker", capabilities=capabilities, sample_rate=RATE)
        self.num_cuts = 0
        self._pushed_s = 0.0
        self._began_s = 0.0
        self._playing: asyncio.Task[None] | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._pushed_s:
            self._began_s = time.time()
            self.on_playback_started(created_at=self._began_s)
        self._pushed_s += frame.duration

    def flush(self) -> None:
        super().flush()
        if self._pushed_s:
            self._playing = asyncio.create_task(self._play())

    def clear_buffer(self) -> None:
        if self._pushed_s:
            self.num_cuts += 1
            if self._playing is not None:
                self._playing.cancel()
            self._finish(min(time.time() - self._began_s, self._pushed_s), interrupted=True)

    async def _play(self) -> None:
        await asyncio.sleep(self._began_s + self._pushed_s - time.time())
        self._finish(self._pushed_s, interrupted=False)

    def _finish(self, position_s: float, *, interrupted: bool) -> None:
        self._pushed_s = 0.0
        self.on_playback_finished(playback_position=position_s, interrupted=interrupted)


class Audio:
    """A synthesiser and a loudspeaker, with LiveKit's transcription between."""

    def __init__(self) -> None:
        self.tts: tts.TTS[Any] = Synthesiser()
        self.loudspeaker = Loudspeaker()
        self._synchronizer: TranscriptSynchronizer | None = None

    def connect(self, session: AgentSession[None], playback: io.TextOutput) -> None:
        self._synchronizer = TranscriptSynchronizer(
            next_in_chain_audio=self.loudspeaker, next_in_chain_text=playback
        )
        session.output.audio = self._synchronizer.audio_output
        session.output.transcription = self._synchronizer.text_output

    async def close(self) -> None:
        assert self._synchronizer is not None
        await self._synchronizer.aclose()


async def test_what_the_loudspeaker_played_is_what_is_remembered(platform: Platform) -> None:
    audio = Audio()
    async with staged(platform.url, platform.key, speech=audio) as stage:
        await stage.ask("what is it?")
        await stage.until_spoken(1)
        assert not stage.cuts
        await stage.ask("wait, what else is there?")
        await stage.until(lambda: stage.cuts != [], "how much was heard")
        heard = "".join(stage.spoken)
        await stage.until(lambda: audio.loudspeaker.num_cuts == 1, "silence")
        assert 0 < stage.cuts[0] <= len(heard)
        question = ("user", "wait, what else is there?")
        await stage.until(lambda: question in stage.told, "second question")
        assert stage.errors == []
    await audio.close()
