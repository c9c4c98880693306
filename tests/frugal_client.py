"""A client of HTTP/2 that grants no room to answer, which no gRPC library would be.

It writes what a call needs by hand: the preface, a window of 0 for every stream, and then as many
calls as are wanted. It reads only to learn that a call has begun.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_INITIAL_WINDOW = 4


class FrugalClient:
    """A connection whose streams have a window of 0."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._next_stream = 1

    async def open(self) -> None:
        """Say who we are, and that nobody may send us anything on a stream."""
        self._writer.write(_PREFACE)
        self._frame(_SETTINGS, 0, 0, struct.pack(">HI", _INITIAL_WINDOW, 0))
        await self._writer.drain()

    async def call(self, path: str, message: bytes | None = None) -> int:
        """Begin a call, and say everything of it, unless there is no message; its stream."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "localhost"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]
        block = b"".join(_literal(name, value) for name, value in fields)
        self._frame(_HEADERS, _END_HEADERS, stream, block)
        if message is not None:
            body = struct.pack(">BI", 0, len(message)) + message
            self._frame(_DATA, _END_STREAM, stream, body)
        await self._writer.drain()
        return stream

    async def until_headers(self, stream: int) -> None:
        """Until the answer to a call has begun: the server has handled it."""
        while True:
            head = await self._reader.readexactly(9)
            length = int.from_bytes(head[:3], "big")
            kind, flags, of = head[3], head[4], int.from_bytes(head[5:9], "big")
            await self._reader.readexactly(length)
            if kind == _SETTINGS and not flags & _ACK:
                self._frame(_SETTINGS, _ACK, 0, b"")
            if kind == _HEADERS and of == stream:
                return

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        head = struct.pack(">I", len(payload))[1:] + bytes((kind, flags))
        self._writer.write(head + struct.pack(">I", stream) + payload)


@asynccontextmanager
async def frugal_client(address: str) -> AsyncIterator[FrugalClient]:
    """A connection to `host:port` or `unix:path` for as long as the block."""
    if address.startswith("unix:"):
        reader, writer = await asyncio.open_unix_connection(address.removeprefix("unix:"))
    else:
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
    try:
        client = FrugalClient(reader, writer)
        await client.open()
        yield client
    finally:
        writer.close()


def _literal(name: str, value: str) -> bytes:
    """One header of HPACK, without index and without Huffman's code."""
    return b"\x00" + _string(name) + _string(value)


def _string(text: str) -> bytes:
    data = text.encode()
    assert len(data) < 127, "needs a longer length"
    return bytes((len(data),)) + data
