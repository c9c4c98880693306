"""A proxy that swallows: what it is asked for is noted, and never answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.waiting import News

VARIABLES = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy")
EXCEPTIONS = ("no_proxy", "no_grpc_proxy")


class ProxySink:
    """Where the environment's proxy variables lead."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        """The first line of each request, such as "CONNECT 127.0.0.1:50051 HTTP/1.1"."""
        self._news = News()
        self._writers: list[asyncio.StreamWriter] = []

    async def until_asked_for(self, address: str) -> None:
        """Wait until somebody wants to reach the address by this proxy."""
        await self._news.until(
            lambda: any(address in line for line in self.asked), address, lambda: self.asked
        )

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.asked.append((await reader.readline()).decode(errors="replace").strip())
        self._news.tell()

    def close(self) -> None:
        """Whoever still waits is sent away."""
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def swallowing(patch: pytest.MonkeyPatch) -> AsyncIterator[ProxySink]:
    """All proxy variables lead to the sink, for the length of the block."""
    sink = ProxySink()
    server = await asyncio.start_server(sink.connected, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        with patch.context() as variables:
            for name in VARIABLES:
                variables.setenv(name, url)
                variables.setenv(name.upper(), url)
            for name in EXCEPTIONS:
                variables.setenv(name, "")
                variables.setenv(name.upper(), "")
            yield sink
    finally:
        server.close()
        sink.close()
        await server.wait_closed()
