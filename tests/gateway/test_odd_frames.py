"""Whatever a client sends over a WebSocket: it is answered, and nobody else notices."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from duologue.store.valkey import EmbeddedValkey
from tests.gateway.odd_frames import ODD_TENANT, answer, frames, send_all
from tests.gateway.real import House, house

NUM_FRAMES = 400
SEED = 7


@pytest.fixture
async def home(tmp_path: Path, server: EmbeddedValkey) -> AsyncIterator[House]:
    async with house(tmp_path, server.url) as home:
        yield home


async def test_odd_frames_disturb_nobody(home: House, caplog: pytest.LogCaptureFixture) -> None:
    await home.premises.store.put_tenant(ODD_TENANT)
    key = (await home.premises.store.create_key(ODD_TENANT.tenant_id)).key
    before = await answer(home)
    sending = asyncio.create_task(send_all(home, key, frames(SEED, NUM_FRAMES)))
    during = [await answer(home) for _ in range(3)]
    assert await sending == NUM_FRAMES
    assert {*during, await answer(home)} == {before}
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []


def test_the_same_seed_gives_the_same_frames() -> None:
    assert list(frames(3, 50)) == list(frames(3, 50))
    assert list(frames(3, 50)) != list(frames(4, 50))
