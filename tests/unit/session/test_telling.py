"""Listening alone: the session judges, and the caller says the replies with a model of its own."""

from dataclasses import replace
from typing import Any

import pytest

from duologue.events import AssistantSaid, Error, ResponseResumed, ServerEvent
from duologue.lane.steps import Amend, Begin, Conclude, Finish, Promote, Say
from duologue.session.telling import MAX_TOLD_CHARS, MAX_WAITING
from duologue.session.transcript import Outcome
from duologue.states import State
from tests.unit.session.stage import CONFIRMED, EAGER, Setting, Stage, assistant, story, user

ASK = "How are you?"
REPLY = "I am quite well today, thank you for asking me."


def listening(setting: Setting | None = None, **decoding: Any) -> Stage:
    return Stage(setting, strategy="listen", **decoding)


def asked(setting: Setting | None = None, **decoding: Any) -> Stage:
    """A query was found, and the caller is to answer it."""
    stage = listening(setting, **decoding)
    stage.say(ASK)
    assert story(stage.tick()) == [f"query: {ASK}", "1 starts"]
    return stage


def answering(setting: Setting | None = None, **decoding: Any) -> Stage:
    """The caller is in the midst of its answer."""
    stage = asked(setting, **decoding)
    tell(stage, REPLY[:11], 1)
    return stage


def tell(stage: Stage, text: str = "", response_id: int | None = None, **more: Any) -> list[str]:
    return story(stage.send(AssistantSaid(text, response_id, **more)))


def errors(events: list[ServerEvent]) -> list[str]:
    return [event.message for event in events if isinstance(event, Error)]


def test_the_caller_answers_and_its_answer_joins_the_conversation() -> None:
    stage = asked()
    assert tell(stage, "I am ", 1) == []
    assert tell(stage, "well.", 1, is_end=True) == ["1 done: stop"]
    assert stage.settle() == []
    assert stage.entries == [user(ASK), assistant("I am well.")]
    assert stage.trunk == f"[user: {ASK}][reply: I am well.]"
    assert stage.session.is_silent
    assert not any(isinstance(step, Say | Finish) for step in stage.steps)


def test_what_is_being_said_is_not_in_the_trunk_yet() -> None:
    stage = answering()
    stage.tick(3)
    assert stage.trunk == f"[user: {ASK}]"
    assert stage.session.pending(stage.clock.now_ms()).next_ms is None
    assert len(stage.slices) == 1, "listening to nobody costs nothing"


def test_pieces_join_as_the_whole_text_would() -> None:
    whole, pieces = asked(), asked()
    tell(whole, "whether or not", 1, is_end=True)
    for piece in ("whe", "ther or", " no", "t"):
        tell(pieces, piece, 1)
    tell(pieces, "", 1, is_end=True)
    for stage in (whole, pieces):
        stage.settle()
    assert whole.session.lane.trunk.tokens == pieces.session.lane.trunk.tokens


def test_a_query_cuts_what_the_caller_says() -> None:
    stage = answering()
    stage.say("Stop, who is there?", "b")
    assert story(stage.tick()) == [
        "query: Stop, who is there?",
        "1 interrupted at 11",
        "1 done: interrupted",
        "2 starts",
    ]
    assert stage.entries == [
        user(ASK),
        assistant(REPLY[:11], Outcome.CUT),
        user("Stop, who is there?"),
    ]
    assert stage.trunk == f"[user: {ASK}][reply: I am quite][user: Stop, who is there?]"


def test_a_backchannel_lets_the_caller_go_on() -> None:
    stage = answering()
    stage.say("mhm", "b")
    assert story(stage.tick()) == ["non_query: mhm", "1 resumes"]
    tell(stage, REPLY[11:], 1, is_end=True)
    stage.settle()
    assert stage.entries[-1] == assistant(REPLY)
    assert stage.trunk == f"[user: {ASK}][reply: {REPLY}]"


