"""A store and a batching actor with a tiny model, for tests on real sockets."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from duologue.states import State
from duologue.store.valkey import EmbeddedValkey
from tests.actors.premises import Premises


@pytest_asyncio.fixture(scope="module")
async def valkey() -> AsyncIterator[EmbeddedValkey]:
    async with EmbeddedValkey() as server:
        yield server


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def premises(tmp_path: Path, valkey: EmbeddedValkey, stack: AsyncExitStack) -> Premises:
    """With a batching actor that takes everything for a query."""
    premises = Premises(tmp_path, valkey.url, stack)
    await premises.open()
    premises.dictate(State.QUERY)
    return premises
