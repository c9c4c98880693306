"""The server goes and comes back: calls end in time, and what was acknowledged is there."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError

from duologue.clock import ManualClock
from duologue.errors import CapacityExceeded, StaleEpoch, StoreIncompatible, StoreUnavailable
from duologue.service_settings import StoreSettings
from duologue.session_lease import Lease
from duologue.session_record import SessionStatus, TranscriptEdit
from duologue.store.store import Store
from duologue.store.valkey import EmbeddedValkey
from duologue.tenants import Tenant
from duologue.usage import Usage
from tests.store.records import START_MS, a_session, new_lease, said, take
from tests.waiting import waiting_for

NUM_SESSIONS = 8


@pytest.fixture
async def fragile(tmp_path: Path) -> AsyncIterator[EmbeddedValkey]:
    """A server that a test may kill."""
    async with EmbeddedValkey(tmp_path) as server:
        yield server


@pytest.fixture
async def store(fragile: EmbeddedValkey) -> AsyncIterator[Store]:
    clock = ManualClock(START_MS)
    settings = StoreSettings()
    now_ms = lambda: int(clock.now_ms())  # noqa: E731
    async with await Store.connect(fragile.url, settings, now_ms=now_ms) as store:
        yield store


async def append_for_ever(store: Store, lease: Lease, enough: asyncio.Barrier) -> None:
    """Append; after 20 entries say so, and go on."""
    while True:
        number = lease.num_entries
        edit = TranscriptEdit(number, (said(str(number)),))
        usage = Usage(number + 1, 0, 0)
        await store.append(lease, b"%d" % number, transcript=edit, usage=usage)
        if lease.num_entries == 20:
            await enough.wait()


async def test_nothing_acknowledged_is_lost_when_the_server_is_killed(
    store: Store, fragile: EmbeddedValkey
) -> None:
    leases = [await new_lease(store, f"s{number}") for number in range(NUM_SESSIONS)]
    enough = asyncio.Barrier(NUM_SESSIONS + 1)
    writers = [asyncio.create_task(append_for_ever(store, lease, enough)) for lease in leases]
    async with waiting_for("20 entries of each writer", lambda: writers):
        await enough.wait()
    os.kill(fragile.pid, signal.SIGKILL)
    async with waiting_for("the end of the writers", lambda: writers):
        ends = await asyncio.gather(*writers, return_exceptions=True)
    assert {type(end) for end in ends} == {StoreUnavailable}
    await fragile.restart()
    for lease in leases:
        entries = [int(entry) for entry in (await store.read("acme", lease.session_id)).entries]
        assert entries == list(range(len(entries)))
        assert len(entries) - lease.num_entries in (0, 1)  # one was under way
        assert lease.num_entries >= 20
        transcript = await store.transcript("acme", lease.session_id)
        assert [int(entry.text) for entry in transcript] == entries
        record = await store.require_session("acme", lease.session_id)
        assert record.usage.input_tokens == len(entries)


async def test_a_holder_goes_on_and_repeats_what_it_does_not_know_of(
    store: Store, fragile: EmbeddedValkey
) -> None:
    lease = await new_lease(store)
    await store.append(lease, b"first")
    os.kill(fragile.pid, signal.SIGKILL)
    with pytest.raises(StoreUnavailable, match=r"the store at unix://.* does not answer"):
        await store.append(lease, b"second")
    await fragile.restart()
    assert await store.append(lease, b"second") == 2
    await store.renew_lease(lease)
    assert (await store.read("acme", "one")).entries == (b"first", b"second")
    assert (await store.require_session("acme", "one")).status is SessionStatus.LIVE


async def test_epochs_survive(store: Store, fragile: EmbeddedValkey) -> None:
    old = await new_lease(store)
    new = await take(store, known_epoch=1)
    os.kill(fragile.pid, signal.SIGKILL)
    await fragile.restart()
    with pytest.raises(StaleEpoch):
        await store.append(old, b"entry")
    assert await store.append(new, b"entry") == 1


async def test_a_server_that_hangs_is_not_waited_for_for_ever(
    store: Store, fragile: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = await new_lease(store)
    os.kill(fragile.pid, signal.SIGSTOP)
    try:
        with monkeypatch.context() as patch:
            patch.setattr("duologue.store.connection._CALL_S", 0.2)
            calls = [store.append(lease, b"entry"), *(store.tenants() for _ in range(60))]
            ends = await asyncio.gather(*calls, return_exceptions=True)
    finally:
        os.kill(fragile.pid, signal.SIGCONT)
    assert {type(end) for end in ends} == {StoreUnavailable}
    assert "does not answer: nothing within 0.2 s" in str(ends[0])
    assert await store.append(lease, b"entry") == 1
    assert (await store.read("acme", "one")).entries == (b"entry",)


async def test_a_limit_holds_although_the_library_swallows_the_breaking_off(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `asyncio.wait_for` of Python 3.11 does, by which it writes."""
    num_calls = 0

    async def swallow(*_: object) -> None:
        nonlocal num_calls
        num_calls += 1
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        raise ConnectionError("the connection is gone")

    monkeypatch.setattr("duologue.store.connection._CALL_S", 0.01)
    monkeypatch.setattr("duologue.store.connection.send", swallow)
    async with waiting_for("the end of the call", lambda: num_calls):
        with pytest.raises(StoreUnavailable, match=r"nothing within 0\.01 s"):
            await store.mark_draining("n1")
    assert num_calls == 1