def test_hold_and_go_on() -> None:
    stage = answering()
    stage.say("hush", "b")
    assert story(stage.tick()) == ["hold: hush", "1 pauses"]
    tell(stage, REPLY[11:], 1, is_end=True)
    stage.tick(9)
    stage.say("go on", "c")
    assert ResponseResumed(1, 11) in stage.commit()
    stage.settle()
    assert stage.entries[-1] == assistant(REPLY)


def test_what_was_heard_is_kept_of_a_cut() -> None:
    stage = asked()
    tell(stage, REPLY, 1, is_end=True, heard_chars=4)
    stage.say("And you?", "b")
    assert "1 interrupted at 4" in story(stage.tick())
    assert stage.trunk == f"[user: {ASK}][reply: I am][user: And you?]"


def test_a_report_on_its_way_still_counts() -> None:
    stage = asked()
    tell(stage, REPLY, 1, heard_chars=4)
    stage.say("And you?", "b")
    stage.tick()
    stage.ack(1, 10)
    stage.tick()
    assert any(isinstance(step, Amend) for step in stage.steps)
    assert stage.trunk == f"[user: {ASK}][reply: I am quite][user: And you?]"
    assert stage.entries[1] == assistant("I am quite", Outcome.CUT)


def test_what_is_told_during_the_slice_that_cuts_it_was_heard() -> None:
    stage = answering()
    stage.say("And you?", "b")
    stage.wait()
    stage.depart()
    tell(stage, REPLY[11:22], 1)
    stage.arrive()
    stage.tick()
    assert stage.entries[1] == assistant(REPLY[:22], Outcome.CUT)
    assert stage.trunk == f"[user: {ASK}][reply: {REPLY[:22].strip()}][user: And you?]"


def test_reports_let_it_be_over_only_when_it_was_heard() -> None:
    stage = asked()
    tell(stage, REPLY, 1, is_end=True, heard_chars=0)
    stage.tick(2)
    assert stage.trunk == f"[user: {ASK}]"
    tell(stage, "", 1, heard_chars=len(REPLY))
    stage.settle()
    assert stage.trunk == f"[user: {ASK}][reply: {REPLY}]"


def test_a_caller_that_never_tells_gets_its_decisions_all_the_same() -> None:
    stage = asked()
    stage.tick(20)
    assert stage.session.is_silent
    stage.say("and then", "b")
    stage.settle()
    assert stage.states[-1] == (State.QUERY, "and then"), "decided, and not dropped over a reply"
    assert stage.entries == [user(ASK), user("and then")]


def test_a_caller_need_not_answer() -> None:
    stage = asked()
    assert tell(stage, "", 1, is_end=True) == ["1 done: stop"]
    stage.settle()
    assert stage.entries == [user(ASK)]
    assert stage.session.lane.phase.name == "NONE"


# The two thresholds: found, and sure.


def held() -> Stage:
    """A query that is not sure enough to be answered aloud."""
    unsure = {State.QUERY: 0.6, State.NON_QUERY: 0.1, State.INCOMPLETE: 0.3}
    setting = Setting(states={"book a table": unsure}, floor=CONFIRMED)
    stage = listening(setting, continues_within_ms=800)
    stage.say("book a table")
    assert story(stage.tick()) == ["query: book a table"]
    return stage


def test_a_query_may_be_computed_for_before_it_is_to_be_answered() -> None:
    stage = held()
    assert story(stage.settle()) == ["1 starts"]


def test_nobody_is_told_of_an_answer_that_is_taken_back() -> None:
    stage = held()
    stage.say(" for two?")
    told = story(stage.settle())
    assert told == ["query: book a table for two?", "1 starts"]
    assert stage.trunk == "[user: book a table for two?]"


def test_who_speaks_takes_the_floor() -> None:
    stage = held()
    assert tell(stage, "For how", 1) == ["1 starts"]
    assert stage.entries == [user("book a table")]
    stage.tick(9)
    stage.say("And who?", "b")
    assert "1 interrupted at 7" in story(stage.settle())


