"""Reading a conversation in tests: until something comes, with the numbers checked on the way."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from duologue.client import (
    Conversation,
    Envelope,
    InputState,
    ResponseDelta,
    ResponseDone,
    Told,
)
from duologue.events import ServerEvent
from duologue.states import State
from tests.waiting import waiting_for

REPLY_WITHIN_S = 90.0
"""A reply is computed by the real model, on cores that others use too."""


@dataclass
class Listener:
    """What a client was told, in order."""

    conversation: Conversation
    told: list[Told] = field(default_factory=list)
    _stream: AsyncIterator[Told] | None = None

    @property
    def events(self) -> list[ServerEvent]:
        return [each.event for each in self.told if isinstance(each, Envelope)]

    @property
    def numbers(self) -> list[int]:
        return [each.server_seq for each in self.told if isinstance(each, Envelope)]

    @property
    def decided(self) -> list[State]:
        """The states that were acted on."""
        states = [event.state for event in self.events if isinstance(event, InputState)]
        return [state for state in states if state is not State.INCOMPLETE]

    def text(self, response_id: int) -> str:
        """What was shown of a response."""
        deltas = [event for event in self.events if isinstance(event, ResponseDelta)]
        return "".join(delta.text for delta in deltas if delta.response_id == response_id)

    async def until(self, is_it: Callable[[Told], bool], what: str) -> Told:
        """Read on until it comes."""
        if self._stream is None:
            self._stream = self.conversation.told()
        async with waiting_for(what, lambda: self.told[-20:], within_s=REPLY_WITHIN_S):
            async for told in self._stream:
                self.told.append(told)
                if is_it(told):
                    return told
        raise AssertionError(f"the conversation ended without {what}; it told {self.told}")

    async def until_event(self, *kinds: type[ServerEvent]) -> ServerEvent:
        """Read on until an event of one of these kinds comes."""
        told = await self.until(
            lambda each: isinstance(each, Envelope) and isinstance(each.event, kinds),
            " or ".join(kind.__name__ for kind in kinds),
        )
        assert isinstance(told, Envelope)
        return told.event

    async def until_done(self) -> str:
        """Read on to the end of a response; returns its text."""
        done = await self.until_event(ResponseDone)
        assert isinstance(done, ResponseDone)
        return self.text(done.response_id)
