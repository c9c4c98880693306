"""Scenarios played against the engine: a tiny random model, and a head that knows the script."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from duologue.engine.engine import Engine
from duologue.evaluation.duplex.acts import Act, Expectation
from duologue.evaluation.duplex.oracle import ORACLE_THRESHOLDS, OracleHead, state_so_far
from duologue.evaluation.duplex.outcome import Label, LineOutcome, outcomes
from duologue.evaluation.duplex.playback import Playback
from duologue.evaluation.duplex.record import Record
from duologue.evaluation.duplex.scenario import Line, Scenario
from duologue.evaluation.duplex.stage import Stage
from duologue.evaluation.duplex.story import tell
from duologue.events import ClientEvent, Envelope
from duologue.forward.state_head import StateHead
from duologue.history import EarlierTurn
from duologue.model.loading import load_model
from duologue.session.setup import SessionSetup
from duologue.settings import DecodingSettings, StrategyName
from duologue.states import State
from duologue.talk.script import After

FORWARD_MS = 20.0
QUERY = Line("Tell me a story")


class Theatre:
    """Plays lines; a reply goes on until its longest length."""

    def __init__(self, folder: Path) -> None:
        model = load_model(str(folder), device="cpu", dtype="float32")
        self.oracle = OracleHead()
        self.engine = Engine(model, cast(StateHead, self.oracle))
        self.setup = SessionSetup(
            tokenizer=model.tokenizer,
            chat=replace(model.chat, stop_tokens=frozenset()),
            max_positions=4096,
            thresholds=ORACLE_THRESHOLDS,
            decoding=DecodingSettings(system_prompt="Talk."),
        )

    def stage(
        self,
        *lines: Line,
        strategy: StrategyName = "duo",
        max_reply_tokens: int = 150,
        history: tuple[EarlierTurn, ...] = (),
        knows: bool = True,
    ) -> Stage:
        scenario = Scenario("played", lines, max_reply_tokens=max_reply_tokens, history=history)
        decoding = replace(self.setup.decoding, strategy=strategy)
        setup = replace(self.setup, decoding=decoding)
        oracle = self.oracle if knows else None
        return Stage(scenario, self.engine, setup, forward_ms=FORWARD_MS, oracle=oracle)

    def play(
        self, *lines: Line, strategy: StrategyName = "duo", max_reply_tokens: int = 150
    ) -> Record:
        stage = self.stage(*lines, strategy=strategy, max_reply_tokens=max_reply_tokens)
        return stage.play()

    def last(self, *lines: Line, strategy: StrategyName = "duo") -> LineOutcome:
        return outcomes(self.play(*lines, strategy=strategy))[-1]


@pytest.fixture(scope="module")
def theatre(tiny_model: Path) -> Theatre:
    return Theatre(tiny_model)


@pytest.fixture(autouse=True)
def nothing_is_left(theatre: Theatre) -> Iterator[None]:
    theatre.oracle.state = State.INCOMPLETE
    yield
    assert theatre.engine.num_sessions == 0


def during(say: str, does: Act, delay_ms: int = 900) -> Line:
    return Line(say, does=does, after=After.REPLY_START, delay_ms=delay_ms)


def test_a_query_is_answered_in_the_slice_in_which_it_ends(theatre: Theatre) -> None:
    [query] = outcomes(theatre.play(QUERY))
    assert query.failures == []
    latency_ms = query.response_latency_ms
    assert latency_ms is not None
    assert 4 * FORWARD_MS <= latency_ms <= 160 + 4 * FORWARD_MS


def test_words_arrive_at_their_times(theatre: Theatre) -> None:
    stage = theatre.stage(Line("one two three", words_per_minute=60))
    heard: list[tuple[float, str]] = []
    while stage.now_ms < 3500:
        stage.step()
        if not heard or heard[-1][1] != stage.session.utterance:
            heard.append((stage.now_ms, stage.session.utterance))
    stage.play()
    texts = [text for _, text in heard if text]
    assert texts[:2] == ["one", "one two"]
    [first] = [at_ms for at_ms, text in heard if text == "one"]
    assert first == 1120, "the tick in which a second ends"


def test_the_conversation_goes_on_from_its_history(theatre: Theatre) -> None:
    asked = (EarlierTurn("user", "What can I cook?"), EarlierTurn("assistant", "Do you eat meat?"))
    line = Line("No", does=Act.ANSWER, at_ms=900)
    bare = theatre.stage(line)
    bare.play()
    stage = theatre.stage(line, history=asked)
    record = stage.play()
    assert stage.session.lane.num_turns == bare.session.lane.num_turns + 1, "question and answer"
    [found] = outcomes(record)
    assert found.failures == []
    assert "     before  assistant: Do you eat meat?" in tell(record)


def test_an_interruption_cuts_and_is_answered(theatre: Theatre) -> None:
    found = theatre.last(QUERY, during("no the other one", Act.INTERRUPTION))
    assert found.failures == []
    assert found.label is Label.RESPOND
    assert found.yields_within(2 * 160)
    assert found.spoken.start_ms == pytest.approx(found.fell_into.started_ms + 900)  # type: ignore[union-attr]


@pytest.mark.parametrize("act", [Act.BACKCHANNEL, Act.VOCAL_TIC, Act.FOR_OTHERS, Act.BACKGROUND])
def test_the_reply_goes_on_over_what_is_not_for_it(theatre: Theatre, act: Act) -> None:
    found = theatre.last(QUERY, during("so it is", act))
    assert found.failures == []
    assert found.label is Label.RESUME


def test_a_hold_ends_in_silence(theatre: Theatre) -> None:
    found = theatre.last(QUERY, during("be quiet", Act.HOLD))
    assert found.failures == []
    assert found.label is Label.SILENT


def test_a_pause_is_waited_out(theatre: Theatre) -> None:
    found = theatre.last(Line("the capital | pause 900 | of Peru", does=Act.PAUSE))
    assert found.failures == []
    assert found.takeovers == []


def test_a_decision_in_a_pause_is_taken_back(theatre: Theatre) -> None:
    stage = theatre.stage(Line("tell me | pause 600 | a story", does=Act.PAUSE), knows=False)
    while not stage.record.replies:
        at_pause = stage.now_ms > 2 * 60_000 / 180
        theatre.oracle.state = State.QUERY if at_pause else State.INCOMPLETE
        stage.step()
    record = stage.play()
    [found] = outcomes(record)
    assert [reply.is_taken_back for reply in record.replies[:2]] == [True, True]
    assert found.takeovers[0] is record.replies[0]
    assert record.replies[-1].started_ms >= found.spoken.end_ms
    assert found.failures == []


def test_recognition_may_correct_itself(theatre: Theatre) -> None:
    record = theatre.play(Line("a table for {to>two} people"))
    assert [decision.text for decision in record.decisions] == ["a table for two people"]
    assert record.errors == []


def test_lines_at_their_own_times(theatre: Theatre) -> None:
    record = theatre.play(
        Line("um", does=Act.VOCAL_TIC, at_ms=500), Line("what is it", at_ms=2500), QUERY
    )
    assert [spoken.start_ms for spoken in record.lines] == [500, 2500, 3500]
    assert outcomes(record)[0].failures == []
    assert outcomes(record)[1].response is None, "the next line followed at once"


def test_a_line_that_waits_for_the_end_of_a_reply(theatre: Theatre) -> None:
    again = Line("and now", after=After.REPLY_END, delay_ms=300)
    record = theatre.play(QUERY, again, max_reply_tokens=8)
    first, second = record.replies
    assert first.ended_ms is not None
    assert record.lines[1].start_ms == pytest.approx(first.ended_ms + 300)
    assert second.started_ms > record.lines[1].end_ms


def test_a_reply_that_is_over_leaves_nothing_to_interrupt(theatre: Theatre) -> None:
    record = theatre.play(QUERY, during("wait", Act.INTERRUPTION), max_reply_tokens=8)
    assert record.unsaid == "the reply was over before the line began"
    assert len(record.lines) == 1


def test_a_reply_that_never_comes_ends_the_scenario(theatre: Theatre) -> None:
    quiet = Line("hello", does=Act.BACKGROUND)
    record = theatre.play(quiet, during("wait", Act.INTERRUPTION))
    assert record.unsaid == "no reply to the line before"
    assert record.end_ms < 6000


def test_a_turn_based_assistant_hears_nothing_while_it_speaks(theatre: Theatre) -> None:
    found = theatre.last(QUERY, during("no the other", Act.INTERRUPTION), strategy="turn")
    assert found.failures == ["respond 2000", "yield 320"]
    assert found.label is Label.RESUME


def test_time_division_yields_too(theatre: Theatre) -> None:
    found = theatre.last(QUERY, during("no the other", Act.INTERRUPTION), strategy="tdm")
    assert found.failures == []


def test_a_charged_play_is_the_same_again(theatre: Theatre) -> None:
    lines = (QUERY, during("not this one", Act.CORRECTION), during("mhm", Act.BACKCHANNEL))
    first, second = theatre.play(*lines), theatre.play(*lines)
    assert first == second
    assert first.num_forwards > 50


def test_expectations_of_a_scenario_are_its_own(theatre: Theatre) -> None:
    strict = replace(QUERY, expect=Expectation(stay_silent=1000))
    assert outcomes(theatre.play(strict))[0].failures == ["stay_silent 1000"]


def test_segments_and_late_texts_arrive_as_the_line_says(theatre: Theatre) -> None:
    line = Line('tell me | final 400 | a story | late 900 "A story." |', does=Act.LATE_TEXT)
    sent: list[tuple[float, object]] = []
    stage = theatre.stage(line)
    receive = stage.session.receive

    def noted(event: ClientEvent, now_ms: float, tick: int) -> list[Envelope]:
        sent.append((now_ms, event))
        return receive(event, now_ms, tick)

    stage.session.receive = noted  # type: ignore[method-assign]
    stage.play()
    segments = [(event.segment_id, event.text, event.is_final) for _, event in sent]  # type: ignore[attr-defined]
    assert segments == [
        ("line-1", "tell", False),
        ("line-1", " me", True),
        ("line-1.1", "a", False),
        ("line-1.1", " story", False),
        ("line-1.1", "A story.", True),
    ]
    assert sent[-1][0] == pytest.approx(stage.record.lines[0].end_ms + 900, abs=FORWARD_MS)


def test_a_line_can_begin_while_a_text_is_late(theatre: Theatre) -> None:
    late = Line('hello | late 2000 "Hello." |', does=Act.LATE_TEXT)
    record = theatre.play(late, Line("what is it", delay_ms=200))
    assert record.lines[1].start_ms == pytest.approx(record.lines[0].end_ms + 200)


def test_every_turn_can_end_with_a_commit(theatre: Theatre) -> None:
    scenario = Scenario("played", (QUERY, Line("mhm", does=Act.BACKCHANNEL)))
    stage = Stage(
        scenario,
        theatre.engine,
        theatre.setup,
        forward_ms=FORWARD_MS,
        oracle=theatre.oracle,
        commits=True,
    )
    assert [spoken.is_committed for spoken in stage.play().lines] == [True, False]
    marked = theatre.play(Line("what is it | commit |"))
    assert marked.lines[0].is_committed
    assert marked.errors == []


def test_an_echo_is_of_the_running_reply(theatre: Theatre) -> None:
    record = theatre.play(QUERY, during("| echo 5 |", Act.ECHO, 1500))
    words = record.lines[1].speech.text.split()
    said = record.replies[0].text.split()
    assert " ".join(words) in " ".join(said) or words == ["echo"] * len(words)
    assert outcomes(record)[-1].failures == []


def test_what_was_heard_is_reported(theatre: Theatre) -> None:
    playback = Playback(chars_per_second=20, every_ms=100)
    cut_in = during("and now what", Act.PLAYBACK, 1500)
    scenario = Scenario("played", (QUERY, cut_in), playback=playback)
    stage = Stage(
        scenario, theatre.engine, theatre.setup, forward_ms=FORWARD_MS, oracle=theatre.oracle
    )
    record = stage.play()
    assert record.errors == []
    first = record.replies[0]
    assert first.told_heard_chars is not None
    assert first.played_chars is not None
    assert 0 < first.told_heard_chars <= first.played_chars < len(first.text)
    assert outcomes(record)[-1].failures == []


def test_the_oracle_knows_what_could_be_known() -> None:
    def state(line: Line, *, is_complete: bool = False, is_segment_over: bool = False) -> State:
        return state_so_far(line, is_complete=is_complete, is_segment_over=is_segment_over)

    continued = Line("go | final 500 | home", does=Act.CONTINUATION)
    assert state(continued) is State.INCOMPLETE
    assert state(continued, is_segment_over=True) is State.QUERY
    assert state(continued, is_complete=True) is State.QUERY
    dictated = Line("one | final 900 | two", does=Act.DICTATION)
    assert state(dictated, is_segment_over=True) is State.INCOMPLETE
    assert state(dictated, is_complete=True) is State.QUERY
    resumed = during("why | final 500 | never mind", Act.RESUME)
    assert state(resumed, is_segment_over=True) is State.QUERY
    assert state(resumed, is_complete=True) is State.NON_QUERY
    assert state(Line("go on", does=Act.GO_ON), is_complete=True) is State.QUERY
    assert state(Line("yes", does=Act.ANSWER), is_complete=True) is State.QUERY
    assert state(Line("wait", does=Act.HOLD), is_complete=True) is State.HOLD
    noise = Line("[Music] why", does=Act.NOISE, expect=Expectation(respond=2000))
    assert state(noise, is_complete=True) is State.QUERY
