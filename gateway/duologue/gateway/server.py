"""A gateway: its parts put together, from start to stop."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

import grpc
from grpc_health.v1 import health, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]

from duologue.background import repeatedly, running
from duologue.certificates import Certificates, gateway_certificates
from duologue.clock import MonotonicClock, UnixClock
from duologue.errors import InvalidSetting
from duologue.gateway.admin import AdminServicer
from duologue.gateway.allowance import Allowance
from duologue.gateway.backoff import Backoff
from duologue.gateway.binding import Binder
from duologue.gateway.channels import Channels
from duologue.gateway.conversation import ConversationServicer, GatewayParts
from duologue.gateway.guard import Guard
from duologue.gateway.health import SERVICES, GatewayHealth
from duologue.gateway.jwks import WATCH_S, KeySet
from duologue.gateway.jwks_source import source_of
from duologue.gateway.keys import KeyRing
from duologue.gateway.notices import NoticeDater
from duologue.gateway.options import server_options
from duologue.gateway.quotas import Quotas
from duologue.gateway.session_opening import SessionOpener
from duologue.gateway.streams import Streams
from duologue.gateway.tokens import TokenChecker
from duologue.gateway.watching import Watcher
from duologue.health_servicer import HealthServicer
from duologue.jwt_settings import JwtSettings
from duologue.openai.server import serving_http
from duologue.peers import Peers, server_credentials
from duologue.service_settings import GatewaySettings
from duologue.settings import Settings
from duologue.store.store import Store
from duologue.telemetry.metrics import tell_certificate
from duologue.v1 import admin_pb2_grpc, conversation_pb2_grpc

_STOP_S = 1.0
_OTHER_CALLS = 1_000
"""Calls at once, beside conversations."""


class Gateway:
    """Serves from `serving` until its block ends."""

    def __init__(
        self,
        settings: Settings,
        streams: Streams,
        health_: GatewayHealth,
        port: int,
        http_address: str | None = None,
    ) -> None:
        self._settings = settings
        self._streams = streams
        self._health = health_
        self._announcer = NoticeDater(UnixClock(), settings.decoding.tick_ms)
        self.address = f"{_host(settings.gateway.host)}:{port}"
        """Where clients find it."""
        self.http_address = http_address
        """Where clients of OpenAI's API find it, if they do."""
        self.playground_url = settings.gateway.playground_url(http_address)

    @property
    def num_streams(self) -> int:
        """Conversations that it carries now."""
        return len(self._streams)

    async def drain(self, within_ms: int | None = None) -> None:
        """Take no more conversations, send everybody away, and wait until they have gone.

        After `within_ms` (`gateway.drain_ms`) those that are left end with UNAVAILABLE.
        """
        limit_ms = self._settings.gateway.drain_ms if within_ms is None else within_ms
        self._health.drain()
        await self._streams.drain(self._announcer.go_away(limit_ms), limit_ms / 1e3)


@asynccontextmanager
async def serving(
    settings: Settings,
    store: Store,
    *,
    watcher: Watcher | None = None,
    random: Random | None = None,
    backoff: Backoff | None = None,
) -> AsyncIterator[Gateway]:
    """A gateway for as long as the block; raises InvalidSetting for its port or certificates."""
    watcher = watcher or Watcher(UnixClock())
    certificates, peers = gateway_certificates(settings.gateway), Peers.of(settings.cluster)
    issuer = _issuer(settings.jwt)
    keys = _key_ring(settings.jwt, store, issuer)
    tell_certificate(watcher.metrics.certificate_left, "gateway", certificates)
    tell_certificate(watcher.metrics.certificate_left, "cluster", peers.certificates)
    channels = Channels(peers)
    parts = _parts(
        settings, store, keys, channels, watcher, random or Random(), backoff or Backoff()
    )
    health_ = GatewayHealth(store, on_check=watcher.store_checked)
    allowance = Allowance(settings.gateway.calls_per_minute, MonotonicClock())
    guard = Guard(
        keys,
        allowance,
        unary_ms=settings.gateway.unary_ms,
        on_refusal=watcher.refused,
    )
    server = grpc.aio.server(
        interceptors=[guard],
        options=server_options(settings.gateway),
        # Also of those who never say who they are: no more than can be answered and refused.
        maximum_concurrent_rpcs=2 * settings.gateway.max_streams + _OTHER_CALLS,
    )
    _add_services(server, parts, health_)
    port = _listen(server, settings.gateway, certificates)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(parts.channels.aclose)
        if issuer is not None:
            # A file that is not there is a mistake; an issuer may come later.
            await issuer.start(must_be_there=not settings.jwt.is_url)
            watch = repeatedly(WATCH_S, issuer.watch_once, "the look at the issuer's keys")
            await stack.enter_async_context(running(watch))
        await health_.start()
        await server.start()
        stack.push_async_callback(server.stop, _STOP_S)
        await stack.enter_async_context(running(health_.watch()))
        http = serving_http(parts, allowance, certificates, lambda: health_.is_ready)
        http_address = await stack.enter_async_context(http)
        yield Gateway(settings, parts.streams, health_, port, http_address)


