"""What a terminal talks with: a conversation, wherever it is held."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from duologue.events import ClientEvent
from duologue.session.transcript import Entry
from duologue.told import Told

OnQueued = Callable[[int], None]
"""on_queued(position): there is no room yet, and so many wait before this one."""


class OpenConversation(Protocol):
    """One that has begun."""

    @property
    def session_id(self) -> str: ...

    def told(self) -> AsyncIterator[Told]:
        """What is told, to the end of the conversation."""
        ...

    async def send(self, event: ClientEvent) -> object:
        """Hand over what the user does."""
        ...


class ConversationSource(Protocol):
    """Where conversations come from: an engine in this process, or a gateway."""

    def begin(self, on_queued: OnQueued) -> AbstractAsyncContextManager[OpenConversation]:
        """A new one; it ends with its block."""
        ...

    async def transcript(self, session_id: str) -> Sequence[Entry]:
        """What both sides remember of one, also when it is over."""
        ...
