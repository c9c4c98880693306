"""A door that leads to one server or another, as a service's name or a virtual address does."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Forwarder:
    """Connections stay with the server that they were opened to, whatever `target` is later."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side ends it."""
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers |= {writer, back}
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_carry(reader, back))
                both.create_task(_carry(there, writer))
        finally:
            self._writers -= {writer, back}

    def end(self) -> None:
        for writer in self._writers:
            writer.close()


@asynccontextmanager
async def forwarding(target: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[Forwarder]:
    """A forwarder at a port of its own, for as long as the block; with a context, it speaks TLS to
    those who come."""
    forwarder = Forwarder(target)
    server = await asyncio.start_server(forwarder.take, "127.0.0.1", 0, ssl=tls)
    forwarder.port = server.sockets[0].getsockname()[1]
    try:
        yield forwarder
    finally:
        server.close()
        forwarder.end()
        await server.wait_closed()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
