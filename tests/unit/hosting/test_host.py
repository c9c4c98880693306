"""One session among its client, its seat and its journal, without sockets and with a clock that
is moved by hand."""

from dataclasses import replace

import pytest

from duologue.errors import (
    CapacityExceeded,
    InvalidInput,
    ModelUnavailable,
    SessionEnded,
    StaleEpoch,
)
from duologue.events import (
    InputAppend,
    InputState,
    PlaybackAck,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
    SessionClosed,
    SessionUpdate,
)
from duologue.hosting.actions import EndOfHosting, FindSeat
from duologue.hosting.host import LINGER_MS, SEAT_WITHIN_MS
from duologue.hosting.session_ticks import RESULT_WITHIN_MS
from duologue.notices import Backpressure
from duologue.service_settings import SessionSettings
from duologue.session.chronicle import MAX_PENDING_RECORDS
from duologue.session.records import Abandoned, Arrived, Departed, Elapsed, Received
from duologue.session.silence import USUAL_WORD_GAP_MS
from duologue.session.state import SessionState
from duologue.session.transcript import Role
from duologue.session_config import SessionConfig
from duologue.usage import Usage
from duologue.wire.checkpoints import checkpoint_from_bytes
from tests.unit.hosting.scene import Scene
from tests.unit.session.stage import CONFIRMED, TICK_MS, Setting, story

LONG = Setting(replies=("one two three four five six seven eight nine ten " * 8,))


def talking(**options: object) -> Scene:
    """A scene in which a long reply has begun."""
    scene = Scene(LONG, **options)  # type: ignore[arg-type]
    scene.attach()
    scene.say("tell me?")
    scene.run_ticks(3)
    assert scene.text()
    return scene


# When it submits.


def test_text_is_submitted_at_once_in_the_midst_of_a_tick() -> None:
    scene = Scene()
    scene.attach()
    scene.run(0.4 * TICK_MS)
    scene.say("hello?")
    assert scene.submitted_ms == [0.4 * TICK_MS]


def test_there_is_one_slice_in_a_tick_and_further_text_waits_for_the_next() -> None:
    scene = Scene()
    scene.attach()
    scene.run(0.25 * TICK_MS)
    scene.say("and")
    scene.say(" so")
    scene.run_ticks(1)
    assert scene.submitted_ms == [0.25 * TICK_MS, TICK_MS]


def test_a_reply_goes_on_at_the_starts_of_ticks() -> None:
    scene = Scene(LONG)
    scene.attach()
    scene.run(0.5 * TICK_MS)
    scene.say("hello?")
    scene.run_ticks(3)
    assert scene.submitted_ms[1:] == [TICK_MS, 2 * TICK_MS, 3 * TICK_MS]


def test_no_second_slice_while_one_is_under_way_and_a_late_result_is_followed_at_once() -> None:
    scene = Scene(LONG)
    scene.attach()
    scene.answers = False
    scene.say("hello?")
    scene.run(2.5 * TICK_MS)
    assert len(scene.slices) == 1
    scene.answer()
    assert scene.submitted_ms == [0.0, 2.5 * TICK_MS]


@pytest.mark.parametrize(
    ("text", "last_ms"), [("I was thinking maybe", 1600.0), ("I was thinking", 6080.0)]
)
def test_an_undecided_utterance_is_judged_again_when_its_time_has_come_and_not_before(
    text: str, last_ms: float
) -> None:
    """What sounds unfinished is given longer."""
    scene = Scene(reconsider_after_ms=500, decide_after_ms=1500)
    scene.attach()
    scene.say(text)
    scene.run(last_ms - 200)
    assert scene.submitted_ms == [0.0, 640.0]
    scene.run(400)
    assert scene.submitted_ms == [0.0, 640.0, last_ms, *scene.submitted_ms[3:]]
    assert any(isinstance(event, ResponseStarted) for event in scene.events)


