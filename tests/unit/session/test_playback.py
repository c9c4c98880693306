"""Where the client reports what was played, just that stays of a reply."""

from duologue.lane.phase import ReplyPhase
from duologue.session.transcript import Outcome
from tests.unit.session.stage import Setting, Stage, assistant, story, user

TEXT = "Yesterday the weather was fine."
REPLIES = (TEXT, "Second thing.")
FAMILY = "👩‍👩‍👧"


def finished(setting: Setting | None = None, *, heard_chars: int = 0) -> Stage:
    """The first reply was generated to its end; the client reported so much of it early on."""
    stage = Stage(setting or Setting(replies=REPLIES))
    stage.say("How was it?")
    stage.tick()
    stage.ack(1, heard_chars)
    stage.tick(12)
    is_held = heard_chars < len(stage.shown(1))
    assert stage.session.lane.phase is (ReplyPhase.FINISHED if is_held else ReplyPhase.NONE)
    return stage


def test_a_reply_is_held_until_it_was_heard() -> None:
    stage = finished()
    assert story(stage.events)[-1] == "1 done: stop"
    assert not stage.session.is_silent
    stage.ack(1, len(TEXT) - 4)
    assert stage.tick() == []
    assert stage.trunk == "[user: How was it?]"
    stage.ack(1, len(TEXT))
    assert stage.settle() == []
    assert stage.trunk == f"[user: How was it?][reply: {TEXT}]"
    assert stage.entries == [user("How was it?"), assistant(TEXT)]
    assert stage.session.is_silent


def test_a_held_reply_costs_no_slices() -> None:
    stage = finished()
    num_slices = len(stage.slices)
    stage.ack(1, 2)
    stage.tick(24)
    stage.ack(1, 3)
    stage.tick(24)
    assert len(stage.slices) == num_slices


def test_a_held_reply_is_cut_at_what_was_heard() -> None:
    stage = finished(heard_chars=len("Yesterday the wea"))
    stage.say("And today?", "b")
    assert story(stage.tick())[:3] == [
        "query: And today?",
        "1 interrupted at 17",
        "2 starts",
    ]
    assert stage.trunk == "[user: How was it?][reply: Yesterday the wea][user: And today?]"
    assert stage.entries[1] == assistant("Yesterday the wea", Outcome.CUT)


def test_the_first_slice_of_the_next_reply_is_as_long_as_any() -> None:
    stage = finished()
    stage.say("And today?", "b")
    stage.tick()
    assert len(stage.engine.lane.reply) == 3
    assert stage.slices[-1].reply_tokens == stage.setup.decoding.reply_tokens_per_slice


def test_a_reply_is_cut_in_the_middle_of_a_character() -> None:
    text = f"Look, {FAMILY} over there, and more of them."
    stage = finished(Setting(replies=(text, "Yes.")), heard_chars=len("Look, 👩"))
    stage.say("Where?", "b")
    stage.tick()
    assert stage.trunk == "[user: How was it?][reply: Look, 👩][user: Where?]"


def test_nothing_of_a_reply_stays_that_nobody_heard() -> None:
    stage = finished(heard_chars=0)
    stage.say("And today?", "b")
    assert story(stage.tick())[1] == "1 interrupted at 0"
    assert stage.trunk == "[user: How was it?][user: And today?]"


def test_before_the_first_report_on_a_reply_nothing_of_it_was_heard() -> None:
    """The player is known to report; it just has not begun to play this one."""
    stage = finished(heard_chars=len(TEXT))
    stage.say("And today?", "b")
    stage.tick(2)
    assert stage.shown(2) != ""
    stage.say("And tomorrow?", "c")
    assert "2 interrupted at 0" in story(stage.tick())


def test_a_short_reply_is_held_before_the_first_report_too() -> None:
    stage = finished(heard_chars=len(TEXT))
    stage.say("And today?", "b")
    stage.tick(12)
    assert stage.session.lane.phase is ReplyPhase.FINISHED
    stage.ack(2, len("Second thing."))
    stage.settle()
    assert stage.entries[-1] == assistant("Second thing.")


def test_reports_may_run_ahead_of_what_is_shown() -> None:
    stage = finished(heard_chars=10_000)
    assert stage.entries[-1] == assistant(TEXT)


def test_a_full_report_before_the_end_does_not_end_the_reply() -> None:
    stage = Stage(Setting(replies=REPLIES))
    stage.say("How was it?")
    stage.tick(2)
    stage.ack(1, len(stage.shown(1)))
    stage.tick(12)
    assert stage.shown(1) == TEXT
    assert stage.session.lane.phase is ReplyPhase.FINISHED


def test_a_backchannel_goes_by_while_a_reply_is_held() -> None:
    stage = finished(heard_chars=5)
    stage.say("mhm", "b")
    assert story(stage.tick()) == ["non_query: mhm", "1 resumes"]
    stage.ack(1, len(TEXT))
    stage.settle()
    assert stage.trunk == f"[user: How was it?][reply: {TEXT}]"


def test_an_utterance_outlasts_the_end_of_a_held_reply() -> None:
    """The trunk grows under the utterance, which has to be read again behind it."""
    stage = finished(heard_chars=5)
    stage.say("I wonder maybe", "b")
    stage.tick()
    stage.ack(1, len(TEXT))
    stage.tick()
    assert stage.trunk == f"[user: How was it?][reply: {TEXT}]"
    stage.tick(20)
    assert stage.trunk == f"[user: How was it?][reply: {TEXT}][user: I wonder maybe]"
    assert stage.entries[2] == user("I wonder maybe")


def test_a_report_and_a_query_in_one_tick() -> None:
    stage = finished(heard_chars=5)
    stage.ack(1, len(TEXT))
    stage.say("And today?", "b")
    assert story(stage.tick())[:2] == ["query: And today?", "2 starts"]
    assert stage.entries[1] == assistant(TEXT)
    assert stage.trunk == f"[user: How was it?][reply: {TEXT}][user: And today?]"


def test_a_late_report_on_an_older_reply_changes_nothing() -> None:
    stage = finished(heard_chars=len(TEXT))
    stage.say("And today?", "b")
    stage.tick(2)
    assert stage.ack(1, 3) == []
    assert stage.session.response is not None
    assert stage.session.response.response_id == 2
    assert stage.entries[1] == assistant(TEXT)


def test_a_report_that_is_refused_changes_nothing() -> None:
    stage = Stage(Setting(replies=REPLIES))
    stage.say("How was it?")
    stage.tick()
    assert story(stage.ack(2, 3)) == ["error: invalid_input"]
    stage.settle()
    assert stage.entries[-1] == assistant(TEXT), "no report counts, so nothing is held"
