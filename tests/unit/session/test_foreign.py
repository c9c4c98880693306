"""What is not English is never dropped: marks and silence tell where it ends.

The head of these scenes takes everything for talk that is none of its business, unless said
otherwise.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from duologue.events import InputState
from duologue.floor_settings import ListeningSettings
from duologue.lane.judging import JudgingPatience
from duologue.session.transcript import Outcome
from duologue.states import State
from tests.unit.session.scripted_engine import UNSURE, Probabilities, sure
from tests.unit.session.stage import CONFIRMED, TICK_MS, Setting, Stage, user

DEAF = sure(State.NON_QUERY)
QUESTIONS = [
    *("Wie wird das Wetter morgen?", "¿Qué tiempo va a hacer mañana?", "Quel temps fait-il ?"),
    *("Какая завтра погода?", "明天天气怎么样？", "明日の天気はどうですか？", "내일 날씨 어때요?"),
    *("كيف الطقس غدا؟", "कल मौसम कैसा रहेगा?", "Τι καιρό θα κάνει αύριο;", "Jaka jest dziś pogoda?"),
]
STATEMENTS = [
    *(
        "ich möchte einen Tisch für vier",
        "quisiera una mesa para cuatro",
        "मुझे चार लोगों की मेज़ चाहिए",
    ),
    *(
        "я хочу заказать столик",
        "我想订一张桌子",
        "四人分の席を予約したいです",
        "أريد طاولة لأربعة",
    ),
]
LONG = "I am quite well today, thank you for asking me. " * 4
SHOWN_ONCE = "How are you?"


def foreign_scene(
    *texts: str, heard: Probabilities = DEAF, setting: Mapping[str, Any] | None = None
) -> Stage:
    states = dict.fromkeys(texts, heard)
    made = Setting(replies=(LONG, "Second."), floor=CONFIRMED, states=states)
    return Stage(
        replace(made, **(setting or {})),
        continues_within_ms=1200,
        reconsider_after_ms=600,
        decide_after_ms=1600,
    )


def decided_after_ms(stage: Stage) -> float:
    """From now until something other than `incomplete` is told."""
    start_ms = stage.clock.now_ms()
    while all(state is State.INCOMPLETE for state, _ in stage.states):
        assert stage.clock.now_ms() - start_ms < 10_000, "nothing was decided"
        stage.tick()
    return stage.clock.now_ms() - start_ms


def told(stage: Stage) -> InputState:
    """The last state."""
    return [event for event in stage.events if isinstance(event, InputState)][-1]


@pytest.mark.parametrize("text", QUESTIONS)
@pytest.mark.parametrize("heard", [DEAF, UNSURE])
def test_what_ends_with_a_mark_is_answered_after_the_short_pause(
    text: str, heard: Probabilities
) -> None:
    stage = foreign_scene(text, heard=heard)
    stage.say(text)
    assert 600 <= decided_after_ms(stage) <= 600 + TICK_MS
    assert (told(stage).state, told(stage).is_foreign) == (State.QUERY, True)
    stage.settle()
    assert stage.entries[0] == user(text)
    assert stage.shown(1) == LONG


@pytest.mark.parametrize("text", STATEMENTS)
@pytest.mark.parametrize("heard", [DEAF, UNSURE])
def test_what_has_no_mark_is_answered_after_the_long_one(text: str, heard: Probabilities) -> None:
    stage = foreign_scene(text, heard=heard)
    stage.say(text)
    assert 1600 <= decided_after_ms(stage) <= 1600 + TICK_MS
    assert (told(stage).state, told(stage).is_foreign) == (State.QUERY, True)


def test_a_comma_asks_for_more() -> None:
    text = "Ich möchte gern einen Tisch,"
    stage = foreign_scene(text)
    stage.say(text)
    assert decided_after_ms(stage) >= 6000


def test_the_callers_word_that_it_is_over_holds_for_it_too() -> None:
    stage = foreign_scene(STATEMENTS[0])
    stage.say(STATEMENTS[0])
    stage.commit()
    stage.tick()
    assert stage.states == [(State.QUERY, STATEMENTS[0])]


def test_a_query_that_the_head_hears_is_acted_on_at_once() -> None:
    stage = foreign_scene(STATEMENTS[0], heard=sure(State.QUERY))
    stage.say(STATEMENTS[0])
    assert decided_after_ms(stage) == TICK_MS


def test_silence_alone_makes_no_request_for_silence_of_it() -> None:
    """Which a head that knows nothing of the language may well find likelier than a query."""
    faint = {State.QUERY: 0.01, State.NON_QUERY: 0.6, State.INCOMPLETE: 0.34, State.HOLD: 0.05}
    stage = foreign_scene(STATEMENTS[0], heard=faint)
    stage.say(STATEMENTS[0])
    stage.settle()
    assert stage.states[-1] == (State.QUERY, STATEMENTS[0])


def test_a_request_for_silence_that_the_head_hears_is_one() -> None:
    stage = foreign_scene("будь тихо", heard=sure(State.HOLD))
    stage.say("будь тихо")
    stage.tick()
    assert stage.states == [(State.HOLD, "будь тихо")]


# While a reply is given.


def speaking_scene(*texts: str, heard: Probabilities = DEAF) -> Stage:
    stage = foreign_scene(*texts, heard=heard)
    stage.say(SHOWN_ONCE)
    stage.tick(5)
    assert stage.shown(1)
    return stage


@pytest.mark.parametrize(
    "text", ["да", "угу", "はい", "うんうん", "嗯", "네", "हाँ", "نعم", "sí, claro"]
)
def test_a_sign_of_listening_does_not_cut_the_reply(text: str) -> None:
    stage = speaking_scene(text)
    stage.say(text, "b")
    stage.settle()
    assert stage.shown(1) == LONG
    assert user(text, Outcome.IGNORED) in stage.entries
    assert told(stage).is_foreign


def test_the_same_is_an_answer_to_an_assistant_that_is_silent() -> None:
    stage = foreign_scene("да")
    stage.say("да")
    stage.settle()
    assert stage.entries[0] == user("да")


def test_a_question_cuts_the_reply() -> None:
    text = "Подожди, а сколько это стоит?"
    stage = speaking_scene(text)
    assert len(stage.shown(1)) < len(LONG)
    stage.say(text, "b")
    stage.settle()
    assert stage.shown(1) != LONG
    assert user(text) in stage.entries


# A conversation in another language.


def test_behind_a_foreign_utterance_a_name_or_a_single_word_is_foreign_too() -> None:
    stage = foreign_scene(QUESTIONS[0], "Sabine", "okay")
    stage.say(QUESTIONS[0])
    stage.settle()
    stage.say("Sabine", "b")
    stage.settle()
    assert told(stage).is_foreign
    assert user("Sabine") in stage.entries
    stage.say("okay", "c")
    stage.settle()
    assert not told(stage).is_foreign
    assert user("okay", Outcome.IGNORED) in stage.entries
    stage.say("Sabine", "d")
    stage.settle()
    assert told(stage).is_foreign, "a mere okay says nothing of the language"


def test_english_again_is_heard_as_english() -> None:
    stage = foreign_scene(QUESTIONS[0], "what a nice day it is", "Sabine")
    for segment, text in enumerate([QUESTIONS[0], "what a nice day it is", "Sabine"]):
        stage.say(text, f"segment {segment}")
        stage.settle()
    assert [outcome for _, text, outcome in stage.entries if text == "Sabine"] == [Outcome.IGNORED]
    assert not told(stage).is_foreign


# The switch.


@pytest.mark.parametrize(
    "setting",
    [{"listening": ListeningSettings(foreign="judge")}, {"knows_languages": False}],
    ids=["an adapter that knows the language", "a session that began before"],
)
def test_the_head_judges_what_is_foreign_where_it_is_to(setting: Mapping[str, Any]) -> None:
    stage = foreign_scene(QUESTIONS[0], setting=setting)
    stage.say(QUESTIONS[0])
    stage.tick()
    assert stage.states == [(State.NON_QUERY, QUESTIONS[0])]
    assert not told(stage).is_foreign
    assert not any(work.keeps for work in stage.slices)


def test_the_turn_strategy_knows_one_pause_only() -> None:
    stage = Stage(strategy="turn", reconsider_after_ms=600)
    stage.say(STATEMENTS[0])
    stage.settle()
    assert {work.patience for work in stage.slices} == {JudgingPatience.NORMAL, JudgingPatience.OUT}
