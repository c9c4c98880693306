"""From what the platform tells of its replies to the frames of a pipeline. Without a connection."""

from collections import OrderedDict

from pipecat.frames.frames import (
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
)

from duologue_pipecat.frames import Reply, ReplyStartFrame

MAX_KEPT = 64
"""Replies that are remembered: one that was cut may come back."""


class Replies:
    """Each method gives the frames that go downstream, in order.

    A reply that is paused stays with the user: what the pipeline has of it is played on, since most
    pauses are over in a moment, and only more text is held back. It is silenced when it was cut, or
    when the user has said "hold on".
    """

    def __init__(self, *, reports_playback: bool) -> None:
        self._reports_playback = reports_playback
        self._kept: OrderedDict[str, Reply] = OrderedDict()
        self._open: Reply | None = None
        """The one whose beginning was pushed, and its end was not."""
        self._is_held = False
        """Whether the last thing that the user said asks for silence."""

    @property
    def in_the_air(self) -> Reply | None:
        """The last reply, if the user is hearing it."""
        last = next(reversed(self._kept.values()), None)
        return last if last is not None and last.is_in_the_air else None

    def known(self, item_id: str) -> Reply | None:
        """The reply of that name, if it is remembered."""
        return self._kept.get(item_id)

    def began(self, item_id: str) -> None:
        """A reply begins; its beginning is pushed together with its first text."""
        self._kept[item_id] = Reply(item_id)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    def told(self, item_id: str, text: str) -> list[Frame]:
        """More of its text."""
        reply = self._kept.get(item_id)
        if reply is None:
            return []
        reply.heard.text += text
        return self._push(reply)

    def was_whole(self, item_id: str) -> list[Frame]:
        """No more text of it will come."""
        reply = self._kept.get(item_id)
        if reply is None:
            return []
        reply.is_whole = True
        return self._push(reply)

    def paused(self, item_id: str) -> list[Frame]:
        """Nothing more of it until it is resumed or interrupted."""
        reply = self._kept.get(item_id)
        if reply is None:
            return []
        reply.is_paused = True
        return self._silence(reply) if self._is_held else []

    def resumed(self, item_id: str, from_chars: int) -> list[Frame]:
        """It goes on; its text behind that place comes again."""
        reply = self._kept.get(item_id)
        if reply is None:
            return []
        reply.is_paused, self._is_held = False, False
        reply.heard.text = reply.heard.text[:from_chars]
        if reply.is_silenced:
            reply.is_silenced, reply.num_pushed = False, reply.heard.heard_chars
        return self._push(reply)

    def interrupted(self, item_id: str) -> list[Frame]:
        """The user has cut it off."""
        reply = self._kept.get(item_id)
        if reply is None:
            return []
        was_in_the_air = reply.is_in_the_air
        reply.is_cut, reply.is_paused, self._is_held = True, False, False
        return self._fall_silent() if was_in_the_air and not reply.is_silenced else []

    def judged(self, state: str) -> list[Frame]:
        """What the user has said is of this kind."""
        self._is_held = state == "hold"
        if not self._is_held:
            return []
        return [
            frame
            for reply in self._kept.values()
            if reply.is_paused and not reply.is_silenced
            for frame in self._silence(reply)
        ]

    def dropped(self) -> list[Frame]:
        """Another processor has interrupted the pipeline: the reply is over."""
        if (reply := self.in_the_air) is not None:
            reply.is_cut = True
        return self._end()

    def _silence(self, reply: Reply) -> list[Frame]:
        if not (self._reports_playback and reply.is_in_the_air):
            return []  # nobody knows where it would have to go on
        reply.is_silenced = True
        return self._fall_silent()

    def _fall_silent(self) -> list[Frame]:
        return [InterruptionFrame(), *self._end()]

    def _push(self, reply: Reply) -> list[Frame]:
        """What the pipeline is to have of it and has not."""
        if reply.is_paused or reply.is_cut:
            return []
        frames: list[Frame] = []
        text = reply.heard.text[reply.num_pushed :]
        if text:
            if reply is not self._open:
                frames += [*self._end(), ReplyStartFrame(reply)]
                self._open = reply
            frames.append(LLMTextFrame(text))
            reply.num_pushed += len(text)
        if reply.is_whole and reply is self._open:
            frames += self._end()
        return frames

    def _end(self) -> list[Frame]:
        was_open, self._open = self._open, None
        return [] if was_open is None else [LLMFullResponseEndFrame()]
