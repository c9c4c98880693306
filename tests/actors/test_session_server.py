"""Sessions on real sockets, with a real store and a tiny model."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from opentelemetry.trace import format_trace_id

from duologue.actors.event_cursor import EventCursor
from duologue.actors.session_server import Bound, SessionServer, take_all
from duologue.errors import (
    CapacityExceeded,
    LeaseHeld,
    ModelUnavailable,
    SessionEnded,
    StaleEpoch,
    UnknownSession,
)
from duologue.events import (
    Error,
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseStarted,
    SessionClose,
    SessionClosed,
)
from duologue.hosting.actions import EndOfHosting
from duologue.service_settings import SessionSettings, StoreSettings
from duologue.session.transcript import Role
from duologue.session_record import SessionStatus
from duologue.states import State
from duologue.store.valkey import EmbeddedValkey
from duologue.telemetry.trace_ids import trace_id_of
from duologue.v1 import events_pb2
from duologue.v1 import session_pb2 as pb
from tests.actors.guest import Guest
from tests.actors.premises import TENANT, Premises, come
from tests.json_log import json_log
from tests.tiny_models import VOCAB_SIZE
from tests.waiting import waiting_for


async def next_ending(server: SessionServer) -> EndOfHosting:
    """How the next session of the server ends."""
    async with waiting_for("the end of a session"):
        return (await server.ends.get()).ending


async def test_a_conversation(premises: Premises, stack: AsyncExitStack) -> None:
    guest, bound = await come(premises, await premises.server(), stack)
    await guest.say("what is it?")
    await guest.until_event(ResponseDone)
    assert bound.epoch == guest.welcome.epoch == 1
    kinds = [type(event) for event in guest.events]
    assert kinds[:2] == [InputState, ResponseStarted]
    assert guest.text
    record = await premises.store.require_session(TENANT, guest.session_id)
    assert record.status is SessionStatus.LIVE
    assert record.address == bound.address
    await guest.until(lambda: guest.notices, "its usage")
    record = await premises.store.require_session(TENANT, guest.session_id)
    told = guest.notices[0].usage
    assert told.output_tokens == record.usage.output_tokens
    assert 0 < told.slices <= record.usage.slices, "one more may have concluded the reply"
    await guest.send(SessionClose())
    await guest.until_event(SessionClosed)
    said = await premises.store.transcript(TENANT, guest.session_id)
    assert [(entry.role, entry.text) for entry in said] == [
        (Role.USER, "what is it?"),
        (Role.ASSISTANT, guest.text),
    ]


async def test_an_interruption(
    tmp_path: Path, valkey: EmbeddedValkey, stack: AsyncExitStack
) -> None:
    """The reply falls silent at once, and is over when it is confirmed that it is."""
    premises = Premises(tmp_path, valkey.url, stack, max_reply_tokens=96)
    await premises.open()
    premises.dictate(State.QUERY)
    guest, _ = await come(premises, await premises.server(), stack)
    await guest.say("what is it?")
    await guest.until_event(ResponseStarted)
    await guest.say("tell me more", "b")
    await guest.until_event(ResponseDone)
    await guest.until_event(ResponseStarted, 2)
    kinds = [type(event) for event in guest.events if not isinstance(event, ResponseDelta)]
    first = [InputState, ResponseStarted]
    assert kinds == [*first, InputState, ResponsePaused, Interrupted, ResponseDone, ResponseStarted]
    heard = [event.text for event in guest.events if isinstance(event, InputState)]
    assert heard == ["what is it?", "tell me more"]


async def test_a_client_that_drops_out_resumes_behind_what_it_saw(
    premises: Premises, stack: AsyncExitStack
) -> None:
    guest, bound = await come(premises, await premises.server(), stack)
    await guest.say("what is it?")
    await guest.until_event(ResponseStarted)
    await guest.detach()
    await guest.attach(bound)
    await guest.until_event(ResponseDone)
    assert guest.text


async def test_a_process_that_dies_is_replaced_and_every_event_comes_once(
    premises: Premises, stack: AsyncExitStack
) -> None:
    server, other = await premises.server(), await premises.server()
    guest, bound = await come(premises, server, stack)
    await guest.say("what is it?")
    await guest.until_event(ResponseStarted)
    await guest.detach()
    # The first process neither releases nor knows anything: it is as good as dead.
    again = await other.bind(TENANT, guest.session_id, bound.epoch)
    assert again.epoch == bound.epoch + 1
    await guest.attach(again)
    await guest.until_event(ResponseDone)
    assert await next_ending(server) is EndOfHosting.OVERTAKEN
    await guest.send(SessionClose())
    await guest.until_event(SessionClosed)
    said = await premises.store.transcript(TENANT, guest.session_id)
    assert said[-1].text == guest.text


async def test_a_session_that_lives_elsewhere_is_not_taken_over_by_one_who_does_not_know_it(
    premises: Premises, stack: AsyncExitStack
) -> None:
    server, other = await premises.server(), await premises.server()
    guest, bound = await come(premises, server, stack)
    with pytest.raises(LeaseHeld) as held:
        await other.bind(TENANT, guest.session_id, 0)
    assert (held.value.address, held.value.epoch) == (bound.address, bound.epoch)
    assert await server.bind(TENANT, guest.session_id, 0) == bound


async def test_two_batching_actors_and_one_of_them_goes(
    premises: Premises, stack: AsyncExitStack
) -> None:
    await premises.start_batcher()
    premises.dictate(State.QUERY)
    guest, _ = await come(premises, await premises.server(), stack)
    await guest.say("what is it?")
    await guest.until_event(ResponseStarted)
    seated = [b for b in premises.batchers if b.loop.status.load.num_sessions]
    await (seated or premises.batchers)[0].stop()
    await guest.until_event(ResponseDone)
    await guest.say("and what else?", "b")
    await guest.until_event(ResponseDone, 2)
    assert not any(isinstance(event, Error) for event in guest.events)


async def test_a_session_goes_on_only_with_the_words_it_was_begun_with(
    premises: Premises, stack: AsyncExitStack
) -> None:
    """Whether it loses its seat, or its process: another model's tokens say something else."""
    server, other = await premises.server(), await premises.server()
    guest, bound = await come(premises, server, stack)
    await guest.say("what is it?")
    await guest.until_event(ResponseDone)
    stranger = await premises.start_batcher(vocab_size=VOCAB_SIZE - 8)  # comes before the next
    await premises.start_batcher()
    premises.dictate(State.QUERY)
    await premises.batchers[0].stop()
    await guest.say("and what else?", "b")
    await guest.until_event(ResponseDone, 2)
    await guest.detach()
    await guest.attach(await other.bind(TENANT, guest.session_id, bound.epoch))
    await guest.say("and then?", "c")
    await guest.until_event(ResponseDone, 3)
    assert not any(isinstance(event, Error) for event in guest.events)
    assert stranger.loop.status.load.num_sessions == 0


