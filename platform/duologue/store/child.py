"""A child process that does not outlive us, however we end."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

_LAUNCHER = Path(__file__).with_name("parent_bound.py")


class BoundChild:
    """One program, run by a thread that lives exactly as long as the program does.

    The thread matters: Linux ends such a child together with the thread that started it, so that
    may not be one that comes and goes. When this process dies, all of its threads do.
    """

    def __init__(
        self, program: Sequence[str], config: bytes, *, keep_open: Sequence[int] = ()
    ) -> None:
        """The program reads `config` from its standard input, and has the descriptors too."""
        here = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid())]
        self._command = [*here, *program]
        self._config = config
        self._keep_open = tuple(keep_open)
        self._process: subprocess.Popen[bytes] | None = None
        self._error: OSError | None = None
        self._started = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="child-keeper", daemon=True)

    async def start(self) -> None:
        """Start the program; raises OSError if that fails. It may end at once all the same."""
        self._keeper.start()
        await asyncio.to_thread(self._started.wait)
        if self._error is not None:
            raise self._error

    @property
    def pid(self) -> int:
        """Its process id, once it was started."""
        assert self._process is not None, "the child was not started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._keeper.is_alive()

    async def stop(self, grace_s: float) -> None:
        """Ask it to end (SIGTERM), and end it if it does not within the grace."""
        if self._process is None:
            return
        self._process.terminate()
        await asyncio.to_thread(self._keeper.join, grace_s)
        if self.is_running:
            self._process.kill()
            await asyncio.to_thread(self._keeper.join)

    def _keep(self) -> None:
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=self._keep_open,
                start_new_session=True,  # Ctrl-C is for us; we stop the child in order
            )
        except OSError as error:
            self._error = error
            return
        finally:
            self._started.set()
        self._process.communicate(self._config)
