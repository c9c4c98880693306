"""Wherever the stream breaks, nothing is lost and nothing is doubled, in either direction."""

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duologue.client import (
    ConnectionLost,
    Envelope,
    EventsLost,
    GaveUp,
    Phase,
    ResponseDone,
    SessionTaken,
    connect,
)
from duologue.v1 import events_pb2 as ev
from tests.client.proxy import proxied
from tests.client.service import KEY, Context, EchoService, Faults, Point, serving
from tests.client.worlds import ShortWaits, client_of, impatient, numbers, text_of, until_done
from tests.waiting import waiting_for

WORDS = ["Tell", " me", " about", " the", " sea"]
NUM_POINTS = 25


async def converse(faults: Faults) -> tuple[EchoService, list[int], int]:
    """Words, a commit, a reply to its end; returns the service and the numbers that were told."""
    service = EchoService(faults)
    async with client_of(service) as client, client.converse() as conversation:
        for word in WORDS:
            await conversation.append(word)
        await conversation.commit()
        told = await numbers(conversation)
        repeated = conversation.seen.num_repeated + conversation.seen.num_gaps
    return service, told, repeated


def check_exactly_once(service: EchoService, told: list[int], repeated: int) -> None:
    (session,) = service.sessions.values()
    kinds = [event.WhichOneof("event") for event in session.heard]
    assert [event.input_append.text for event in session.heard[: len(WORDS)]] == WORDS
    assert kinds[len(WORDS) :] == ["input_commit", "session_close"]
    assert told == list(range(1, len(session.story)))  # the last is session_closed
    assert repeated == 0


async def test_the_points_at_which_streams_break_below_are_all_passed() -> None:
    service, *_ = await converse(Faults())
    assert len(service.faults.points) >= NUM_POINTS
    assert set(service.faults.points[:NUM_POINTS]) == set(Point)


@pytest.mark.parametrize("place", range(1, NUM_POINTS + 1))
async def test_a_break_at_any_point(place: int) -> None:
    service, told, repeated = await converse(Faults(at={place}))
    check_exactly_once(service, told, repeated)
    assert service.faults.num_broken == 1
    assert service.num_streams == 2


@settings(max_examples=40)
@given(
    places=st.sets(st.integers(1, 60), max_size=12),
    code=st.sampled_from(
        [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN]
    ),
)
async def test_breaks_at_many_points(places: set[int], code: grpc.StatusCode) -> None:
    service, told, repeated = await converse(Faults(at=places, code=code))
    check_exactly_once(service, told, repeated)


async def test_what_was_sent_during_an_outage_arrives_after_it() -> None:
    service = EchoService(Faults(at={1}))  # right behind session_ready
    async with client_of(service) as client, client.converse() as conversation:
        async with waiting_for("the break of the connection"):
            async for event in conversation:
                if isinstance(event, ConnectionLost):
                    await conversation.say("late but here")
                    break
        assert text_of(await until_done(conversation)) == " late but here"
    assert service.num_streams == 2


async def test_another_process_goes_on_where_the_first_one_left() -> None:
    service = EchoService()
    async with client_of(service) as client:
        async with client.converse() as first:
            await first.say("one")
            await until_done(first)
            await first.leave()
        assert not service.sessions[first.session_id].is_closed
        resumed = client.resume(first.session_id, first.resume_token, first.last_server_seq - 1)
        async with resumed as second:
            assert await numbers(second) == [first.last_server_seq]
            await second.say("two")
            assert text_of(await until_done(second)) == " two"
    heard = [event.client_seq for event in service.sessions[first.session_id].heard]
    assert heard == list(range(1, len(heard) + 1))


async def test_unread_events_are_not_counted_as_seen_when_one_leaves() -> None:
    service = EchoService()
    async with client_of(service) as client:
        async with client.converse() as first:
            await first.say("one two three")
            async with waiting_for("a first event"):
                async for _ in first:
                    break
            await first.leave()
        assert first.last_server_seq == 0
        resumed = client.resume(first.session_id, first.resume_token, first.last_server_seq)
        async with resumed as second:
            assert await numbers(second) == list(range(1, 8))