async def test_a_session_whose_words_nobody_has_any_more_is_refused_and_kept(
    premises: Premises, stack: AsyncExitStack
) -> None:
    server, other = await premises.server(), await premises.server()
    guest, bound = await come(premises, server, stack)
    await guest.say("what is it?")
    await guest.until_event(ResponseDone)
    await premises.start_batcher(vocab_size=VOCAB_SIZE - 8)
    await premises.batchers[0].stop()
    with pytest.raises(ModelUnavailable, match="was begun with"):
        await other.bind(TENANT, guest.session_id, bound.epoch)
    record = await premises.store.require_session(TENANT, guest.session_id)
    assert record.status is SessionStatus.ASLEEP
    assert len(await premises.store.transcript(TENANT, guest.session_id)) == 2


async def test_without_a_batching_actor_nothing_comes_alive(
    premises: Premises, stack: AsyncExitStack
) -> None:
    server = await premises.server()
    session_id = await premises.session()
    await premises.batchers[0].stop()
    with pytest.raises(CapacityExceeded, match="no batching actor of the model tiny is there"):
        await server.bind(TENANT, session_id, 0)
    record = await premises.store.require_session(TENANT, session_id)
    assert record.status is SessionStatus.ASLEEP


async def test_a_batching_actor_that_is_still_announced_but_gone_is_passed_over(
    premises: Premises, stack: AsyncExitStack
) -> None:
    """For as long as it is announced, it looks like the best choice: nobody sits there."""
    gone = replace(premises.batchers[0].status, batcher_id="a-gone", address="127.0.0.1:1")
    await premises.store.announce_batcher(gone, ttl_ms=600_000)
    guest, _ = await come(premises, await premises.server(), stack)
    await guest.say("what is it?")
    await guest.until_event(ResponseDone)


