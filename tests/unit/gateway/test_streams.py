"""Which connection of a client has its session, among those to one gateway."""

import pytest

from duologue.errors import QuotaUsedUp
from duologue.gateway.errors import Replaced
from duologue.gateway.streams import ClientStream, Streams


async def _end_of(stream: ClientStream) -> None:
    async for _ in stream.events():
        pass


async def test_the_newer_connection_has_the_session_whichever_comes_first() -> None:
    streams = Streams(max_streams=4, outbox_events=4, max_of_tenant=4)
    with (
        streams.opened("acme") as one,
        streams.opened("acme") as two,
        streams.opened("acme") as three,
    ):
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


async def test_so_many_of_one_tenant() -> None:
    streams = Streams(max_streams=4, outbox_events=4, max_of_tenant=2)
    with streams.opened("acme"), streams.opened("other"):
        with streams.opened("acme"):
            with pytest.raises(QuotaUsedUp, match="2 conversations"), streams.opened("acme"):
                pass
            with streams.opened("other"):
                pass
        with streams.opened("acme"):
            pass
