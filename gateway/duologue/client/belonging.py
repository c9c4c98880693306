"""Where a client belongs: to one process, and in it to one event loop."""

import asyncio
import os

from duologue.client.errors import UsedElsewhere


class Belonging:
    """Made in a process; the loop in which it is first used is the one.

    gRPC's connections live in a loop, and do not live on behind a fork: used elsewhere, they would
    hang or break in ways that say nothing.
    """

    def __init__(self) -> None:
        self._process_id = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None

    def require_process(self) -> None:
        """Raise UsedElsewhere in another process, such as one that was forked off."""
        if os.getpid() != self._process_id:
            raise UsedElsewhere(
                f"this client was connected in process {self._process_id}, and this is process"
                f" {os.getpid()}: call connect() in each process, after the fork"
            )

    def require(self) -> None:
        """Raise UsedElsewhere in another process or event loop."""
        self.require_process()
        present = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = present
        if present is not self._loop:
            state = "which is closed" if self._loop.is_closed() else "which another thread may run"
            raise UsedElsewhere(
                f"this client belongs to another event loop, {state}: call connect() in each loop,"
                " or use duologue.client.sync"
            )
