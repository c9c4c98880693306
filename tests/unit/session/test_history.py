"""Earlier turns, which a client hands over when its session begins."""

from dataclasses import replace

import pytest

from duologue.errors import InvalidSetting
from duologue.events import InputState
from duologue.history import MAX_EARLIER_TURNS, MAX_HISTORY_BYTES, EarlierTurn
from duologue.session.chronicle import Checkpoint, Chronicle
from duologue.session.session import Session
from duologue.session_config import SessionConfig
from duologue.settings import DecodingSettings, Settings
from duologue.states import State
from tests.unit.session.stage import DECODING, Setting, Stage, assistant, picture, user
from tests.unit.session.test_model_words import words
from tests.unit.text.tiny_tokenizers import byte_level

TALK = (
    EarlierTurn("user", "How is it?"),
    EarlierTurn("assistant", "Fine."),
    EarlierTurn("user", "And there?"),
    EarlierTurn("assistant", "Fine."),
)


def held(strategy: str) -> Stage:
    """A session in which that talk was really held."""
    stage = Stage(Setting(), strategy=strategy)
    for turn in TALK[::2]:
        stage.say(turn.text, turn.text, is_final=True)
        stage.commit()
        stage.settle()
    return stage


@pytest.mark.parametrize("strategy", ["duo", "tdm", "turn"])
def test_it_is_what_would_be_there_if_it_had_been_said_here(strategy: str) -> None:
    before, told = held(strategy), Stage(Setting(history=TALK), strategy=strategy)
    if strategy != "tdm":  # which puts idle tokens between what it says
        assert told.session.lane.trunk.tokens == before.session.lane.trunk.tokens
        assert told.session.lane.turn_starts == before.session.lane.turn_starts
    assert told.trunk == "[user: How is it?][reply: Fine.][user: And there?][reply: Fine.]"
    told.say("And now?")
    told.commit()
    told.settle()
    said = told.trunk.replace("·", "")  # the idle token of `tdm`
    assert said.endswith("[reply: Fine.][user: And now?][reply: Fine.]")


def test_it_is_the_context_of_what_is_judged() -> None:
    stage = Stage(Setting(history=TALK), strategy="listen")
    stage.say("And now?")
    told = stage.tick()
    assert any(isinstance(event, InputState) and event.state is State.QUERY for event in told)
    assert stage.session.lane.num_turns == 3
    assert stage.trunk.endswith("[reply: Fine.][user: And now?]")


def test_the_transcript_has_what_was_said_here() -> None:
    stage = Stage(Setting(history=TALK))
    stage.say("And now?")
    stage.settle()
    assert stage.entries == [user("And now?"), assistant("Fine.")]


def test_nothing_of_it_can_be_taken_back() -> None:
    stage = Stage(Setting(history=TALK), continues_within_ms=1000)
    stage.say("then?")
    stage.tick()
    assert stage.states == [(State.QUERY, "then?")]
    assert not Stage(Setting(history=TALK)).session.lane.can_reopen


def test_its_oldest_turns_leave_first() -> None:
    setting = Setting(history=TALK, max_positions=120)
    stage = Stage(setting, max_reply_tokens=8)
    for number in range(9):
        stage.say(f"what is number {number}?", f"s{number}", is_final=True)
        stage.settle()
    assert "How is it?" not in stage.trunk
    assert stage.session.lane.num_opening_tokens == len(stage.setup.opening)


def test_a_reply_that_opens_it_is_a_turn() -> None:
    greeted = (EarlierTurn("assistant", "Hello."), EarlierTurn("assistant", "There you are."))
    lane = Stage(Setting(history=greeted)).session.lane
    assert lane.turn_starts == [lane.num_opening_tokens]


def test_a_session_that_is_brought_back_has_it() -> None:
    setup = Stage(Setting(history=TALK)).setup
    chronicle = Chronicle(Session("session", setup))
    beginning = chronicle.next_write()
    assert isinstance(beginning, Checkpoint)
    later = replace(setup, history=())
    back = Chronicle.restore(later, "session", 2, beginning).session
    assert picture(back.lane) == picture(chronicle.session.lane)


def test_it_cannot_be_changed() -> None:
    (error,) = Stage().change(SessionConfig(history=TALK))
    assert "config.history is fixed when the session is created" in str(error)


@pytest.mark.parametrize(
    ("turns", "complaint"),
    [
        ((EarlierTurn("user", "x"),) * (MAX_EARLIER_TURNS + 1), "at most 512 turns, not 513"),
        ((EarlierTurn("user", "語" * (MAX_HISTORY_BYTES // 3 + 1)),), "at most 131072 bytes"),
    ],
)
def test_it_is_bounded(turns: tuple[EarlierTurn, ...], complaint: str) -> None:
    with pytest.raises(InvalidSetting, match=rf"^config\.history must have {complaint}"):
        SessionConfig(history=turns)


def test_what_leaves_no_room_in_the_context_is_refused() -> None:
    few = SessionConfig(history=(EarlierTurn("user", "zqj " * 30),) * 10)
    settings = Settings(decoding=DecodingSettings(max_reply_tokens=64, context_limit_tokens=8_192))
    assert words().setup(settings, few).history == few.history
    tight = replace(settings, decoding=replace(settings.decoding, context_limit_tokens=512))
    with pytest.raises(InvalidSetting, match=r"config\.history must leave room for a reply"):
        words().setup(tight, few)


def test_a_last_turn_beside_which_no_utterance_fits_is_refused() -> None:
    num_tokens = len(byte_level().encode("zqj " * 60))
    settings = Settings(decoding=replace(DECODING, max_reply_tokens=16, context_limit_tokens=512))
    long, short = EarlierTurn("user", "zqj " * 60), EarlierTurn("user", "zqj")
    assert num_tokens > 200
    words().setup(settings, SessionConfig(history=(long, short)))
    with pytest.raises(InvalidSetting, match=r"history must have at most \d+ tokens in its"):
        words().setup(settings, SessionConfig(history=(short, long)))