def test_a_silent_session_asks_for_nothing_and_is_woken_once_to_sleep() -> None:
    scene = Scene()
    scene.attach()
    scene.say("hello?")
    scene.run(20_000)
    num_slices, num_wakes = len(scene.slices), scene.num_wakes
    scene.run(60_000)
    assert len(scene.slices) == num_slices
    assert scene.num_wakes == num_wakes + 1
    assert scene.ending is EndOfHosting.ASLEEP


def test_new_settings_reach_the_seat_before_the_next_slice() -> None:
    scene = talking()
    scene.send(SessionUpdate(SessionConfig(temperature=0.7)))
    scene.run_ticks(1)
    assert scene._engine is not None
    assert scene._engine.profile.sampling.temperature == 0.7


# What it keeps, and shows.


def test_nothing_is_shown_before_the_store_has_taken_it() -> None:
    scene = Scene()
    scene.attach()
    scene.store.is_slow = True
    scene.say("hello?")
    scene.run_ticks(3)
    assert scene.shown == []
    scene.store_takes()
    assert scene.shown != []
    assert scene.shown[-1].server_seq == scene.store.all_entries[-1].server_seq


def test_a_slow_store_makes_entries_longer_and_not_more() -> None:
    scene = talking()
    before = len(scene.store.all_entries)
    scene.store.is_slow = True
    scene.run_ticks(6)
    scene.store.is_slow = False
    scene.store_takes()
    assert len(scene.store.all_entries) == before + 2
    assert sum(isinstance(r, Arrived) for r in scene.store.all_entries[-1].records) == 5


def test_a_slice_is_written_down_with_its_result_and_with_what_it_was_about() -> None:
    scene = Scene()
    scene.attach()
    scene.answers = False
    scene.say("hello?")
    assert scene.store.all_entries == []
    scene.answer()
    (entry,) = scene.store.all_entries
    assert [type(record) for record in entry.records] == [Received, Departed, Arrived]


def test_what_the_client_says_is_kept_at_once_when_no_result_will_carry_it() -> None:
    scene = Scene()
    scene.has_seats = False
    scene.lose_seat()
    scene.attach()
    scene.say("hello?")
    assert [type(r) for r in scene.store.all_entries[-1].records] == [Received]


def test_the_client_waits_while_too_much_waits_for_the_store() -> None:
    scene = Scene()
    scene.attach()
    scene.store.is_slow = True
    for _ in range(MAX_PENDING_RECORDS + 2):
        num_waiting = len(scene.host.chronicle._records)
        assert scene.host.is_full == (num_waiting >= MAX_PENDING_RECORDS)
        scene.say("a")
    assert scene.host.is_full
    scene.store_takes()
    assert not scene.host.is_full


def test_the_transcript_and_the_usage_are_kept_with_the_entries() -> None:
    scene = Scene()
    scene.attach()
    scene.say("hello?")
    scene.run_ticks(5)
    assert [entry.role for entry in scene.store.transcript] == [Role.USER, Role.ASSISTANT]
    assert scene.store.all_entries[-1].usage == scene.host.chronicle.usage


def test_the_usage_is_told_once_behind_each_response() -> None:
    scene = Scene()
    scene.attach()
    scene.say("hello?")
    scene.run_ticks(5)
    assert scene.notices == [scene.host.chronicle.usage]
    scene.say("hello?", "b")
    scene.run_ticks(5)
    assert [type(notice) for notice in scene.notices] == [Usage, Usage]


def test_the_beginning_of_a_session_is_kept_before_anything_else() -> None:
    """So that its terms hold, whatever the settings are when it comes to life again."""
    scene = Scene()
    assert scene.store.checkpoint is not None
    beginning = checkpoint_from_bytes(scene.store.checkpoint)
    assert beginning.state == SessionState.new(scene.setup.terms)
    scene.bind()
    assert scene.store.num_checkpoints == 1, "only a new session begins"


def test_nothing_is_kept_before_the_beginning_is() -> None:
    scene = Scene(is_store_slow=True)
    scene.attach()
    scene.say("hello?")
    scene.run_ticks(2)
    assert (scene.store.num_checkpoints, scene.store.all_entries) == (0, [])
    scene.store_takes()
    assert (scene.store.num_checkpoints, scene.shown) == (1, [])
    scene.store_takes()
    assert len(scene.store.all_entries) == 1
    assert scene.shown != []


