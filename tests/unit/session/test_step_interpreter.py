"""The steps of a slice become events in an order that a client can follow."""

from collections.abc import Sequence
from typing import Any

import pytest

from duologue.events import ServerEvent, StateReason
from duologue.lane.judging import Judgement, JudgingPatience
from duologue.lane.lane import Lane
from duologue.lane.phase import ReplyPhase
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.steps import (
    Conclude,
    EndReason,
    Finish,
    Hear,
    Ignore,
    Pause,
    Promote,
    Promotion,
    Reopen,
    Resume,
    Say,
    Step,
    Trim,
)
from duologue.session.response import Response
from duologue.session.session import Session
from duologue.session.state import Decision, Flight, SessionState
from duologue.session.transcript import Outcome
from duologue.states import State
from tests.unit.session.stage import Stage, assistant, story, user

SETUP = Stage().setup
TEXT = "Who is it?"
HEARD = Hear(0, tuple(SETUP.tokenizer.encode(TEXT)))


def say(text: str) -> Say:
    return Say(tuple(SETUP.tokenizer.encode(text)))


class Scene:
    """A session that has come so far, and the response to what was said before."""

    def __init__(self, *steps: Step, shown: str | None = None, **decoding: Any) -> None:
        setup = Stage(**decoding).setup
        self.state = SessionState.new(setup.terms)
        self.state.utterance.append("a", TEXT)
        lane = Lane.replay(setup.chat, setup.opening, steps)
        self.session = Session("session", setup, state=self.state, lane=lane)
        if shown is not None:
            self.state.response = _shown(shown)
            self.state.num_responses = 1

    def tell(
        self,
        *steps: Step,
        state: State | None = None,
        conclude: EndReason | None = None,
        heard_chars: int | None = None,
    ) -> list[ServerEvent]:
        response = self.state.response
        shown = response.num_shown_chars if response is not None else 0
        self.state.flight = Flight(
            work=Slice("session", 1, 7, conclude=conclude),
            is_judging=state is not None,
            text=TEXT,
            segments={"a": TEXT},
            segment_ids=("a",),
            tokens=HEARD.append,
            is_committed=False,
            heard_chars=shown if heard_chars is None else heard_chars,
            stop_strings=(),
        )
        judgement = (
            None if state is None else Judgement(state, {state: 0.9}, 0, JudgingPatience.NORMAL)
        )
        result = SliceResult("session", 1, 7, steps, judgement)
        return [envelope.event for envelope in self.session.absorb(result, 0.0)]

    @property
    def entries(self) -> list[tuple[object, ...]]:
        return [(entry.role, entry.text, entry.outcome) for entry in self.session.transcript]


def _shown(text: str) -> Response:
    response = Response(response_id=1, is_confirmed=True)
    response.push(SETUP.tokenizer.encode(text), SETUP.tokenizer)
    response.show(0.0)
    return response


def listening() -> Scene:
    return Scene(HEARD)


def speaking(*more: Step, **decoding: Any) -> Scene:
    """A reply is under way, and a new utterance has begun."""
    shown = "It is me, "
    steps = (HEARD, Promote(Promotion.REBASE), say(shown), HEARD, *more)
    return Scene(*steps, shown=shown, **decoding)


def test_the_judgement_is_told_before_what_follows_from_it() -> None:
    told = listening().tell(Promote(Promotion.REBASE), say("Me!"), state=State.QUERY)
    assert story(told) == [f"query: {TEXT}", "1 starts", "1 says: Me"]


def test_the_steps_are_applied() -> None:
    scene = listening()
    steps = (Promote(Promotion.REBASE), say("Me!"), Finish(EndReason.STOP))
    scene.tell(*steps, state=State.QUERY)
    assert scene.session.lane.phase is ReplyPhase.FINISHED
    assert scene.session.lane.reply == SETUP.tokenizer.encode("Me!")


def test_a_reply_that_goes_on_is_told_behind_an_undecided_judgement() -> None:
    told = speaking().tell(say("really."), state=State.INCOMPLETE)
    assert story(told) == [f"incomplete: {TEXT}", "1 says:  really"]


def test_what_was_said_in_the_slice_of_the_interruption_is_not_told() -> None:
    scene = speaking()
    told = scene.tell(say("really."), Promote(Promotion.REBASE, 1), say("You?"), state=State.QUERY)
    assert story(told) == [
        f"query: {TEXT}",
        "1 interrupted at 9",
        "1 done: interrupted",
        "2 starts",
        "2 says: You",
    ]
    assert scene.entries == [assistant("It is me,", Outcome.CUT), user(TEXT)]