async def test_waits_grow_until_it_is_given_up_with_the_reason() -> None:
    waits = ShortWaits()
    service = EchoService()

    async def away(context: Context) -> None:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "away as planned")

    async with client_of(service, impatient(), waits) as client:
        conversation = client.converse()
        async with conversation:
            service.faults.at = set(range(1, 1_000))
            service.refuse = [away] * 1_000
            await conversation.say("hi")
            with pytest.raises(GaveUp, match=r"session ses_1 .* in 2\.0 s\): away as planned"):
                await until_done(conversation, replies=9)
            assert conversation.phase is Phase.OVER
            with pytest.raises(GaveUp):
                await conversation.say("more")
    assert waits.slept_ms[0] < waits.slept_ms[2] < waits.slept_ms[4]
    assert sum(waits.slept_ms) == pytest.approx(2_000)


async def test_an_event_that_never_comes_is_not_passed_over() -> None:
    service = EchoService()
    service.on_written = lambda event: [] if event.server_seq == 3 else [event]
    async with client_of(service, impatient()) as client:
        async with client.converse() as conversation:
            await conversation.say("hi")
            with pytest.raises(EventsLost, match="event 4 came behind event 2"):
                await until_done(conversation)
        assert conversation.last_server_seq == 2
        assert conversation.seen.num_gaps > 1


async def test_a_doubled_event_is_told_once_and_counted() -> None:
    service = EchoService()
    service.on_written = lambda event: [event, event]
    async with client_of(service) as client, client.converse() as conversation:
        await conversation.say("hi")
        assert await numbers(conversation) == [1, 2, 3, 4, 5]
        assert conversation.seen.num_repeated == 4


async def test_a_session_taken_by_another_connection_is_not_fought_for() -> None:
    # When all was written: who is still writing may be told by gRPC of an internal error instead.
    service = EchoService(Faults(at={7}, code=grpc.StatusCode.ABORTED))
    async with client_of(service) as client, client.converse() as conversation:
        await conversation.say("hi")
        with pytest.raises(SessionTaken):
            await until_done(conversation)
    assert service.num_streams == 1


async def test_go_away_moves_to_the_next_gateway_and_loses_nothing() -> None:
    leaving = EchoService(after_ready=[ev.ServerEvent(go_away=ev.GoAway())])
    staying = EchoService(sessions=leaving.sessions)
    async with serving(leaving) as one, serving(staying) as two:
        client = connect(f"{one},{two}", api_key=KEY, timing=ShortWaits().timing)
        async with client, client.converse() as conversation:
            await conversation.say("to and fro")
            assert await numbers(conversation) == list(range(1, 8))
            assert conversation.stats.num_failures == 0
    assert (leaving.num_streams, staying.num_streams) == (1, 1)
    assert staying.sessions["ses_1"].is_closed


async def test_with_one_gateway_only_go_away_is_waited_out() -> None:
    service = EchoService(after_ready=[ev.ServerEvent(go_away=ev.GoAway())])
    async with client_of(service) as client, client.converse() as conversation:
        await conversation.say("hi")
        await until_done(conversation)
    assert service.num_streams == 1


async def test_cut_connections_lose_nothing() -> None:
    """Every few events the network is gone, also with events on their way."""
    service = EchoService()
    async with serving(service) as behind, proxied(behind) as (proxy, address):
        client = connect(address, api_key=KEY, timing=ShortWaits().timing)
        async with client, client.converse() as conversation:
            told: list[int] = []
            for text in ("one two three four five six", "seven eight nine", "ten eleven"):
                await conversation.say(text)
                async with waiting_for(f"the answer to {text!r}", lambda: told):
                    async for each in conversation.told():
                        if isinstance(each, Envelope):
                            told.append(each.server_seq)
                            if len(told) % 3 == 0:
                                await proxy.cut()
                            if isinstance(each.event, ResponseDone):
                                break
                await proxy.cut()  # whatever came at once before: what follows needs another one
            assert conversation.stats.num_failures >= 2
            assert told == list(range(1, len(told) + 1))
