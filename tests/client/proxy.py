"""A TCP proxy whose connections can be cut, as when a machine or a network dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.waiting import waiting_for


class Proxy:
    """Passes bytes on to one address."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        self._writers |= {writer, far_writer}
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            self._pumps.add(asyncio.create_task(_pump(source, sink)))

    async def cut(self) -> None:
        """Reset every connection, without a word on any layer above."""
        # Whoever connects meanwhile belongs to the next cut.
        writers, self._writers = self._writers, set()
        pumps, self._pumps = self._pumps, set()
        for writer in writers:
            writer.transport.abort()
        if pumps:
            async with waiting_for("the end of the connections that were cut"):
                await asyncio.wait(pumps)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    except ConnectionError:
        pass
    sink.close()


@asynccontextmanager
async def proxied(address: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy on a free port, and its address."""
    proxy = Proxy(address)
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield proxy, f"127.0.0.1:{port}"
    finally:
        server.close()
        await proxy.cut()
        await server.wait_closed()
