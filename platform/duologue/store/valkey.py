"""A Valkey server of our own, for development and tests."""

from pathlib import Path
from types import TracebackType
from typing import Self


class EmbeddedValkey:
    """`async with EmbeddedValkey(data_dir) as server:` runs a server at `server.url`.

    It ends with the block, and with this process however that ends.
    """

    url: str

    def __init__(self, data_dir: str | Path | None = None, *, host: str | None = None) -> None:
        """With a folder, the data is kept there; with a host, it listens at a TCP port of it
        (else at a Unix socket)."""

    async def start(self) -> None:
        """Start, and wait until it answers; raises StoreUnavailable."""
        raise NotImplementedError

    async def stop(self) -> None:
        """End the server in order. Stopping again does nothing."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()
