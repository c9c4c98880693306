"""What the model is to know, and that nobody says here."""

from typing import Any

import pytest

from duologue.events import ContextAppend, Error, Interrupted, ResponseDone, ServerEvent
from duologue.lane.steps import EndReason, Note, Promote, Reopen
from duologue.session.noting import MAX_WAITING_NOTES
from duologue.session.transcript import Outcome, Role
from duologue.speaker import FOR_CLIENTS
from tests.unit.session.chronicles import new_chronicle
from tests.unit.session.stage import CONFIRMED, Setting, Stage, assistant, user

LONG = "I am quite well today, thank you for asking me so kindly."
KNOWN = "It is Monday."


def noting(setting: Setting | None = None, **decoding: Any) -> Stage:
    return Stage(setting or Setting(replies=(LONG, "Fine.")), **decoding)


def note(stage: Stage, text: str = KNOWN, role: str = "system") -> list[ServerEvent]:
    return stage.send(ContextAppend(role, text))


def noted(text: str = KNOWN, role: Role = Role.SYSTEM) -> tuple[Role, str, Outcome]:
    return role, text, Outcome.NOTED


def errors(events: list[ServerEvent]) -> list[str]:
    return [event.message for event in events if isinstance(event, Error)]


@pytest.mark.parametrize("strategy", ["duo", "tdm", "turn", "listen"])
def test_it_joins_the_conversation_at_once(strategy: str) -> None:
    stage = noting(strategy=strategy)
    for role in FOR_CLIENTS:
        assert note(stage, f" {role} knows. ", role) == []
    assert stage.settle() == []
    assert stage.trunk == "[user: user knows.][reply: assistant knows.][note: system knows.]"
    assert [outcome for _, _, outcome in stage.entries] == [Outcome.NOTED] * 3
    assert stage.session.lane.trunk.is_cached is False  # the session's lane has no cells
    assert stage.engine.lane.trunk.is_cached
    assert stage.session.lane.num_turns == 3


def test_it_does_not_disturb_a_reply_that_is_being_given() -> None:
    stage, undisturbed = noting(), noting()
    for each in (stage, undisturbed):
        each.say("How is it?")
        each.tick()
    note(stage)
    stage.settle()
    undisturbed.settle()
    assert stage.shown(1) == undisturbed.shown(1) == LONG
    assert stage.trunk == f"[user: How is it?][reply: {LONG}][note: {KNOWN}]"
    assert stage.entries == [user("How is it?"), assistant(LONG), noted()]


@pytest.mark.parametrize("strategy", ["duo", "tdm"])
def test_a_query_that_cuts_a_reply_is_answered_with_it_in_mind(strategy: str) -> None:
    stage = noting(strategy=strategy)
    stage.say("How is it?")
    stage.tick()
    note(stage)
    stage.say("And there?", "b")
    told = stage.tick()
    heard = next(event.heard_chars for event in told if isinstance(event, Interrupted))
    assert stage.trunk.endswith(f"][note: {KNOWN}][user: And there?]")
    if strategy != "tdm":  # which cannot take back what was said and not heard
        assert stage.trunk.startswith(f"[user: How is it?][reply: {LONG[:heard]}][note: ")
    cut = assistant(LONG[:heard], Outcome.CUT)
    assert stage.entries == [user("How is it?"), cut, noted(), user("And there?")]


def test_an_utterance_in_progress_is_read_again_behind_it() -> None:
    stage = noting()
    stage.say("And so maybe")
    stage.tick()
    assert stage.engine.lane.input.cells
    note(stage)
    stage.tick()
    assert stage.trunk == f"[note: {KNOWN}]"
    assert stage.spelled(stage.session.lane.input.tokens) == "[user: And so maybe"
    stage.commit()
    stage.settle()
    assert stage.trunk.startswith(f"[note: {KNOWN}][user: And so maybe][reply: I am")


def test_it_waits_again_when_the_reply_that_was_cut_goes_on() -> None:
    setting = Setting(replies=(LONG, "Fine."), floor=CONFIRMED)
    stage = noting(setting, continues_within_ms=1000)
    stage.say("How is it?")
    stage.commit()
    stage.tick(2)
    note(stage)
    stage.say("And there?", "b")
    stage.tick()
    assert f"[note: {KNOWN}][user: And there?]" in stage.trunk
    stage.say(" uh mhm", "b")
    stage.tick()
    assert any(isinstance(step, Reopen) for step in stage.steps)
    assert stage.trunk == "[user: How is it?]"
    stage.settle()
    assert stage.shown(1) == LONG
    assert stage.trunk == f"[user: How is it?][reply: {LONG}][note: {KNOWN}]"
    assert noted() == stage.entries[-1]
    promoted = [step for step in stage.steps if isinstance(step, Promote) and step.notes]
    assert len(promoted) == 1


def test_nothing_before_it_can_be_taken_back() -> None:
    stage = noting(Setting(replies=("Fine.",)), continues_within_ms=5000)
    stage.say("How is it?")
    stage.tick(2)
    note(stage)
    stage.tick()
    stage.say(" in Paris?")
    stage.settle()
    assert not any(isinstance(step, Reopen) for step in stage.steps)
    assert stage.entries[:3] == [user("How is it?"), assistant("Fine."), noted()]


def test_it_is_counted_as_input() -> None:
    stage = noting()
    note(stage)
    num_tokens = len(stage.setup.tokenizer.encode(KNOWN))
    assert stage.session.usage.input_tokens == num_tokens


def test_what_never_fits_is_refused() -> None:
    stage = noting(Setting(max_positions=300), max_reply_tokens=16)
    (message,) = errors(note(stage, "zqj " * 200))
    assert message.startswith("context_append.text must have at most")
    (message,) = errors(note(stage, " \n "))
    assert message.startswith("context_append.text must be more than white space")
    assert stage.settle() == []
    assert stage.trunk == ""


def test_only_so_many_may_wait() -> None:
    stage = noting()
    stage.say("How is it?")
    stage.tick()
    for number in range(MAX_WAITING_NOTES):
        assert note(stage, f"n{number}") == []
    (message,) = errors(note(stage))
    assert message.startswith("at most 16 notes")
    stage.settle()
    assert errors(note(stage)) == []


def test_a_repeat_is_passed_over() -> None:
    chronicle = new_chronicle()
    for _ in range(2):
        chronicle.receive(1, ContextAppend("user", KNOWN), 0.0, 0)
    assert [each.text for each in chronicle.session.state.notes] == [KNOWN]


def test_it_stays_with_a_reply_that_is_cancelled() -> None:
    stage = noting()
    stage.say("How is it?")
    stage.tick()
    note(stage)
    stage.cancel()
    told = stage.settle()
    assert ResponseDone(1, EndReason.CANCELLED) in told
    assert [step for step in stage.steps if isinstance(step, Note)]
    assert stage.trunk.endswith(f"][note: {KNOWN}]")