async def test_what_does_not_exist_cannot_be_bound_or_attached(
    premises: Premises, stack: AsyncExitStack
) -> None:
    server = await premises.server()
    with pytest.raises(UnknownSession):
        await server.bind(TENANT, "nobody", 0)
    guest = Guest(TENANT, "nobody")
    stack.push_async_callback(guest.detach)
    await guest.attach(Bound(server.address, 1))
    assert guest.farewell is not None
    assert guest.farewell.refused.code == "unknown_session"


async def test_an_older_epoch_is_refused(premises: Premises, stack: AsyncExitStack) -> None:
    server = await premises.server()
    guest, bound = await come(premises, server, stack)
    again = await server.bind(TENANT, guest.session_id, bound.epoch)
    await guest.until_over()
    assert guest.farewell is not None
    assert guest.farewell.WhichOneof("response") == "leaving"
    await guest.attach(again, epoch=bound.epoch)
    assert guest.farewell.refused.code == "stale_epoch"
    await guest.attach(again)
    await guest.say("what is it?")
    await guest.until_event(ResponseDone)


async def test_a_newer_connection_ends_the_older_one(
    premises: Premises, stack: AsyncExitStack
) -> None:
    guest, bound = await come(premises, await premises.server(), stack)
    twin = Guest(TENANT, guest.session_id, connection_number=1)
    stack.push_async_callback(twin.detach)
    await twin.attach(bound)
    await guest.until_over()
    assert guest.farewell is not None
    assert guest.farewell.HasField("replaced")
    await twin.say("what is it?")
    await twin.until_event(ResponseDone)


async def test_an_older_connection_gives_way_to_a_newer_one(
    premises: Premises, stack: AsyncExitStack
) -> None:
    """As a gateway attaches again that does not know yet that its client went elsewhere."""
    server = await premises.server()
    session_id = await premises.session()
    bound = await server.bind(TENANT, session_id, 0)
    newer = Guest(TENANT, session_id, connection_number=2)
    older = Guest(TENANT, session_id, connection_number=1)
    for guest in (newer, older):
        stack.push_async_callback(guest.detach)
        await guest.attach(bound)
    await older.until_over()
    assert older.farewell is not None
    assert older.farewell.HasField("replaced")
    assert not newer.is_over
    await newer.say("what is it?")
    await newer.until_event(ResponseDone)


async def test_the_same_connection_again_is_not_told_that_it_was_replaced(
    premises: Premises, stack: AsyncExitStack
) -> None:
    """As its gateway attaches again that noticed a broken stream before the actor did."""
    guest, bound = await come(premises, await premises.server(), stack)
    again = Guest(TENANT, guest.session_id)
    stack.push_async_callback(again.detach)
    await again.attach(bound)
    await guest.until_over()
    assert guest.farewell is None
    assert again.farewell is None
    await again.say("what is it?")
    await again.until_event(ResponseDone)


MALFORMED = {
    "no event": pb.AttachRequest(event=events_pb2.ClientEvent(client_seq=1)),
    "no number": pb.AttachRequest(
        event=events_pb2.ClientEvent(input_commit=events_pb2.InputCommit())
    ),
    "a gap": pb.AttachRequest(
        event=events_pb2.ClientEvent(client_seq=7, input_commit=events_pb2.InputCommit())
    ),
    "seen too much": pb.AttachRequest(seen=pb.Seen(server_seq=9)),
    "a second hello": pb.AttachRequest(hello=pb.Hello()),
    "nothing": pb.AttachRequest(),
}


