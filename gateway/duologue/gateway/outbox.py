"""What waits to be written to one client: bounded, so that a slow client slows its session."""

import asyncio
from collections import deque

from duologue.v1 import events_pb2 as pb


class Outbox:
    """One event loop, one reader. Whoever puts waits while it is full."""

    def __init__(self, max_events: int) -> None:
        assert max_events >= 1
        self._max_events = max_events
        self._events: deque[pb.ServerEvent] = deque()
        self._has_events = asyncio.Event()
        self._has_room = asyncio.Event()
        self._is_ended = False

    def __len__(self) -> int:
        return len(self._events)

    @property
    def is_full(self) -> bool:
        return len(self._events) >= self._max_events

    async def put(self, event: pb.ServerEvent) -> None:
        """Add an event when there is room."""
        while self.is_full:
            self._has_room.clear()
            await self._has_room.wait()
        self._add(event)

    def put_now(self, event: pb.ServerEvent) -> bool:
        """Add an event that may be left out; whether there was room."""
        if self.is_full:
            return False
        self._add(event)
        return True

    def put_first(self, event: pb.ServerEvent) -> None:
        """Add one that matters more than order: there is one of its kind in a stream's life."""
        self._events.appendleft(event)
        self._has_events.set()

    def end(self) -> None:
        """Nothing more will come; what is there can still be got."""
        self._is_ended = True
        self._has_events.set()

    async def get(self) -> pb.ServerEvent | None:
        """The next event; None at the end."""
        while not self._events:
            if self._is_ended:
                return None
            self._has_events.clear()
            await self._has_events.wait()
        event = self._events.popleft()
        self._has_room.set()
        return event

    def _add(self, event: pb.ServerEvent) -> None:
        self._events.append(event)
        self._has_events.set()