def test_an_answer_that_came_too_early_is_taken_back() -> None:
    stage = asked(replace(Setting(), floor=EAGER), continues_within_ms=800)
    tell(stage, "I", 1)
    stage.say(" today?")
    told = story(stage.settle())
    assert told == ["1 interrupted at 0", "1 done: interrupted", f"query: {ASK} today?", "2 starts"]
    assert stage.trunk == f"[user: {ASK} today?]"


def test_an_interruption_that_is_none_lets_the_caller_go_on_where_it_was() -> None:
    unsure = {State.QUERY: 0.6, State.NON_QUERY: 0.1, State.INCOMPLETE: 0.3}
    states = {ASK: {State.QUERY: 1.0}, "I see": unsure, "I see mhm": {State.NON_QUERY: 0.9}}
    stage = answering(Setting(states=states, floor=CONFIRMED), continues_within_ms=800)
    stage.say("I see", "b")
    assert story(stage.tick()) == ["query: I see", "1 pauses"]
    stage.say(" mhm", "b")
    assert story(stage.tick(2)) == ["non_query: I see mhm", "1 resumes"]
    assert stage.trunk == f"[user: {ASK}]"


# Of the caller's own accord.


def test_the_caller_may_speak_first() -> None:
    stage = listening()
    assert tell(stage, "Hello, how may I help?", is_end=True) == ["1 starts", "1 done: stop"]
    stage.tick(2)
    assert stage.trunk == "[reply: Hello, how may I help?]"
    assert [type(step) for step in stage.steps] == [Begin, Conclude]
    stage.say("Who are you?")
    stage.tick()
    assert stage.trunk == "[reply: Hello, how may I help?][user: Who are you?]"
    assert stage.entries == [assistant("Hello, how may I help?"), user("Who are you?")]


def test_what_the_caller_says_first_can_be_cut_too() -> None:
    stage = listening()
    tell(stage, "Hello, how")
    stage.tick()
    tell(stage, " may I")
    stage.say("Who are you?")
    assert "1 interrupted at 16" in story(stage.tick())
    assert stage.trunk == "[reply: Hello, how may I][user: Who are you?]"


def test_responses_in_a_row_join_one_after_the_other() -> None:
    stage = asked()
    tell(stage, "One moment.", 1, is_end=True)
    tell(stage, "Here ", 2)
    tell(stage, "it is.", 2)
    tell(stage, "Anything else?", 3, is_end=True)
    stage.settle()
    replies = ["One moment.", "Here it is.", "Anything else?"]
    assert stage.trunk == f"[user: {ASK}]" + "".join(f"[reply: {reply}]" for reply in replies)
    assert stage.entries[1:] == list(map(assistant, replies))


def test_a_turn_that_was_answered_twice_can_still_go_on() -> None:
    stage = asked(continues_within_ms=800)
    tell(stage, "One.", 1, is_end=True)
    stage.tick()
    tell(stage, "Two.", 2)
    stage.tick()
    stage.say(" today?")
    stage.settle()
    assert stage.trunk == f"[user: {ASK} today?]"


def test_a_monologue_can_leave_turn_by_turn() -> None:
    stage = listening(Setting(max_positions=300), max_reply_tokens=40)
    for number in range(1, 40):
        tell(stage, f"This is sentence number {number}, and it goes on.", number, is_end=True)
        stage.tick(2)
    assert stage.session.lane.num_tokens <= 300
    assert any(line.startswith("trimmed") for line in stage.story)


def test_a_response_that_begins_while_a_query_is_found_is_its_answer() -> None:
    stage = listening(Setting(floor=CONFIRMED))
    stage.say(ASK)
    stage.wait()
    stage.depart()
    assert tell(stage, "Well", 1) == ["1 starts"]
    assert story(stage.arrive()) == [f"query: {ASK}"]
    tell(stage, ", thanks.", 1, is_end=True)
    stage.settle()
    assert stage.trunk == f"[user: {ASK}][reply: Well, thanks.]"