@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_message_ends_its_own_connection_only(
    premises: Premises, stack: AsyncExitStack, request_: pb.AttachRequest
) -> None:
    guest, bound = await come(premises, await premises.server(), stack)
    await guest.request(request_)
    await guest.until_over()
    assert guest.farewell is not None
    assert guest.farewell.refused.code == "invalid_input"
    await guest.detach()
    await guest.attach(bound)
    await guest.say("what is it?")
    await guest.until_event(ResponseDone)


async def test_it_sleeps_and_is_woken(
    tmp_path: Path, valkey: EmbeddedValkey, stack: AsyncExitStack
) -> None:
    premises = Premises(tmp_path, valkey.url, stack)
    await premises.open(sessions=SessionSettings(sleep_after_ms=300))
    premises.dictate(State.QUERY)
    server = await premises.server()
    guest, bound = await come(premises, server, stack)
    await guest.say("what is it?")
    await guest.until_over()
    assert guest.farewell is not None
    assert guest.farewell.WhichOneof("response") == "asleep"
    record = await premises.store.require_session(TENANT, guest.session_id)
    assert record.status is SessionStatus.ASLEEP
    kept = await premises.store.read(TENANT, guest.session_id)
    assert kept.checkpoint is not None
    assert kept.entries == ()
    assert not server.sessions
    await guest.detach()
    again = await server.bind(TENANT, guest.session_id, bound.epoch)
    await guest.attach(again)
    await guest.say("and what else?", "b")
    await guest.until_event(ResponseDone, 2)


async def test_a_drained_process_lets_its_sessions_move_when_they_are_silent(
    premises: Premises, stack: AsyncExitStack
) -> None:
    server, other = await premises.server(), await premises.server()
    guest, bound = await come(premises, server, stack)
    await guest.say("what is it?")
    await guest.until_event(ResponseStarted)
    server.drain(60_000, "the node is drained")
    await guest.until_over()
    assert any(isinstance(event, ResponseDone) for event in guest.events)
    assert guest.farewell is not None
    assert guest.farewell.leaving.reason == "the node is drained"
    await guest.detach()
    await guest.attach(await other.bind(TENANT, guest.session_id, bound.epoch))
    await guest.say("and what else?", "b")
    await guest.until_event(ResponseDone, 2)


async def test_a_closed_session_is_over(premises: Premises, stack: AsyncExitStack) -> None:
    server = await premises.server()
    guest, _ = await come(premises, server, stack)
    await guest.send(SessionClose())
    await guest.until_over()
    assert isinstance(guest.events[-1], SessionClosed)
    assert guest.farewell is None
    assert await next_ending(server) is EndOfHosting.CLOSED
    with pytest.raises(SessionEnded):
        await server.bind(TENANT, guest.session_id, 1)


async def test_a_reply_waits_for_a_client_that_does_not_read(
    tmp_path: Path, valkey: EmbeddedValkey, stack: AsyncExitStack
) -> None:
    premises = Premises(tmp_path, valkey.url, stack, max_reply_tokens=48)
    await premises.open(sessions=SessionSettings(unseen_events=4))
    premises.dictate(State.QUERY)
    guest, _ = await come(premises, await premises.server(), stack)
    guest.is_reading = False
    await guest.say("what is it?")
    await guest.until(lambda: guest.notices, "word that events wait")
    assert guest.notices[0].backpressure.waiting_events > 4
    guest.is_reading = True
    await guest.saw(len(guest.told))
    await guest.until_event(ResponseDone)


async def test_a_long_conversation_leaves_a_checkpoint_in_place_of_its_journal(
    tmp_path: Path, valkey: EmbeddedValkey, stack: AsyncExitStack
) -> None:
    premises = Premises(tmp_path, valkey.url, stack)
    await premises.open(store=StoreSettings(journal_entries=10))
    premises.dictate(State.QUERY)
    server, other = await premises.server(), await premises.server()
    guest, bound = await come(premises, server, stack)
    for number in range(6):
        await guest.say("what is it?", str(number))
        await guest.until_event(ResponseDone, number + 1)
    kept = await premises.store.read(TENANT, guest.session_id)
    assert kept.checkpoint is not None
    await guest.detach()
    await guest.attach(await other.bind(TENANT, guest.session_id, bound.epoch))
    await guest.say("what is it?", "last")
    await guest.until_event(ResponseDone, 7)
    stranger = Guest(TENANT, guest.session_id)
    stack.push_async_callback(stranger.detach)
    await stranger.attach(Bound(other.address, bound.epoch + 1))
    await stranger.until(lambda: len(stranger.told) >= len(guest.told), "all that was told")
    assert stranger.events == guest.events


