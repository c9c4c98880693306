"""A gateway as a child process of the program that runs the cluster."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from signal import Signals

from duologue.errors import DuologueError
from duologue.settings import Settings

READY_WITHIN_S = 60.0
DRAIN_WITHIN_S = 2.0
STOP_WITHIN_S = 5.0
_POLL_S = 0.02
_NOT_ITS = ("DUOLOGUE_", "RAY_")
"""Parts of the environment: its settings are in a file, and Ray's token is not for it."""


class GatewayChild:
    """Ends with this process, however that ends."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        """The folder is for its settings, its log and its address."""
        self.address = ""
        self.http_address: str | None = None
        """Where OpenAI's API is, if the gateway serves it."""
        self._settings = settings
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Its process, once it was started."""
        assert self._process is not None, "the gateway was not started"
        return self._process.pid

    async def start(self) -> None:
        """Start it, and wait until clients can come; raises DuologueError with its last words.

        Once it has an address, it is started there again.
        """
        config, ready = self._folder / "gateway.toml", self._folder / "gateway.address"
        ready.unlink(missing_ok=True)
        config.touch(mode=0o600)  # the store's URL may hold a password
        config.write_text("\n".join(_toml(self._settings)), encoding="utf-8")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_ITS)}
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "duologue.gateway", "--config", str(config)),
                *("--ready-file", str(ready), "--die-with-parent"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,  # Ctrl-C is for us; we stop it in order
            )
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                while not ready.exists():
                    if self._process.returncode is not None:
                        raise DuologueError(f"the gateway did not start: {self._last_words()}")
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise DuologueError(f"the gateway does not answer: {self._last_words()}") from None
        self.address, *others = ready.read_text(encoding="utf-8").split()
        self.http_address = others[0] if others else None
        gateway = replace(
            self._settings.gateway,
            port=_port(self.address),
            http_port=None if self.http_address is None else _port(self.http_address),
        )
        self._settings = replace(self._settings, gateway=gateway)

    async def ended(self) -> str:
        """Wait until it ends by itself; returns its last words, or what killed it."""
        assert self._process is not None, "the gateway was not started"
        status = await self._process.wait()
        return self._last_words() if status >= 0 else f"killed by {Signals(-status).name}"

    async def stop(self) -> None:
        """Let it drain for a moment, then end it."""
        if self._process is None:
            return
        for end, within_s in (
            (self._process.terminate, DRAIN_WITHIN_S),
            (self._process.terminate, STOP_WITHIN_S),
            (self._process.kill, STOP_WITHIN_S),
        ):
            with suppress(ProcessLookupError):
                end()
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._process.wait()
                return

    @property
    def _log(self) -> Path:
        return self._folder / "gateway.log"

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return " / ".join(lines[-5:]) or "it left no log"


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _toml(settings: Settings) -> Iterator[str]:
    """All settings but those that are unset; JSON's way of writing values is TOML's as well."""
    for section in fields(settings):
        yield f"[{section.name}]"
        values = getattr(settings, section.name)
        for field in fields(values):
            value = getattr(values, field.name)
            if value is not None:
                yield f"{field.name} = {json.dumps(value, ensure_ascii=False)}"
