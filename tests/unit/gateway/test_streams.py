"""Which connection of a client has its session, among those to one gateway."""

import pytest

from duologue.gateway.errors import Replaced
from duologue.gateway.streams import ClientStream, Streams


async def _end_of(stream: ClientStream) -> None:
    async for _ in stream.events():
        pass


async def test_the_newer_connection_has_the_session_whichever_comes_first() -> None:
    streams = Streams(max_streams=4, outbox_events=4)
    with streams.opened() as one, streams.opened() as two, streams.opened() as three:
        with streams.holding("acme", "s", 1, one), streams.holding("acme", "s", 3, three):
            with pytest.raises(Replaced):
                await _end_of(one)
            with pytest.raises(Replaced), streams.holding("acme", "s", 2, two):
                pass
            three.end()
            await _end_of(three)
        with streams.holding("acme", "s", 2, two):  # once nobody has it, an older one may
            two.end()
            await _end_of(two)
