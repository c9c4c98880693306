"""The books of one stream: what is sent again, what passes, what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.errors import InvalidInput
from duologue.gateway.relay import MAX_KEPT_BYTES, MAX_KEPT_EVENTS, EventOrder, Relay
from duologue.v1 import events_pb2 as pb
from duologue.v1 import session_pb2


def _said(client_seq: int, text: str = "x") -> pb.ClientEvent:
    return pb.ClientEvent(
        client_seq=client_seq, input_append=pb.InputAppend(segment_id="a", text=text)
    )


def _told(server_seq: int, client_seq: int = 0) -> pb.ServerEvent:
    return pb.ServerEvent(server_seq=server_seq, client_seq=client_seq)


def _relay(num_said: int = 0, last_server_seq: int = 0) -> Relay:
    relay = Relay("acme", "ses_1", last_server_seq)
    for client_seq in range(1, num_said + 1):
        relay.take(_said(client_seq))
    return relay


def _seqs(relay: Relay, after: int = 0) -> list[int]:
    return [event.client_seq for event in relay.after(after)]


def test_events_are_kept_until_the_session_has_them() -> None:
    relay = _relay(4)
    assert relay.judge(_told(1, client_seq=2)) is EventOrder.PASSES
    assert _seqs(relay) == [3, 4]
    relay.welcomed(session_pb2.Welcome(epoch=2, last_client_seq=3))
    assert _seqs(relay, after=3) == [4]
    assert relay.num_kept == 1


def test_a_repeat_is_no_news_and_a_gap_is_refused() -> None:
    relay = _relay(2)
    assert not relay.is_news(_said(1))
    assert not relay.is_news(_said(2))
    assert relay.is_news(_said(3))
    with pytest.raises(InvalidInput, match=r"event\.client_seq must be 3.*not 4"):
        relay.is_news(_said(4))
    with pytest.raises(InvalidInput, match=r"event\.client_seq must be 1 or more, not 0"):
        relay.is_news(_said(0))
    with pytest.raises(InvalidInput, match=r"event\.event must be set to one of input_append, "):
        relay.is_news(pb.ClientEvent(client_seq=3))


def test_what_an_earlier_connection_said_counts() -> None:
    relay = _relay()
    relay.welcomed(session_pb2.Welcome(epoch=1, last_client_seq=7))
    assert not relay.is_news(_said(7))
    assert relay.is_news(_said(8))


def test_numbered_events_pass_once_and_in_order() -> None:
    relay = _relay(last_server_seq=5)
    assert relay.judge(_told(5)) is EventOrder.WAS_PASSED
    assert relay.judge(_told(7)) is EventOrder.IS_EARLY
    assert relay.judge(_told(6)) is EventOrder.PASSES
    assert relay.judge(_told(0)) is EventOrder.PASSES
    assert relay.last_server_seq == 6


def test_hello_says_from_where_on_and_stays_the_same_connection() -> None:
    relay = Relay("acme", "ses_1", 5, connection_number=3)
    for epoch in (1, 2):
        assert relay.hello(epoch) == session_pb2.Hello(
            tenant_id="acme",
            session_id="ses_1",
            epoch=epoch,
            last_server_seq=4 + epoch,
            connection_number=3,
        )
        relay.welcomed(session_pb2.Welcome(epoch=epoch))
        relay.judge(_told(6))


def test_what_is_kept_is_bounded_by_number_and_by_size() -> None:
    assert not _relay(MAX_KEPT_EVENTS - 1).is_full
    assert _relay(MAX_KEPT_EVENTS).is_full
    relay = _relay()
    relay.take(_said(1, "x" * MAX_KEPT_BYTES))
    assert relay.is_full
    relay.judge(_told(1, client_seq=1))
    assert not relay.is_full


@given(st.data())
def test_whatever_becomes_of_actors_each_side_gets_everything_once(data: st.DataObject) -> None:
    """An actor that keeps some of what it is sent, shows some of what it has, and is gone."""
    relay, num_said, num_events = _relay(), 12, 0
    taken: list[int] = []  # by the session, for good
    passed: list[int] = []
    said = 0
    for _ in range(data.draw(st.integers(1, 8))):
        relay.welcomed(session_pb2.Welcome(epoch=1, last_client_seq=len(taken)))
        for event in list(relay.after(len(taken)))[: data.draw(st.integers(0, 4))]:
            taken.append(event.client_seq)
            num_events += 2
        for _ in range(data.draw(st.integers(0, 3))):
            if said < num_said:
                said += 1
                relay.take(_said(said))
        first = relay.last_server_seq + 1 - data.draw(st.integers(0, min(2, relay.last_server_seq)))
        for server_seq in range(first, num_events + 1)[: data.draw(st.integers(0, 9))]:
            if relay.judge(_told(server_seq, len(taken))) is EventOrder.PASSES:
                passed.append(server_seq)
    assert passed == list(range(1, len(passed) + 1))
    assert taken == list(range(1, len(taken) + 1))
    kept = [event.client_seq for event in relay.after(0)]
    assert kept == list(range(relay.safe_client_seq + 1, said + 1))
    assert relay.safe_client_seq <= len(taken)