async def test_a_store_that_lost_the_session_ends_it(
    premises: Premises, stack: AsyncExitStack
) -> None:
    server = await premises.server()
    guest, bound = await come(premises, server, stack)
    thief = await premises.store.take_lease(
        TENANT, guest.session_id, "thief", address="x", node_id="x", known_epoch=bound.epoch
    )
    await guest.say("what is it?")
    await guest.until_over()
    assert guest.told == []
    assert await next_ending(server) is EndOfHosting.OVERTAKEN
    with pytest.raises(StaleEpoch):
        await premises.store.renew_lease(
            type(thief)(TENANT, guest.session_id, "x", bound.epoch, 3000)
        )


def _fail(*_: object) -> NoReturn:
    raise RuntimeError("a fault")


async def _fail_later(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("a fault")


@pytest.mark.parametrize("what", ["receive", "absorb", "append"])
async def test_a_session_that_cannot_go_on_is_given_up(
    premises: Premises, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Whatever part of it fails: its client is to find it elsewhere at once."""
    server = await premises.server()
    guest, _ = await come(premises, server, stack)
    (session,) = server.sessions.values()
    if what == "append":
        monkeypatch.setattr(server._store, what, _fail_later)
    else:
        monkeypatch.setattr(session.host, what, _fail)
    await guest.say("what is it?")
    await guest.until_over()
    assert guest.farewell is not None
    assert guest.farewell.leaving.reason == "a fault of the platform's own"
    assert await next_ending(server) is EndOfHosting.MOVING
    record = await premises.store.require_session(TENANT, guest.session_id)
    assert record.status is SessionStatus.ASLEEP


async def test_a_session_that_cannot_take_leave_in_order_is_gone_all_the_same(
    premises: Premises, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await premises.server()
    guest, _ = await come(premises, server, stack)
    monkeypatch.setattr(server._store, "release_lease", _fail_later)
    server.drain(0, "it has to go")
    await guest.until_over()
    assert guest.farewell is not None
    assert guest.farewell.leaving.reason == "it has to go"
    assert await next_ending(server) is EndOfHosting.MOVING
    assert not server.sessions


async def test_a_connection_that_was_replaced_is_not_listened_to_any_more(
    premises: Premises, stack: AsyncExitStack
) -> None:
    """What it still brings might take the number of what the newer one says."""
    server = await premises.server()
    await come(premises, server, stack)
    (session,) = server.sessions.values()
    older = EventCursor(0, session.host.events_after)
    older.end(pb.AttachResponse(replaced=pb.Replaced()))

    async def requests() -> AsyncIterator[pb.AttachRequest]:
        said = events_pb2.InputAppend(segment_id="a", text="from the older connection")
        event = events_pb2.ClientEvent(client_seq=1, input_append=said)
        yield pb.AttachRequest(event=event)

    await take_all(requests(), session, older)
    assert session.host.chronicle.last_client_seq == 0


async def test_the_log_names_the_trace_of_a_session(
    premises: Premises, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for what comes over its client's connection, and for what its timers bring."""
    server = await premises.server()
    with json_log() as log:
        guest, _ = await come(premises, server, stack)
        (session,) = server.sessions.values()
        monkeypatch.setattr(session, "receive", _fail_later)
        await guest.say("what is it?")
        await guest.until_over()
        assert await next_ending(server) is EndOfHosting.MOVING
    trace_id = format_trace_id(trace_id_of(guest.session_id))
    assert log.entry("what a client said could not be taken")["trace_id"] == trace_id
    assert log.entry("leaves: ")["trace_id"] == trace_id
