"""What was acknowledged is kept, in order and once, and so are its transcript and its usage."""

import pytest
from redis import Redis

from duologue.clock import ManualClock
from duologue.errors import CapacityExceeded, StaleEpoch, UnknownSession
from duologue.session.transcript import Entry, Outcome, Role
from duologue.session_record import TranscriptEdit
from duologue.store.keys import SessionKeys, TenantKeys
from duologue.store.store import Store
from duologue.usage import Usage
from tests.store.records import LIMITS, LISTING_MS, a_session, new_lease, said, take


async def entries_of(store: Store, session_id: str = "one") -> tuple[bytes, ...]:
    return (await store.read("acme", session_id)).entries


async def test_entries_come_back_as_they_were(store: Store) -> None:
    lease = await new_lease(store)
    entries = [b"one", b"\x00\xff\r\n", b"", bytes(LIMITS.max_entry_bytes)]
    assert [await store.append(lease, entry) for entry in entries] == [1, 2, 3, 4]
    assert await entries_of(store) == tuple(entries)
    assert (await take(store, known_epoch=1)).num_entries == 4


async def test_an_append_whose_answer_was_lost_is_taken_once(store: Store) -> None:
    lease = await new_lease(store)
    edit = TranscriptEdit(0, (said("hello"),))
    for _ in range(3):
        assert await store.append(lease, b"first", transcript=edit, usage=Usage(1, 2, 3, 4)) == 1
        lease.num_entries = 0  # as if the answer had not come
    lease.num_entries = 1
    assert await store.append(lease, b"first") == 2  # the same again is not a repeat
    assert await entries_of(store) == (b"first", b"first")
    assert await store.transcript("acme", "one") == [said("hello")]


async def test_a_holder_that_knows_another_journal_is_refused(store: Store) -> None:
    lease = await new_lease(store)
    await store.append(lease, b"first")
    for believed in (0, 2):
        lease.num_entries = believed
        with pytest.raises(StaleEpoch, match="has 1 entries, which is not what its holder knows"):
            await store.append(lease, b"other")
    assert await entries_of(store) == (b"first",)


async def test_a_checkpoint_replaces_what_it_covers(store: Store) -> None:
    lease = await new_lease(store)
    for entry in (b"1", b"2", b"3"):
        await store.append(lease, entry)
    await store.checkpoint(lease, b"after 2", num_entries=2)
    journal = await store.read("acme", "one")
    assert (journal.checkpoint, journal.entries) == (b"after 2", (b"3",))
    await store.append(lease, b"4")
    await store.checkpoint(lease, b"after 4")
    await store.checkpoint(lease, b"after 4")
    journal = await store.read("acme", "one")
    assert (journal.checkpoint, journal.entries) == (b"after 4", ())
    assert await store.append(lease, b"5") == 5


async def test_a_checkpoint_of_what_is_not_there_is_refused(store: Store) -> None:
    lease = await new_lease(store)
    for entry in (b"1", b"2", b"3"):
        await store.append(lease, entry)
    await store.checkpoint(lease, b"after 2", num_entries=2)
    for num_entries in (1, 4):
        with pytest.raises(StaleEpoch):
            await store.checkpoint(lease, b"other", num_entries=num_entries)
    journal = await store.read("acme", "one")
    assert (journal.checkpoint, journal.entries) == (b"after 2", (b"3",))


async def test_too_large_an_entry_is_refused_and_nothing_else_disturbed(store: Store) -> None:
    lease = await new_lease(store)
    edit = TranscriptEdit(0, (said("x"),))
    with pytest.raises(CapacityExceeded, match="may be 1000 bytes at most, not 1001"):
        await store.append(lease, bytes(1_001), transcript=edit)
    with pytest.raises(CapacityExceeded, match="a checkpoint may be 2000 bytes at most, not 2001"):
        await store.checkpoint(lease, bytes(2_001))
    with pytest.raises(CapacityExceeded, match="entries of an edit may be 8 at most, not 9"):
        await store.append(lease, b"", transcript=TranscriptEdit(0, (said("x"),) * 9))
    with pytest.raises(CapacityExceeded, match="an edit of the transcript may be 2000 bytes"):
        await store.append(lease, b"", transcript=TranscriptEdit(0, (said("é" * 1_000),)))
    assert await store.append(lease, b"ok") == 1
    assert await store.transcript("acme", "one") == []


@pytest.mark.parametrize("size", [1_000, 1], ids=["bytes", "entries"])
async def test_a_journal_without_checkpoints_is_full_one_day(store: Store, size: int) -> None:
    lease = await new_lease(store)
    edit = TranscriptEdit(0, (said("x"),))
    taken = {1_000: 2, 1: 6}[size]
    for _ in range(taken):
        await store.append(lease, bytes(size))
    with pytest.raises(CapacityExceeded, match="'one' may have 2000 bytes and 6 entries behind"):
        await store.append(lease, bytes(size), transcript=edit, usage=Usage(1, 1, 1, 1))
    assert await store.transcript("acme", "one") == []
    assert (await store.require_session("acme", "one")).usage == Usage()
    assert len(await entries_of(store)) == taken
    await store.checkpoint(lease, b"checkpoint")
    assert await store.append(lease, bytes(size)) == taken + 1