async def test_a_server_that_is_not_ready_and_then_is_gone_is_given_up(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [ReadOnlyError("not now")] * 4 + [RedisConnectionError("gone")]

    async def fail(*_: object) -> None:
        raise failures.pop(0)

    monkeypatch.setattr("duologue.store.connection._LONG_PAUSES_S", (0.0,) * 8)
    monkeypatch.setattr("duologue.store.connection.send", fail)
    with pytest.raises(StoreUnavailable, match="does not answer: gone"):
        await store.mark_draining("n1")
    assert not failures


async def test_where_nobody_is_nobody_is_waited_for(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await Store.connect(f"unix://{tmp_path}/none")


async def test_many_calls_at_once_wait_for_each_other(store: Store) -> None:
    await store.create_session(a_session())
    records = await asyncio.gather(*(store.session("acme", "one") for _ in range(500)))
    assert {record.session_id for record in records if record} == {"one"}


async def test_a_call_that_is_given_up_disturbs_no_other(store: Store) -> None:
    for number in range(40):
        await store.create_session(a_session(f"s{number}"))
    for num_steps in range(30):
        given_up = asyncio.create_task(store.session("acme", "s0"))
        for _ in range(num_steps):
            await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])
        found = await asyncio.gather(*(store.session("acme", f"s{n}") for n in range(1, 40)))
        assert [each.session_id for each in found if each] == [f"s{n}" for n in range(1, 40)]


async def test_passwords_are_not_told(tmp_path: Path) -> None:
    async with EmbeddedValkey(host="127.0.0.1") as server:
        secret = server.url.split(":")[2].split("@")[0]
        wrong = server.url.replace(secret, "wrong-password")
        with pytest.raises(StoreUnavailable) as refusal:
            await Store.connect(wrong)
        assert "wrong-password" not in str(refusal.value)
        async with await Store.connect(server.url) as store:
            await store.create_session(a_session())


async def test_a_full_server_refuses_and_keeps_what_it_has(
    store: Store, fragile: EmbeddedValkey
) -> None:
    lease = await new_lease(store)
    await store.append(lease, b"first")
    with Redis.from_url(fragile.url) as redis:
        redis.config_set("maxmemory", "1mb")
        with pytest.raises(CapacityExceeded, match="is full"):
            await store.put_tenant(Tenant("acme"))
        assert await store.append(lease, b"second") == 2
        redis.config_set("maxmemory", "0")
    await store.put_tenant(Tenant("acme"))


async def test_what_is_not_ours_is_told_of(store: Store, fragile: EmbeddedValkey) -> None:
    await store.create_session(a_session())
    with Redis.from_url(fragile.url) as redis:
        redis.delete("duologue:1:{acme:one}:meta")
        redis.set("duologue:1:{acme:one}:meta", "text")
    with pytest.raises(StoreIncompatible, match=r"refuses: .*WRONGTYPE"):
        await store.session("acme", "one")