@pytest.mark.parametrize("is_reported", [False, True])
def test_a_checkpoint_replaces_the_journal_when_it_is_long_whatever_goes_on(
    is_reported: bool,
) -> None:
    """Also while a reply is given, and while one was never heard to its end."""
    scene = talking(max_entries=3)
    if is_reported:
        scene.send(PlaybackAck(1, 1))
    for _ in range(12):
        before = scene.store.num_checkpoints
        scene.run_ticks(4)
        assert scene.store.num_checkpoints > before
        assert len(scene.store.entries) <= 3
    assert not any(isinstance(event, ResponseDone) for event in scene.events)
    scene.bind()
    scene.attach()
    scene.run_ticks(300)
    assert scene.text() == LONG.replies[0]
    assert len(scene.store.entries) <= 3


# Who has read how much.


def test_a_reply_waits_for_a_client_that_does_not_read_and_says_so_once() -> None:
    scene = Scene(LONG, sessions=SessionSettings(unseen_events=8))
    scene.attach()
    scene.is_reading = False
    scene.say("hello?")
    scene.run_ticks(40)
    num_shown = len(scene.shown)
    assert num_shown <= 8 + 4
    assert scene.notices == [Backpressure(num_shown)]
    assert not any(isinstance(event, ResponseDone) for event in scene.events)
    scene.is_reading = True
    scene.host.saw(num_shown)
    scene.perform()
    scene.run_ticks(200)
    assert scene.text() == LONG.replies[0]


def test_a_client_that_does_not_read_is_still_heard() -> None:
    scene = Scene(LONG, sessions=SessionSettings(unseen_events=8))
    scene.attach()
    scene.is_reading = False
    scene.say("hello?")
    scene.run_ticks(40)
    said = scene.text()
    scene.say("mhm", "b")
    scene.run_ticks(3)
    assert scene.slices[-1].reply_tokens == 0
    assert scene.text() == said
    heard = [event.text for event in scene.events if isinstance(event, InputState)]
    assert heard[-1] == "mhm"


def test_a_reply_without_a_client_goes_on_only_as_far_as_can_be_resumed() -> None:
    scene = talking(sessions=SessionSettings(unseen_events=16, recent_events=32))
    scene.host.detach()
    scene.run_ticks(300)
    scene.bind()
    scene.attach()
    scene.run_ticks(300)
    assert scene.text() == LONG.replies[0]


def test_a_client_cannot_have_read_what_was_not_shown() -> None:
    scene = talking()
    with pytest.raises(InvalidInput, match=r"seen\.server_seq must be from 0 to"):
        scene.host.saw(10_000)
    with pytest.raises(InvalidInput, match="last_server_seq must be from 0 to"):
        scene.host.attach(10_000, scene.clock.now_ms())


def test_a_client_that_missed_more_than_is_at_hand_is_told() -> None:
    scene = talking(sessions=SessionSettings(recent_events=16, unseen_events=16))
    scene.run_ticks(40)
    with pytest.raises(CapacityExceeded, match="are not kept any more"):
        scene.host.attach(0, scene.clock.now_ms())


def test_repeats_are_passed_over_and_gaps_refused() -> None:
    scene = talking()
    before = scene.host.chronicle.last_client_seq
    scene.host.receive(1, InputAppend("z", "again"), scene.clock.now_ms())
    assert scene.host.chronicle.last_client_seq == before
    with pytest.raises(InvalidInput, match="client_seq must be 2"):
        scene.host.receive(3, InputAppend("z", "gap"), scene.clock.now_ms())


# What goes wrong.


def test_a_lost_seat_is_replaced_and_the_reply_goes_on_where_it_was() -> None:
    scene = talking()
    scene.answers = False
    scene.run_ticks(1)
    assert scene.is_flying
    scene.answers = True
    scene.lose_seat()
    scene.run_ticks(300)
    assert scene.num_seats == 2
    assert scene.text() == LONG.replies[0]
    kinds = [type(record) for entry in scene.store.all_entries for record in entry.records]
    assert kinds.count(Abandoned) == 1


