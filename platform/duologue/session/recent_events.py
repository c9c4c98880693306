"""The last events of a session, for clients that resume: so many, and so many bytes."""

from collections import deque
from collections.abc import Iterable, Iterator

from duologue.events import Envelope, Error, InputState, ResponseDelta

MAX_BYTES = 2**23
"""Half of what a checkpoint may have."""
_BARE_BYTES = 256
"""Of an event without its text, at the most."""

Told = tuple[Envelope, int]
"""A server event, and the last client event that the session had taken when it happened."""


class RecentEvents:
    """The oldest leave when there are too many, or when they are too large; never the newest."""

    def __init__(self, told: Iterable[Told], max_events: int, max_bytes: int = MAX_BYTES) -> None:
        assert max_events > 0, max_events
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._told: deque[Told] = deque()
        self._num_bytes = 0
        for each in told:
            self.add(each)

    def __len__(self) -> int:
        return len(self._told)

    def __iter__(self) -> Iterator[Told]:
        return iter(self._told)

    def add(self, told: Told) -> None:
        """Another event happened."""
        self._told.append(told)
        self._num_bytes += _size(told)
        while len(self._told) > 1 and self._is_too_much:
            self._num_bytes -= _size(self._told.popleft())

    @property
    def _is_too_much(self) -> bool:
        return len(self._told) > self._max_events or self._num_bytes > self._max_bytes


def _size(told: Told) -> int:
    match told[0].event:
        case ResponseDelta(text=text) | Error(message=text):
            return _BARE_BYTES + len(text.encode())
        case InputState(text=text, segment_ids=segment_ids):
            names = sum(len(name.encode()) + 2 for name in segment_ids)
            return _BARE_BYTES + len(text.encode()) + names
        case _:
            return _BARE_BYTES
