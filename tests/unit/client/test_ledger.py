"""What was sent is kept until it is taken, in order; what is seen is seen once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.client.errors import InvalidRequest, SendBufferFull
from duologue.client.ledger import Arrival, SeenEvents, SentLedger
from duologue.events import InputAppend, InputCommit


def ledger(max_events: int = 4, max_event_bytes: int = 1_000) -> SentLedger:
    return SentLedger(max_events=max_events, max_event_bytes=max_event_bytes)


def test_numbers_count_from_one_and_are_kept_until_taken() -> None:
    sent = ledger()
    assert [sent.add(InputAppend("a", word)) for word in "xyz"] == [1, 2, 3]
    assert [event.input_append.text for event in sent.after(1)] == ["y", "z"]
    assert sent.taken(2)
    assert not sent.taken(2)
    assert [event.client_seq for event in sent.after(0)] == [3]


def test_a_full_ledger_refuses_and_has_room_again_when_events_are_taken() -> None:
    sent = ledger(max_events=2)
    sent.add(InputCommit())
    sent.add(InputCommit())
    with pytest.raises(SendBufferFull, match="2 events wait"):
        sent.add(InputCommit())
    sent.taken(1)
    assert sent.add(InputCommit()) == 3


def test_an_event_that_cannot_be_sent_takes_no_number() -> None:
    sent = ledger(max_event_bytes=100)
    with pytest.raises(InvalidRequest, match="100 bytes") as too_long:
        sent.add(InputAppend("a", "x" * 200))
    assert too_long.value.field == "input_append"
    with pytest.raises(InvalidRequest) as unnamed:
        sent.add(InputAppend("", "x"))
    assert unnamed.value.field == "input_append.segment_id"
    assert sent.add(InputCommit()) == 1


def test_a_session_that_goes_on_is_numbered_on() -> None:
    sent = ledger()
    sent.taken(17)
    assert sent.add(InputCommit()) == 18


@given(st.lists(st.integers(1, 6)))
def test_whatever_arrives_each_number_is_next_once_and_in_order(numbers: list[int]) -> None:
    seen = SeenEvents()
    shown = [number for number in numbers if seen.arrive(number) is Arrival.NEXT]
    assert shown == list(range(1, len(shown) + 1))
    assert seen.last_seq == len(shown)
    assert seen.num_gaps + seen.num_repeated + len(shown) == len(numbers)


@given(st.lists(st.one_of(st.none(), st.integers(0, 40)), max_size=60))
def test_nothing_is_lost_whatever_is_taken(acts: list[int | None]) -> None:
    """None adds an event; a number says that events so far were taken."""
    sent = ledger(max_events=100)
    taken = 0
    for act in acts:
        if act is None:
            sent.add(InputCommit())
        else:
            taken = max(taken, min(act, sent.last_seq))
            sent.taken(taken)
        kept = [event.client_seq for event in sent.after(0)]
        assert kept == list(range(taken + 1, sent.last_seq + 1))