def _issuer(settings: JwtSettings) -> KeySet | None:
    if settings.jwks is None:
        return None
    refresh_ms = settings.refresh_s * 1e3
    return KeySet(source_of(settings), MonotonicClock(), refresh_ms, settings.jwks)


def _key_ring(settings: JwtSettings, store: Store, issuer: KeySet | None) -> KeyRing:
    unix_clock = UnixClock()
    tokens = None if issuer is None else TokenChecker(settings, issuer, store, unix_clock)
    return KeyRing(
        *(store.grant_of, MonotonicClock(), store.is_present),
        tokens=tokens,
        token_grace_ms=settings.stream_grace_s * 1e3,
        unix_clock=unix_clock,
    )


def _parts(
    settings: Settings,
    store: Store,
    keys: KeyRing,
    channels: Channels,
    watcher: Watcher,
    random: Random,
    backoff: Backoff,
) -> GatewayParts:
    streams = Streams(
        settings.gateway.max_streams,
        settings.gateway.outbox_events,
        settings.gateway.max_streams_of_tenant,
    )
    quotas = Quotas(store, settings.gateway)
    binder = Binder(
        *(store, quotas, channels),
        max_waiting=settings.gateway.queue_length,
        wait_ms=settings.gateway.queue_ms,
        random=random,
    )
    watcher.begin()
    watcher.metrics.streams.set_function(lambda: len(streams))
    watcher.metrics.streams_limit.set(settings.gateway.max_streams)
    watcher.metrics.queue_depth.set_function(lambda: binder.num_waiting)
    return GatewayParts(
        *(settings, store, keys, quotas, binder, channels, streams),
        opener=SessionOpener(
            store, quotas, watcher.clock, on_made=watcher.metrics.tenants.session_made
        ),
        announcer=NoticeDater(watcher.clock, settings.decoding.tick_ms),
        random=random,
        watcher=watcher,
        backoff=backoff,
    )


def _add_services(server: grpc.aio.Server, parts: GatewayParts, health_: GatewayHealth) -> None:
    conversation_pb2_grpc.add_ConversationServiceServicer_to_server(
        ConversationServicer(parts), server
    )
    admin = AdminServicer(parts.settings, parts.store, parts.binder, parts.channels)
    admin_pb2_grpc.add_AdminServiceServicer_to_server(admin, server)
    health_pb2_grpc.add_HealthServicer_to_server(HealthServicer(health_.board), server)
    if parts.settings.gateway.reflection:
        names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)


def _listen(
    server: grpc.aio.Server, settings: GatewaySettings, certificates: Certificates | None
) -> int:
    where = f"{_host(settings.host)}:{settings.port}"
    try:
        if certificates is None:
            return server.add_insecure_port(where)
        return server.add_secure_port(where, server_credentials(certificates))
    except RuntimeError as error:
        raise InvalidSetting(
            f"must be free, and gateway.host of this machine: cannot listen at {where}",
            field="gateway.port",
        ) from error


def _host(host: str) -> str:
    """An address as gRPC writes it."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