def test_a_response_that_is_silent_is_given_up_for_another() -> None:
    stage = answering()
    stage.say("hush", "b")
    stage.tick()
    tell(stage, "As you like.", 2, is_end=True)
    stage.settle()
    assert stage.trunk == f"[user: {ASK}][reply: I am quite][reply: As you like.]"
    assert stage.entries[-2:] == [assistant(REPLY[:11], Outcome.CUT), assistant("As you like.")]


# What is refused, and what is passed over.


def test_what_comes_for_a_response_that_is_over_is_passed_over() -> None:
    stage = answering()
    stage.say("And you?", "b")
    stage.tick()
    stage.say("Or who?", "c")
    stage.tick()
    before = stage.trunk
    assert tell(stage, " well", 1) == []
    stage.settle()
    assert stage.trunk == before


def test_no_text_follows_an_end() -> None:
    stage = asked()
    tell(stage, "Well.", 1, is_end=True, heard_chars=0)
    assert errors(stage.send(AssistantSaid(" No.", 1))) == [
        "response 1 has ended: no text may follow"
    ]


def test_a_number_is_known_or_the_next() -> None:
    stage = listening()
    assert errors(stage.send(AssistantSaid("Hello", 2))) == [
        "response_id must be from 1 to 1, the one after the latest, not 2"
    ]


def test_a_response_is_bounded() -> None:
    stage = asked()
    tell(stage, "a" * (MAX_TOLD_CHARS - 1), 1)
    (message,) = errors(stage.send(AssistantSaid("bc", 1)))
    assert "at most 65536 characters" in message
    assert tell(stage, "b", 1) == []


def test_so_are_responses_that_wait() -> None:
    stage = listening()
    for number in range(1, MAX_WAITING + 1):
        tell(stage, "Hello.", number, is_end=True)
    assert tell(stage, "Hello.", MAX_WAITING + 1) == ["error: capacity_exceeded"]
    stage.settle()
    assert len(stage.entries) == MAX_WAITING


def test_of_a_long_response_the_end_is_kept() -> None:
    stage = asked(max_reply_tokens=20)
    tell(stage, "A long story. " * 40 + "What do you think?", 1, is_end=True)
    stage.settle()
    reply = stage.trunk.partition("[reply: ")[2]
    assert reply.endswith("What do you think?]")
    assert len(stage.setup.tokenizer.encode(reply[:-1])) == 20


@pytest.mark.parametrize("strategy", ["duo", "tdm", "turn"])
def test_only_a_caller_that_speaks_tells(strategy: str) -> None:
    stage = Stage(strategy=strategy)
    (message,) = errors(stage.send(AssistantSaid("Hello")))
    assert "strategy 'listen'" in message
    assert strategy in message


def test_there_is_nothing_to_cancel() -> None:
    (message,) = errors(answering().cancel(1))
    assert "response_cancel is not for" in message


def test_told_text_is_counted() -> None:
    stage = asked()
    before = stage.session.usage.input_tokens
    tell(stage, "I am well.", 1)
    more = stage.session.usage.input_tokens - before
    assert more == len(stage.setup.tokenizer.encode("I am well."))
    assert stage.session.usage.output_tokens == 0


def test_its_own_echo_is_known() -> None:
    stage = asked()
    tell(stage, REPLY, 1)
    heard = "quite well today thank you for asking"
    assert story(stage.say(heard, "b")) == [f"non_query: {heard}"]


def test_an_answer_begins_by_a_promotion() -> None:
    (step,) = (step for step in asked().steps if isinstance(step, Promote))
    assert step.answer


def test_reports_do_not_set_the_session_up_anew_each_time() -> None:
    stage = asked()
    tell(stage, REPLY, 1, heard_chars=3)
    setup = stage.session.setup
    assert setup.reports_playback
    tell(stage, "", 1, heard_chars=4)
    stage.ack(1, 5)
    assert stage.session.setup is setup
