"""What was really played of a reply, as the end of the pipeline sees it."""

from typing import TYPE_CHECKING

from pipecat.frames.frames import Frame, LLMTextFrame, TTSTextFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from duologue_pipecat.frames import Reply, ReplyStartFrame

if TYPE_CHECKING:
    from duologue_pipecat.service import DuologueLLMService


class DuologuePlayback(FrameProcessor):
    """Stands behind `transport.output()`, made by `DuologueLLMService.playback()`.

    The transport lets a word of the synthesiser pass when it is played, by its timestamp; a
    synthesiser that gives no words lets each sentence pass. Where there is no synthesiser, the
    model's text arrives here itself, and counts as read.
    """

    def __init__(self, service: "DuologueLLMService") -> None:
        super().__init__(name="DuologuePlayback")
        self._service = service
        self._reply: Reply | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, ReplyStartFrame):
            self._reply = frame.reply
        elif isinstance(frame, TTSTextFrame | LLMTextFrame) and self._reply is not None:
            self._reply.heard.spoke(frame.text)
            await self._service.heard(self._reply)
        await self.push_frame(frame, direction)