def test_a_batching_actor_that_never_answers_is_left() -> None:
    scene = talking()
    scene.answers = False
    scene.run(RESULT_WITHIN_MS + 3 * TICK_MS)
    assert scene.num_seats == 2
    scene.answers = True
    scene.answer()
    scene.run_ticks(300)
    assert scene.text() == LONG.replies[0]


def test_a_result_that_is_not_waited_for_is_passed_over() -> None:
    scene = talking()
    scene.answers = False
    scene.run_ticks(1)
    work = scene.slices[-1]
    assert scene._engine is not None
    late = scene._engine.run(work)
    scene.has_seats = False
    scene.lose_seat()
    shown = list(scene.shown)
    scene.host.absorb(late, scene.clock.now_ms())
    scene.perform()
    assert scene.shown == shown


def test_a_session_without_a_seat_is_given_up_in_the_end() -> None:
    scene = talking()
    scene.has_seats = False
    scene.lose_seat()
    scene.run(SEAT_WITHIN_MS - 1)
    assert scene.is_held
    scene.run(2)
    assert scene.ending is EndOfHosting.MOVING


@pytest.mark.parametrize("told_by", ["seat", "store"])
def test_one_who_is_overtaken_stops_at_once_and_shows_nothing(told_by: str) -> None:
    scene = talking()
    scene.store.is_slow = True
    scene.run_ticks(1)
    shown = list(scene.shown)
    if told_by == "seat":
        scene.lose_seat(StaleEpoch("newer"))
    else:
        scene.host.overtaken()
        scene.perform()
    assert scene.ending is EndOfHosting.OVERTAKEN
    assert scene.host.wakes_at_ms(scene.clock.now_ms()) is None
    assert scene.shown == shown
    with pytest.raises(StaleEpoch, match="no longer held here"):
        scene.host.receive(2, InputAppend("b", "hm"), scene.clock.now_ms())
    with pytest.raises(StaleEpoch, match="no longer held here"):
        scene.host.attach(0, scene.clock.now_ms())


def test_a_session_taken_over_in_the_midst_of_a_slice_goes_on_as_if_nothing_had_been() -> None:
    calm = talking()
    calm.run_ticks(300)
    scene = talking()
    scene.answers = False
    scene.run_ticks(1)
    scene.answers = True
    scene.bind()
    scene.attach()
    scene.run_ticks(300)
    assert scene.events == calm.events


def test_what_was_not_kept_has_not_happened_and_is_sent_again() -> None:
    scene = Scene()
    scene.attach()
    scene.store.is_slow = True
    scene.say("hello?")
    scene.run_ticks(2)
    scene.store.is_slow = False
    scene.bind()
    assert scene.host.chronicle.last_client_seq == 0
    scene.attach()
    scene.run_ticks(5)
    assert scene.text() == "Fine."


# How it ends.


def test_it_sleeps_after_a_checkpoint_and_wakes_as_itself() -> None:
    scene = Scene(sessions=SessionSettings(sleep_after_ms=5_000))
    scene.attach()
    scene.say("hello?")
    scene.run(12_000)
    assert scene.ending is EndOfHosting.ASLEEP
    assert scene.store.num_checkpoints == 2, "the beginning, and what it left"
    assert scene.store.entries == []
    scene.bind()
    scene.attach()
    scene.say("hello?", "b")
    scene.run_ticks(5)
    assert scene.text(2) == "Fine."


def test_input_puts_sleep_off() -> None:
    scene = Scene(sessions=SessionSettings(sleep_after_ms=5_000))
    scene.attach()
    for number in range(4):
        scene.run(4_900)
        scene.say("mhm", str(number))
    assert scene.is_held


def test_a_session_that_nothing_happened_to_sleeps_without_another_checkpoint() -> None:
    scene = Scene(sessions=SessionSettings(sleep_after_ms=5_000))
    scene.run(5_001)
    assert scene.ending is EndOfHosting.ASLEEP
    assert scene.store.num_checkpoints == 1, "that of its beginning"