async def test_the_transcript_is_what_the_edits_make_of_it(store: Store) -> None:
    lease = await new_lease(store)
    reply = Entry(Role.ASSISTANT, "größer ☂ \U0001f926", Outcome.CUT, response_id=7)
    a, b, c = map(said, "abc")
    edits = [
        (TranscriptEdit(0, (a,)), [a]),
        (TranscriptEdit(1, (b, reply)), [a, b, reply]),
        (None, [a, b, reply]),
        (TranscriptEdit(1, (c,)), [a, c]),
        (TranscriptEdit(2, ()), [a, c]),
        (TranscriptEdit(0, ()), []),
    ]
    for number, (edit, expected) in enumerate(edits):
        await store.append(lease, b"%d" % number, transcript=edit)
        assert await store.transcript("acme", "one") == expected


async def test_a_long_transcript_keeps_its_end(store: Store) -> None:
    lease = await new_lease(store)
    entries = [said(str(number)) for number in range(9)]
    await store.append(lease, b"1", transcript=TranscriptEdit(0, tuple(entries[:7])))
    assert await store.transcript("acme", "one") == entries[2:7]
    await store.append(lease, b"2", transcript=TranscriptEdit(6, tuple(entries[7:])))
    kept = [*entries[3:6], *entries[7:]]
    assert await store.transcript("acme", "one") == kept
    await store.append(lease, b"3", transcript=TranscriptEdit(1, (said("x"),)))
    assert await store.transcript("acme", "one") == [said("x")]  # 0 is gone for good
    await store.append(lease, b"4", transcript=TranscriptEdit(2, (said("y"),)))
    assert await store.transcript("acme", "one") == [said("x"), said("y")]


async def test_usage_is_counted_once_for_the_session_and_its_tenant(
    store: Store, clock: ManualClock
) -> None:
    lease, other = await new_lease(store), await new_lease(store, "two")
    await store.append(lease, b"1", usage=Usage(10, 1, 2, 1))
    lease.num_entries = 0
    await store.append(lease, b"1", usage=Usage(10, 1, 2, 1))
    await store.append(lease, b"2")
    await store.append(other, b"1", usage=Usage(100, 0, 0, 0))
    assert (await store.require_session("acme", "one")).usage == Usage(10, 1, 2, 1)
    clock.advance(LISTING_MS)
    await store.append(lease, b"3", usage=Usage(11, 1, 3, 2))
    assert await store.usage("acme") == Usage(11, 1, 3, 2)
    await store.release_lease(other)
    assert await store.usage("acme") == Usage(111, 1, 3, 2)
    replayed = await take(store, known_epoch=1)
    await store.append(replayed, b"4", usage=Usage(11, 1, 3, 2))
    await store.close_session("acme", "one")
    assert await store.usage("acme") == Usage(111, 1, 3, 2)
    await store.add_usage("acme", Usage(0, 5, 0, 4))
    assert await store.usage("acme") == Usage(111, 6, 3, 6)
    assert await store.usage("other") == Usage()


async def test_what_nobody_made_cannot_be_read(store: Store) -> None:
    with pytest.raises(UnknownSession):
        await store.read("acme", "one")
    with pytest.raises(UnknownSession):
        await store.transcript("acme", "one")
    await store.create_session(a_session())
    assert await entries_of(store) == ()
    assert await store.transcript("acme", "one") == []


async def test_a_closed_session_can_still_be_read(store: Store) -> None:
    lease = await new_lease(store)
    await store.append(lease, b"1", transcript=TranscriptEdit(0, (said("bye"),)))
    await store.close_session("acme", "one")
    assert await store.transcript("acme", "one") == [said("bye")]
    assert await entries_of(store) == (b"1",)


async def test_a_count_that_an_older_record_lacks_is_zero(
    store: Store, raw: Redis, clock: ManualClock
) -> None:
    """A session and a tenant of before `discarded_tokens` was counted."""
    lease = await new_lease(store)
    await store.append(lease, b"1", usage=Usage(10, 1, 2))
    clock.advance(LISTING_MS)
    await store.renew_lease(lease)
    meta, usage = SessionKeys.of("acme", "one").meta, TenantKeys.of("acme").usage
    assert raw.hdel(meta, "discarded_tokens") == 1
    raw.hdel(usage, "discarded_tokens")
    raw.hset(TenantKeys.of("acme").metered, "one", "10 1 2")
    assert (await store.require_session("acme", "one")).usage == Usage(10, 1, 2)
    await store.append(lease, b"2", usage=Usage(11, 2, 3, 4))
    await store.release_lease(lease)
    assert await store.usage("acme") == Usage(11, 2, 3, 4)
