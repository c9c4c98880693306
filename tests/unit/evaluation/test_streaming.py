"""Texts said word by word: what counts as too early, as taken back, and as late."""

import json
from dataclasses import replace
from typing import Any

import pytest

from duologue.engine.engine import Engine
from duologue.errors import InvalidSetting
from duologue.evaluation.forced import ForcedHead
from duologue.evaluation.metrics import Share
from duologue.evaluation.page import ReportPage
from duologue.evaluation.rows import Row, evenly_drawn
from duologue.evaluation.streaming.course import DecisionAtWord, StreamedText
from duologue.evaluation.streaming.figures import StreamingFigures
from duologue.evaluation.streaming.play import Play, StreamingSettings, play
from duologue.evaluation.streaming.report import outcomes, show_streaming, streaming_json
from duologue.floor_settings import ListeningSettings
from duologue.runtime.assembly import Assembly
from duologue.settings import DecodingSettings
from duologue.states import State
from duologue.training.sample import Sample, Turn

QUERY, NON_QUERY, INCOMPLETE, HOLD = State.QUERY, State.NON_QUERY, State.INCOMPLETE, State.HOLD
SETTINGS = StreamingSettings(word_ms=250, num_sessions=4)


def row(text: str, label: State, line: int = 1) -> Row:
    return Row(line, Sample(text, label))


def played(
    assembly: Assembly,
    state: State | None,
    rows: list[Row],
    decoding: DecodingSettings | None = None,
    listening: ListeningSettings | None = None,
) -> list[StreamedText]:
    """What comes of it when every judgement is `state`."""
    assert assembly.head is not None
    head = ForcedHead(assembly.head)
    head.state = state
    engine = Engine(assembly.model, head.as_head)
    setup = replace(
        assembly.setup,
        decoding=decoding or assembly.setup.decoding,
        listening=listening or assembly.setup.listening,
    )
    advanced: list[int] = []
    found = play(engine, setup, rows, SETTINGS, 0, advanced.append)
    assert sum(advanced) == len(rows)
    assert engine.num_sessions == 0
    engine.check_integrity()
    return list(found.courses)


def test_every_word_of_a_hasty_head_is_a_trigger_and_is_taken_back(assembly: Assembly) -> None:
    (course,) = played(assembly, QUERY, [row("how far is it", QUERY)])
    assert [each.num_words for each in course.premature] == [1, 2, 3]
    assert all(each.state is QUERY and each.was_taken_back for each in course.premature)
    assert course.last is not None
    assert (course.last.num_words, course.last.delay_ticks) == (4, 0)
    assert not course.last.was_taken_back
    assert course.last.delay_ms == 50, "the last word comes at 750 ms, the fifth tick at 800"


def test_triggers_stand_when_nothing_can_be_reopened(assembly: Assembly) -> None:
    final = DecodingSettings(continues_within_ms=0)
    (course,) = played(assembly, QUERY, [row("how far is it", QUERY)], final)
    assert len(course.premature) == 3
    assert not any(each.was_taken_back for each in course.decisions)


def test_silence_decides_in_the_end(assembly: Assembly) -> None:
    brief, last = DecodingSettings(decide_after_ms=1000), ListeningSettings(last_limit_ms=1000)
    (course,) = played(assembly, INCOMPLETE, [row("how far", QUERY)], brief, last)
    assert course.premature == ()
    assert course.last is not None
    assert course.last.delay_ms == 1030, "said at 250 ms, decided in the tick at 1280"
    assert course.last.delay_ticks == 6, "heard in the tick at 320"


def test_what_sounds_unfinished_is_waited_for_until_the_last_limit(assembly: Assembly) -> None:
    (course,) = played(assembly, INCOMPLETE, [row("how far", QUERY)])
    assert course.last is not None
    assert course.last.delay_ms == 6150, "said at 250 ms, decided in the tick at 6400"


def test_an_incomplete_text_is_not_waited_for(assembly: Assembly) -> None:
    hasty = played(assembly, QUERY, [row("how far is", INCOMPLETE)])[0]
    assert [each.num_words for each in hasty.premature] == [1, 2, 3], "its last word counts too"
    patient = played(assembly, INCOMPLETE, [row("how far is", INCOMPLETE)])[0]
    assert patient == StreamedText(row("how far is", INCOMPLETE), ())
    assert patient.last is None


