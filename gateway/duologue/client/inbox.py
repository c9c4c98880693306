"""What was told and not yet read: bounded, so that a slow reader slows the stream down."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """One writer, one reader, both on one event loop."""

    def __init__(self, max_items: int) -> None:
        assert max_items >= 1
        self._max_items: int | None = max_items
        self._items: deque[T] = deque()
        self._can_get = asyncio.Event()
        self._can_put = asyncio.Event()
        self._has_ended = False
        self._error: Exception | None = None

    def __len__(self) -> int:
        return len(self._items)

    @property
    def is_full(self) -> bool:
        return self._max_items is not None and len(self._items) >= self._max_items

    @property
    def newest(self) -> T | None:
        return self._items[-1] if self._items else None

    async def put(self, item: T) -> None:
        """Add an item, when there is room."""
        while self.is_full:
            self._can_put.clear()
            await self._can_put.wait()
        self._items.append(item)
        self._can_get.set()

    def lift_limit(self) -> None:
        """The end is near: take what is still to come, whether or not anybody reads."""
        self._max_items = None
        self._can_put.set()

    def end(self, error: Exception | None = None) -> None:
        """Nothing more will come, because of an error or in good order."""
        self._has_ended, self._error = True, error
        self._can_get.set()

    async def get(self) -> T:
        """The next item; at the end raises the error, or StopAsyncIteration."""
        while not self._items:
            if self._error is not None:
                raise self._error
            if self._has_ended:
                raise StopAsyncIteration
            self._can_get.clear()
            await self._can_get.wait()
        item = self._items.popleft()
        self._can_put.set()
        return item
