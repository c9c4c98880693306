"""A batching actor that is to go, and the sessions that sit at it, on real sockets."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from duologue.actors import batcher as batcher_module
from duologue.actors.batcher import BatcherProcess
from duologue.events import Error, ResponseDone, ResponseStarted
from duologue.states import State
from duologue.store.valkey import EmbeddedValkey
from tests.actors.premises import Premises, come
from tests.waiting import waiting_for


async def until_seated(batcher: BatcherProcess, number: int) -> None:
    async with waiting_for(f"{number} sessions at {batcher.options.batcher_id}"):
        while batcher.loop.num_seated != number:
            await asyncio.sleep(0.001)


async def test_a_silent_session_goes_at_once_and_is_answered_where_it_went(
    premises: Premises, stack: AsyncExitStack
) -> None:
    guest, _ = await come(premises, await premises.server(), stack)
    await guest.say("what is it?")
    await guest.until_event(ResponseDone)
    other = await premises.start_batcher()
    premises.dictate(State.QUERY)
    assert await premises.batchers[0].drain() == 0
    await until_seated(other, 1)
    assert premises.batchers[0].status.is_draining
    await guest.say("and what else?", "b")
    await guest.until_event(ResponseDone, 2)
    assert not any(isinstance(event, Error) for event in guest.events)


async def test_a_reply_goes_on_elsewhere_in_the_same_words(
    tmp_path: Path, valkey: EmbeddedValkey, stack: AsyncExitStack
) -> None:
    premises = Premises(tmp_path, valkey.url, stack, max_reply_tokens=96)
    await premises.open()
    mover_at = await premises.start_batcher(drain_ms=1)  # so nobody's end is waited for
    await premises.batchers[0].stop()
    premises.dictate(State.QUERY)
    server = await premises.server()
    mover, _ = await come(premises, server, stack)
    await mover.say("what is it?")
    await mover.until_event(ResponseStarted)
    await premises.start_batcher()
    premises.dictate(State.QUERY)
    await mover_at.drain()
    await mover_at.stop()
    stayer, _ = await come(premises, server, stack)
    await stayer.say("what is it?")
    for guest in (mover, stayer):
        await guest.until_event(ResponseDone)
    assert mover.text == stayer.text


async def test_where_nobody_has_room_sessions_stay_until_the_time_is_over(
    tmp_path: Path, valkey: EmbeddedValkey, stack: AsyncExitStack
) -> None:
    premises = Premises(tmp_path, valkey.url, stack)
    await premises.open()
    await premises.batchers[0].stop()
    last = await premises.start_batcher(drain_ms=50)
    premises.dictate(State.QUERY)
    guest, _ = await come(premises, await premises.server(), stack)
    await guest.say("what is it?")
    await guest.until_event(ResponseDone)
    assert await last.drain() == 1
    await guest.say("and what else?", "b")  # it still has its seat
    await guest.until_event(ResponseDone, 2)


async def test_an_operators_mark_drains_it(
    premises: Premises, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher_module, "ANNOUNCE_EVERY_S", 0.01)
    other = await premises.start_batcher()
    premises.dictate(State.QUERY)
    guest, _ = await come(premises, await premises.server(), stack)
    await guest.say("what is it?")
    await guest.until_event(ResponseDone)
    seated, free = sorted((premises.batchers[0], other), key=lambda each: -each.loop.num_seated)
    await premises.store.mark_batcher_draining(seated.options.batcher_id)
    await until_seated(free, 1)
    assert [each.room > 0 for each in await premises.store.batchers()].count(True) == 1