def test_one_that_waits_for_the_end_of_a_playback_sleeps_too() -> None:
    scene = Scene(sessions=SessionSettings(sleep_after_ms=5_000))
    scene.attach()
    scene.say("hello?")
    scene.run_ticks(1)
    scene.send(PlaybackAck(1, 1))
    scene.run(10_000)
    assert scene.ending is EndOfHosting.ASLEEP
    scene.bind()
    scene.attach()
    scene.send(PlaybackAck(1, 5))
    scene.run_ticks(3)
    assert [entry.text for entry in scene.store.transcript] == ["hello?", "Fine."]


def test_a_drained_session_moves_at_its_next_silent_moment() -> None:
    scene = talking()
    scene.host.drain(scene.clock.now_ms() + 60_000, "the node is drained")
    scene.perform()
    scene.run_ticks(2)
    assert scene.is_held
    scene.run_ticks(300)
    assert scene.ending is EndOfHosting.MOVING
    assert scene.left is not None
    assert scene.left.reason == "the node is drained"
    assert scene.text() == LONG.replies[0]
    assert scene.store.num_checkpoints == 2, "the beginning, and what it left"


def test_a_drained_session_that_is_never_silent_moves_at_the_end_of_the_grace() -> None:
    scene = talking()
    scene.host.drain(scene.clock.now_ms() + 2 * TICK_MS, "drained")
    scene.perform()
    scene.run(2 * TICK_MS)
    assert scene.ending is EndOfHosting.MOVING
    scene.bind()
    scene.attach()
    scene.run_ticks(300)
    assert scene.text() == LONG.replies[0]


def test_a_drained_session_without_grace_waits_for_a_write_under_way() -> None:
    scene = talking()
    scene.store.is_slow = True
    scene.run_ticks(1)
    scene.host.drain(scene.clock.now_ms(), "drained")
    scene.perform()
    assert scene.is_held
    scene.store_takes()
    assert scene.ending is EndOfHosting.MOVING


def test_a_closed_session_is_left_when_its_end_was_shown() -> None:
    scene = talking()
    scene.close()
    assert scene.ending is EndOfHosting.CLOSED
    assert isinstance(scene.events[-1], SessionClosed)
    with pytest.raises(SessionEnded):
        scene.host.receive(3, InputAppend("b", "hm"), scene.clock.now_ms())


def test_a_closed_session_waits_a_little_for_a_client_that_missed_the_end() -> None:
    scene = talking()
    scene.host.detach()
    scene.close()
    scene.run(LINGER_MS - 1)
    assert scene.is_held
    scene.attach()
    assert isinstance(scene.events[-1], SessionClosed)
    assert scene.ending is EndOfHosting.CLOSED


def test_a_closed_session_that_nobody_comes_back_to_is_left() -> None:
    scene = talking()
    scene.host.detach()
    scene.answers = False
    scene.run_ticks(1)
    scene.close()
    scene.run(LINGER_MS + 1)
    assert scene.ending is EndOfHosting.CLOSED


def test_a_host_asks_for_a_seat_before_anything_else() -> None:
    scene = Scene()
    scene.has_seats = False
    scene.bind()
    assert isinstance(scene._seat_wanted, FindSeat)
    scene.attach()
    scene.say("hello?")
    assert scene.slices == []
    scene.give_seat()
    assert len(scene.slices) == 1


# A reply that waits.


def confirmed(text: str = "tell me?", **options: object) -> Scene:
    """A scene in which a reply is computed and waits until its query is confirmed."""
    scene = Scene(replace(LONG, floor=CONFIRMED), **options)  # type: ignore[arg-type]
    scene.attach()
    scene.say(text)
    scene.run_ticks(2)
    assert [type(event) for event in scene.events] == [InputState]
    return scene


def test_a_query_is_confirmed_at_its_time_and_not_at_a_tick() -> None:
    scene = confirmed()
    due_ms = scene.host.wakes_at_ms(scene.clock.now_ms())
    assert due_ms is not None
    pending = scene.host.chronicle.pending(scene.clock.now_ms())
    assert pending.elapse_ms == CONFIRMED.confirm_word_gaps * USUAL_WORD_GAP_MS
    assert pending.elapse_ms % TICK_MS, "or this shows nothing"
    scene.run(pending.elapse_ms - scene.clock.now_ms() - 0.5)
    assert scene.text() == ""
    scene.run(0.5)
    assert scene.text() != ""
    kinds = [type(record) for record in scene.store.all_entries[-1].records]
    assert kinds[-1] is Elapsed


