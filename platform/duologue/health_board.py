"""Which services are well, for those who ask once and for those who want every change.

Telling a change never waits for those who watch: each of them fetches the newest state when it has
done with the one before, so one that reads nothing holds up nobody.
"""

import asyncio
from collections.abc import AsyncGenerator

from duologue.errors import CapacityExceeded

MAX_WATCHERS = 64
"""Who watches needs no key, so there are only so many."""


class HealthBoard:
    """One event loop, any number of services."""

    def __init__(self, max_watchers: int = MAX_WATCHERS) -> None:
        self._max_watchers = max_watchers
        self._is_well: dict[str, bool] = {}
        self._changed = asyncio.Event()
        self._num_watchers = 0
        self._is_closed = False

    def tell(self, service: str, is_well: bool) -> None:
        """How a service is from now on; nothing more is told once the board is closed."""
        if not self._is_closed and self._is_well.get(service) is not is_well:
            self._is_well[service] = is_well
            self._wake()

    def close(self) -> None:
        """All services are over."""
        self._is_closed = True
        self._is_well = dict.fromkeys(self._is_well, False)
        self._wake()

    def told(self, service: str) -> bool | None:
        """Whether a service is well; None for one that is not known."""
        return self._is_well.get(service)

    async def changes(self, service: str) -> AsyncGenerator[bool | None, None]:
        """How a service is, and how it is whenever that is something else; without an end.

        Raises CapacityExceeded when too many watch.
        """
        if self._num_watchers >= self._max_watchers:
            raise CapacityExceeded(f"{self._max_watchers} watch already, as many as may")
        self._num_watchers += 1
        try:
            yield (last := self.told(service))
            while True:
                changed = self._changed
                if (now := self.told(service)) is not last:
                    yield (last := now)
                else:
                    await changed.wait()
        finally:
            self._num_watchers -= 1

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
