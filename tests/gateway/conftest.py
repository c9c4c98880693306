"""A gateway on a real port, in front of a real store and of a node that follows a script."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from redis import Redis

from duologue.gateway.backoff import Backoff
from duologue.gateway.server import Gateway, serving
from duologue.jwt_settings import JwtSettings
from duologue.service_settings import GatewaySettings, StoreSettings
from duologue.settings import Settings
from duologue.store.store import Store
from duologue.store.valkey import EmbeddedValkey
from duologue.tenants import Tenant
from tests.gateway.scripted import ScriptedNode, World, node
from tests.gateway.talking import Api, api

FAST = Backoff(first_ms=1, max_ms=5, within_ms=20_000)
Serve = Callable[..., AbstractAsyncContextManager[Gateway]]


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey()
    asyncio.run(server.start())
    try:
        yield server
    finally:
        asyncio.run(server.stop())


@pytest.fixture
def store_settings(server: EmbeddedValkey) -> StoreSettings:
    """Of a store that is empty."""
    with Redis.from_url(server.url) as redis:
        redis.flushall()
    return StoreSettings(url=server.url)


@pytest.fixture
async def store(store_settings: StoreSettings) -> AsyncIterator[Store]:
    assert store_settings.url is not None
    async with await Store.connect(store_settings.url, store_settings) as store:
        yield store


@pytest.fixture
async def key(store: Store) -> str:
    """Of a tenant whose limits are wide."""
    await store.put_tenant(Tenant("acme"))
    return (await store.create_key("acme")).key


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def scripted(world: World, store: Store) -> AsyncIterator[ScriptedNode]:
    async with node(world, store) as scripted:
        yield scripted


@pytest.fixture
def serve(store: Store, store_settings: StoreSettings) -> Serve:
    """Makes a gateway with other settings than usual."""

    @asynccontextmanager
    async def serve(
        backoff: Backoff = FAST, store: Any = store, jwt: JwtSettings | None = None, **changes: Any
    ) -> AsyncIterator[Gateway]:
        settings = Settings(
            store=store_settings,
            gateway=replace(GatewaySettings(port=0, queue_ms=20_000, unary_ms=20_000), **changes),
            jwt=jwt or JwtSettings(),
        )
        async with serving(settings, store, random=Random(1), backoff=backoff) as gateway:
            yield gateway

    return serve


@pytest.fixture
async def gateway(serve: Serve, scripted: ScriptedNode) -> AsyncIterator[Gateway]:
    async with serve() as gateway:
        yield gateway


@pytest.fixture
async def client(gateway: Gateway, key: str) -> AsyncIterator[Api]:
    async with api(gateway.address, key) as client:
        yield client