def test_what_the_time_brought_is_kept_before_it_is_shown_and_is_not_brought_twice() -> None:
    scene = confirmed()
    scene.store.is_slow = True
    scene.answers = False
    scene.run_ticks(4)
    assert scene.text() == ""
    scene.store_takes()
    if scene.text() == "":  # the slice that left before the time had come was being kept
        scene.store_takes()
    said = scene.text()
    assert said != ""
    scene.store.is_slow, scene.answers = False, True
    scene.bind()
    scene.attach()
    assert scene.text().startswith(said)
    scene.run_ticks(300)
    assert scene.text() == LONG.replies[0]
    assert sum(isinstance(event, ResponseStarted) for event in scene.events) == 1


def test_time_passes_for_a_session_whose_slice_is_under_way() -> None:
    scene = confirmed()
    scene.answers = False
    scene.run_ticks(1)
    assert scene.is_flying
    scene.run_ticks(6)
    assert scene.is_flying
    assert scene.text() != ""


def test_time_passes_for_a_session_without_a_seat() -> None:
    scene = confirmed()
    scene.has_seats = False
    scene.lose_seat()
    scene.run_ticks(6)
    assert scene.text() != ""


def test_a_session_taken_over_before_a_query_was_confirmed_confirms_it_all_the_same() -> None:
    calm, scene = confirmed(), confirmed()
    scene.bind()
    scene.attach()
    for each in (calm, scene):
        each.run_ticks(300)
    assert story(scene.events) == story(calm.events)


def held(**options: object) -> Scene:
    """A scene in which the user has asked for silence, in the midst of a reply."""
    scene = talking(**options)
    scene.say("hush", "b")
    scene.run_ticks(3)
    assert isinstance(scene.events[-1], ResponsePaused)
    return scene


def test_a_session_whose_reply_is_paused_sleeps() -> None:
    scene = held(sessions=SessionSettings(sleep_after_ms=5_000))
    num_slices, said = len(scene.slices), scene.text()
    scene.run(10_000)
    assert scene.ending is EndOfHosting.ASLEEP
    assert (len(scene.slices), scene.text()) == (num_slices, said)
    assert scene.store.entries == [], "a checkpoint stands for them"


def test_a_paused_reply_goes_on_where_it_was_after_the_sleep() -> None:
    scene = held(sessions=SessionSettings(sleep_after_ms=5_000))
    said = scene.text()
    scene.run(10_000)
    assert scene.ending is EndOfHosting.ASLEEP
    scene.bind()
    scene.attach()
    assert scene.text() == said
    scene.say("go on", "c")
    scene.run_ticks(300)
    assert scene.text() == LONG.replies[0]
    resumed = [event for event in scene.events if isinstance(event, ResponseResumed)]
    assert [event.from_chars for event in resumed] == [len(said)]


def test_a_drained_session_whose_reply_is_paused_moves() -> None:
    scene = held()
    scene.host.drain(scene.clock.now_ms() + 60_000, "the node is drained")
    scene.perform()
    assert scene.ending is EndOfHosting.MOVING


# A seat that is sought.


def test_a_session_that_no_seat_takes_as_it_is_is_given_up() -> None:
    scene = talking()
    scene.has_seats = False
    scene.lose_seat()
    scene.lose_seat(ModelUnavailable("another tokenizer"))
    assert scene.ending is EndOfHosting.MOVING
    assert scene.left is not None
    assert "another tokenizer" in scene.left.reason


def test_a_seat_that_is_lost_while_it_is_taken_is_sought_anew() -> None:
    scene = talking()
    scene.has_seats = False
    scene.lose_seat()
    assert scene.is_held
    scene.give_seat()
    scene.run_ticks(300)
    assert scene.text() == LONG.replies[0]