def test_sessions_do_not_matter_to_each_other(assembly: Assembly) -> None:
    past = (Turn("user", "what is the capital of france"), Turn("assistant", "It is Paris."))
    rows = [
        row("how far is it from here", QUERY, 1),
        row("uh-huh", NON_QUERY, 2),
        Row(3, Sample("the train that", INCOMPLETE, context=past)),
        row("user assistant system you are", NON_QUERY, 4),
        row("is it the train", QUERY, 5),
        row("be quiet", HOLD, 6),
    ]
    together = played(assembly, None, rows)
    assert [course.row.line for course in together] == [1, 2, 3, 4, 5, 6]
    assert together == [played(assembly, None, [each])[0] for each in rows]
    assert any(course.premature for course in together)


def decision(state: State, num_words: int, **fields: object) -> DecisionAtWord:
    plain: dict[str, Any] = {"delay_ticks": 0, "delay_ms": 100.0, "look_ahead_tokens": 0}
    return DecisionAtWord(state, num_words, **(plain | fields))


@pytest.fixture
def figures() -> StreamingFigures:
    courses = [
        StreamedText(
            row("what is the capital", QUERY),
            (
                decision(QUERY, 2, was_taken_back=True, spoke=True),
                decision(QUERY, 3),
                decision(QUERY, 4, delay_ticks=4, delay_ms=620.0),
            ),
        ),
        StreamedText(row("how far", QUERY), (decision(NON_QUERY, 1), decision(NON_QUERY, 2))),
        StreamedText(row("why", QUERY), (decision(QUERY, 1),)),
        StreamedText(row("and the", INCOMPLETE), (decision(QUERY, 2),)),
        StreamedText(row("mm hm", NON_QUERY), ()),
    ]
    return StreamingFigures(Play(3, courses, 10, 40, 400), word_ms=250)


def test_premature_triggers_are_shares_of_inner_words(figures: StreamingFigures) -> None:
    triggers = figures.premature(QUERY)
    assert triggers.share == Share(2, 4), "three words inside the first query, one in the second"
    assert triggers.standing == Share(1, 4)
    assert triggers.taken_back == Share(1, 2)
    assert triggers.spoke == Share(1, 2)
    assert figures.premature(QUERY, NON_QUERY).share == Share(1, 4)
    assert figures.premature(INCOMPLETE).share == Share(1, 2)
    assert figures.spared(QUERY) == Share(2, 3)


def test_delay_and_ends(figures: StreamingFigures) -> None:
    assert figures.recall(QUERY) == Share(2, 3)
    assert figures.recall(NON_QUERY) == Share(0, 1)
    assert dict(figures.ends(NON_QUERY)) == {"undecided": 1}
    delay = figures.delay(QUERY)
    assert list(delay.ticks.values) == [0.0, 4.0]
    assert list(delay.words.values) == [0.0, 2.0], "two words fit into 620 ms"
    assert delay.at_once == Share(1, 2)


def test_report(figures: StreamingFigures) -> None:
    found = json.loads(json.dumps(streaming_json([figures], SETTINGS, shipped_alpha=3)))
    assert found["alpha"]["3"]["premature"]["query"]["query"]["of_words"]["share"] == 0.5
    assert found["targets"][0]["is_met"] is False
    assert outcomes([figures], shipped_alpha=0) == [], "what is in force was not played"
    page = ReportPage("t")
    show_streaming(page, [figures, figures], SETTINGS, shipped_alpha=3)
    assert page.render().count("<svg") == 2


def test_rows_are_drawn_evenly_and_repeatably() -> None:
    rows = [row("a", QUERY, n) for n in range(50)] + [row("b", HOLD, n) for n in range(50, 53)]
    drawn = evenly_drawn(rows, 10, seed=1)
    assert drawn == evenly_drawn(rows, 10, seed=1)
    assert drawn != evenly_drawn(rows, 10, seed=2)
    assert len(drawn) == 10
    assert sum(each.sample.label is HOLD for each in drawn) == 3
    assert [each.line for each in drawn] == sorted(each.line for each in drawn)
    assert evenly_drawn(rows, 0, seed=1) == evenly_drawn(rows, 999, seed=1) == rows


@pytest.mark.parametrize("alphas", [(), (1, 1), (-1,)])
def test_bad_alphas_are_refused(alphas: tuple[int, ...]) -> None:
    with pytest.raises(InvalidSetting, match="alphas"):
        StreamingSettings(alphas=alphas)
