"""Frames of our own, each of a kind that Pipecat knows."""

from dataclasses import dataclass, field

from pipecat.frames.frames import LLMFullResponseStartFrame

from duologue_realtime import HeardText


@dataclass(slots=True)
class Reply:
    """One reply as it goes through the pipeline: `item_id` is the platform's name for it."""

    item_id: str
    heard: HeardText = field(default_factory=HeardText)
    """Its text as far as it was told, and how much of that was played."""
    num_pushed: int = 0
    """Characters of the text that the pipeline was given."""
    is_whole: bool = False
    """No more text of it will come."""
    is_paused: bool = False
    """The user may be taking the floor: nothing more of it is given to the pipeline."""
    is_silenced: bool = False
    """What the pipeline had of it was thrown away: it begins anew where it was heard."""
    is_cut: bool = False

    @property
    def is_in_the_air(self) -> bool:
        """Whether the user may be hearing it, or was a moment ago."""
        is_heard = self.is_whole and not self.heard.text[self.heard.heard_chars :].strip()
        return self.num_pushed > 0 and not self.is_cut and not is_heard


@dataclass
class ReplyStartFrame(LLMFullResponseStartFrame):
    """The beginning of a reply, or of the rest of one that was silenced. It goes through the
    synthesiser and the transport, and tells what stands behind them which reply is played."""

    reply: Reply