def test_an_end_in_the_slice_of_the_interruption_is_not_told_either() -> None:
    told = speaking().tell(
        say("really."), Finish(EndReason.STOP), Promote(Promotion.REBASE), state=State.QUERY
    )
    assert "1 done: interrupted" in story(told)
    assert "1 done: stop" not in story(told)


@pytest.mark.parametrize(("promotion", "kept"), [(Promotion.REBASE, 3), (Promotion.BRANCH, 0)])
def test_an_interruption_tells_what_stays(promotion: Promotion, kept: int) -> None:
    scene = speaking(promotion=promotion)
    told = scene.tell(Promote(promotion), state=State.QUERY, heard_chars=3)
    assert story(told)[1] == f"1 interrupted at {kept}"
    remembered = Outcome.CUT if kept else Outcome.FORGOTTEN
    assert scene.entries[0] == assistant("It ", remembered), "heard is heard"


def test_of_a_paused_reply_all_stays() -> None:
    told = speaking(Pause()).tell(Promote(Promotion.REBASE), state=State.QUERY, heard_chars=3)
    assert story(told)[1] == "1 interrupted at 9"


def test_a_held_utterance_starts_nothing() -> None:
    scene = speaking()
    told = scene.tell(Promote(Promotion.REBASE, answer=False), state=State.HOLD)
    assert story(told) == [f"hold: {TEXT}", "1 interrupted at 9", "1 done: interrupted"]
    assert scene.entries[-1] == user(TEXT, Outcome.HELD)


def test_a_finished_reply_shows_its_last_character() -> None:
    scene = listening()
    told = scene.tell(
        Promote(Promotion.REBASE),
        say("Me!"),
        Finish(EndReason.LENGTH),
        Conclude(len(say("Me!").tokens)),
        state=State.QUERY,
    )
    assert story(told)[1:] == ["1 starts", "1 says: Me!", "1 done: length"]
    assert scene.entries == [user(TEXT), assistant("Me!")]


def test_a_cancelled_reply_ends_where_it_was_heard() -> None:
    scene = speaking()
    told = scene.tell(Conclude(1), conclude=EndReason.CANCELLED, heard_chars=3)
    assert story(told) == ["1 done: cancelled"]
    assert scene.entries == [assistant("It ", Outcome.CUT)]


def test_the_reason_for_one_end_is_not_that_for_the_next() -> None:
    scene = speaking()
    told = scene.tell(
        Conclude(1),
        Promote(Promotion.REBASE),
        say("You?"),
        Finish(EndReason.STOP),
        Conclude(len(say("You?").tokens)),
        state=State.QUERY,
        conclude=EndReason.CANCELLED,
    )
    assert [event for event in story(told) if "done" in event] == [
        "1 done: cancelled",
        "2 done: stop",
    ]
    assert scene.entries[-1] == assistant("You?")


def test_a_withdrawn_reply_is_interrupted_at_nothing() -> None:
    scene = Scene(HEARD, Promote(Promotion.REBASE), say("It is me, "), shown="It is me, ")
    scene.state.reopening = answered("Who is")
    told = scene.tell(Reopen(), HEARD, state=State.INCOMPLETE)
    assert story(told) == ["1 interrupted at 0", "1 done: interrupted", f"incomplete: {TEXT}"]
    assert scene.session.response is None
    assert scene.state.reopening is None


def test_a_withdrawn_call_for_silence_interrupts_nothing() -> None:
    scene = Scene(HEARD, Promote(Promotion.REBASE, answer=False))
    scene.state.reopening = answered("Who is")
    assert scene.tell(Reopen(), HEARD) == []


def answered(text: str) -> Decision:
    tokens = tuple(SETUP.tokenizer.encode(text))
    return Decision(State.QUERY, StateReason.JUDGED, text, tokens, 0.0, 0.0, place=0)


def test_an_ignored_utterance_lets_the_reply_resume() -> None:
    scene = speaking()
    told = scene.tell(Ignore(), say("really."), state=State.NON_QUERY)
    assert story(told) == [f"non_query: {TEXT}", "1 resumes", "1 says:  really"]
    assert scene.entries == [user(TEXT, Outcome.IGNORED)]


def test_time_division_is_silent_about_its_pauses() -> None:
    scene = speaking()
    assert scene.tell(Pause(), HEARD, Resume()) == []


def test_a_trim_is_told() -> None:
    turn = (HEARD, Promote(Promotion.REBASE, answer=False))
    scene = Scene(*turn, *turn, *turn)
    assert story(scene.tell(Trim(2))) == ["trimmed 2"]


def test_nothing_to_tell() -> None:
    steps: Sequence[Step] = (HEARD, Hear(0, ()))
    assert Scene().tell(*steps) == []
