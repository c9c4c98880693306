"""Where commands wait for the thread that owns the engine."""

import threading
from collections import deque

from duologue.batching.messages import Command, StreamEnded
from duologue.errors import CapacityExceeded


class CommandQueue:
    """A bounded queue from any thread to one. Waking a thread costs more than a command, so the one
    that waits says how many commands are worth it."""

    def __init__(self, max_commands: int) -> None:
        self.max_commands = max_commands
        self._commands: deque[Command] = deque()
        self._rings = threading.Event()
        self._worth_waking = 1

    def put(self, command: Command) -> None:
        """Add a command; raises CapacityExceeded when too many wait.

        A stream that leaves is always heard: there is one such command for each.
        """
        if len(self._commands) >= self.max_commands and not isinstance(command, StreamEnded):
            raise CapacityExceeded(
                f"{self.max_commands} requests wait for this batching actor already"
            )
        self._commands.append(command)
        if len(self._commands) >= self._worth_waking:
            self._rings.set()

    def take(self) -> list[Command]:
        """Everything that waits, in order."""
        return [self._commands.popleft() for _ in range(len(self._commands))]

    def wait(self, timeout_ms: float, at_least: int = 1) -> None:
        """Until so many commands are there, the time is over, or somebody rings."""
        self._worth_waking = at_least
        if len(self._commands) < at_least:
            self._rings.wait(timeout_ms / 1000)
        self._rings.clear()
        self._worth_waking = 1

    def ring(self) -> None:
        """Wake the thread that waits."""
        self._rings.set()
