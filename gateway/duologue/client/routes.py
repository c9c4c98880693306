"""The ways to the platform: its gateways' addresses, and an open channel to one of them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import grpc

from duologue.client.belonging import Belonging
from duologue.client.errors import InvalidRequest
from duologue.errors import InvalidSetting
from duologue.proxies import proxy_options
from duologue.trust import Trust

_OPTIONS: tuple[tuple[str, int], ...] = (
    # A gateway that is gone without a word is noticed by its missing answers.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    # Small windows: what is not read stays with the session, which then holds its reply back.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 65_536),
    # Conversations resume by themselves, and gRPC is not to retry behind their back.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 3_000),
    ("grpc.max_reconnect_backoff_ms", 3_000),
    # A new channel is a new connection, also when another one to the same address is open.
    ("grpc.use_local_subchannel_pool", 1),
)
_OF_SEVERAL = ("dns:", "ipv4:", "ipv6:")
"""What begins a target of gRPC's, which may stand for several gateways."""
_SPREAD = (("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),)
"""Each call goes to the next one of them; without it, all go to the first one that answers."""


@dataclass(slots=True, eq=False)
class Route:
    """A channel to one gateway, or to those behind one name; conversations share it."""

    address: str
    channel: grpc.aio.Channel
    num_users: int = 0
    is_retired: bool = False


class Routes:
    """Gateways in the order of preference; whoever finds one gone leaves it for everybody."""

    def __init__(self, address: str | Sequence[str], trust: Trust | None = None) -> None:
        """Raises InvalidRequest for an address or a file that cannot be used."""
        self.addresses = _addresses(address)
        self.belonging = Belonging()
        self._trust = trust
        try:
            self._credentials = None if trust is None else trust.credentials()
        except InvalidSetting as error:
            raise InvalidRequest(str(error), "tls") from error
        self._place = 0
        self._present: Route | None = None

    @property
    def has_choice(self) -> bool:
        return len(self.addresses) > 1

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Route]:
        """The route that is believed to work; it stays open at least as long as it is used.

        Raises UsedElsewhere where the client does not belong.
        """
        self.belonging.require()
        if self._present is None:
            address = self.addresses[self._place % len(self.addresses)]
            self._present = Route(address, self._channel(address))
        route = self._present
        route.num_users += 1
        try:
            yield route
        finally:
            route.num_users -= 1
            if route.is_retired and not route.num_users:
                await route.channel.close()

    def leave(self, route: Route) -> None:
        """Its gateway fails or goes away: whoever comes next takes the next address, afresh."""
        if self._present is route:
            self._present = None
            self._place += 1
        route.is_retired = True

    async def aclose(self) -> None:
        """Close the present channel; conversations over it end."""
        if self._present is not None:
            self.belonging.require()
            await self._present.channel.close()
            self._present = None

    def _channel(self, address: str) -> grpc.aio.Channel:
        spread = _SPREAD if address.startswith(_OF_SEVERAL) else ()
        options = (*_OPTIONS, *spread, *proxy_options(address))
        if self._trust is not None:
            with suppress(InvalidSetting):  # then with those from before
                self._credentials = self._trust.credentials()
        if self._credentials is None:
            return grpc.aio.insecure_channel(address, options=options)
        return grpc.aio.secure_channel(address, self._credentials, options=options)


def _addresses(address: str | Sequence[str]) -> tuple[str, ...]:
    parts = address.split(",") if isinstance(address, str) else address
    found = tuple(part.strip() for part in parts)
    if not found or not all(found):
        raise InvalidRequest(f"address must be host:port, or several, not {address!r}", "address")
    return found
