"""What was really played, as the end of LiveKit's transcription sees it."""

from collections.abc import Callable

from livekit.agents.voice import io


class Playback(io.TextOutput):
    """Made by `LLM.playback()`: LiveKit lets a word pass here when it is played, since it keeps its
    transcription in step with the audio. Where there is no audio, text counts as read at once."""

    def __init__(
        self,
        heard: Callable[[str], None],
        gone: Callable[[], None],
        next_in_chain: io.TextOutput | None,
    ) -> None:
        """`gone` is called when the transcription ends, which is the first that a session lets go
        of when it closes."""
        super().__init__(label="Duologue", next_in_chain=next_in_chain)
        self._heard = heard
        self._gone = gone

    async def capture_text(self, text: str) -> None:
        self._heard(text)
        if self.next_in_chain is not None:
            await self.next_in_chain.capture_text(text)

    def on_detached(self) -> None:
        self._gone()
        super().on_detached()

    def flush(self) -> None:
        if self.next_in_chain is not None:
            self.next_in_chain.flush()
