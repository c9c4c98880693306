"""A scripted conversation in simulated time, from the words to the printed timeline."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from duologue.clock import ManualClock
from duologue.events import Envelope, InputAppend, InputState, ResponseDelta, ResponseStarted
from duologue.session.silence import USUAL_WORD_GAP_MS
from duologue.states import State
from duologue.talk.latency import LatencyMeter
from duologue.talk.script import After, Line, Script
from duologue.talk.scripted import hold_scripted
from tests.unit.talk.worlds import Theatre, tiny_assembly


def test_a_script_is_played_to_its_end(tmp_path: Path) -> None:
    assembly, head = tiny_assembly(tmp_path, max_reply_tokens=128)
    head.state = State.QUERY
    script = Script(
        "A test",
        (
            Line("what is it", word_ms=0, note="a query"),
            Line("and then", after=After.REPLY_START, delay_ms=1500, word_ms=0),
            Line("how far", after=After.REPLY_END, delay_ms=1500, word_ms=0),
        ),
    )
    clock, paper = ManualClock(), StringIO()
    console = Console(file=paper, width=200)
    timeline = hold_scripted(assembly, script, console, clock=clock, wait=clock.advance)
    printed = paper.getvalue()
    assert [reply.query for reply in timeline.replies] == ["what is it", "and then", "how far"]
    assert [reply.was_interrupted for reply in timeline.replies] == [True, False, False]
    for expected in ("A test", "# a query", "<1> query: respond", "reply 1 cut", "first text"):
        assert expected in printed
    assert assembly.engine.num_sessions == 0


def test_a_cue_that_never_comes_does_not_hold_up_the_script(tmp_path: Path) -> None:
    assembly, head = tiny_assembly(tmp_path)
    head.state = State.NON_QUERY
    script = Script("", (Line("mhm", word_ms=0), Line("yes", after=After.REPLY_START, word_ms=0)))
    clock = ManualClock()
    console = Console(file=StringIO())
    timeline = hold_scripted(assembly, script, console, clock=clock, wait=clock.advance)
    assert timeline.replies == []
    assert clock.now_ms() > 60_000


def test_an_error_leaves_no_session_behind(tmp_path: Path) -> None:
    assembly, _ = tiny_assembly(tmp_path)

    def give_up(ms: float) -> None:
        raise KeyboardInterrupt

    script, console = Script("", (Line("hello"),)), Console(file=StringIO())
    with pytest.raises(KeyboardInterrupt):
        hold_scripted(assembly, script, console, clock=ManualClock(), wait=give_up)
    assert assembly.engine.num_sessions == 0


def test_latency_is_measured_from_the_last_text() -> None:
    meter = LatencyMeter()
    meter.heard(1000.0)
    meter.heard(1400.0)
    judged = InputState(State.QUERY, {}, "what", ("a",))
    meter.told([Envelope(1, 0, 1, judged), Envelope(2, 0, 1, ResponseStarted(1))], 1500.0)
    meter.heard(1600.0)
    fresh = meter.told([Envelope(3, 1, 1, ResponseDelta(1, "It"))], 1650.0)
    assert fresh is meter.replies[0]
    assert (fresh.decided_ms, fresh.first_text_ms) == (100.0, 250.0)
    assert meter.told([Envelope(4, 1, 1, ResponseDelta(1, " is"))], 1700.0) is None


def test_text_that_follows_at_once_takes_a_decision_back(tmp_path: Path) -> None:
    assembly, head = tiny_assembly(tmp_path)
    world = Theatre(assembly)
    head.state = State.QUERY
    world.runtime.send("s", InputAppend("a", "what is"))
    world.run_ticks(2)
    world.runtime.send("s", InputAppend("a", " the train"))
    world.run_ticks(8)
    assert world.session.transcript[0].text == "what is the train"
    assert len(world.session.transcript) == 2


def test_a_reply_is_shown_when_it_is_confirmed_also_between_two_ticks(tmp_path: Path) -> None:
    assembly, head = tiny_assembly(tmp_path)
    head.state = State.QUERY
    clock, paper = ManualClock(), StringIO()
    console = Console(file=paper, width=200)
    script = Script("", (Line("hello", word_ms=0),))
    timeline = hold_scripted(assembly, script, console, clock=clock, wait=clock.advance)
    (reply,) = timeline.replies
    pause_ms = assembly.setup.floor.confirm_word_gaps * USUAL_WORD_GAP_MS
    assert reply.decided_ms == 0.0
    assert reply.held_ms == reply.first_text_ms == pytest.approx(pause_ms)
    assert pause_ms % assembly.setup.decoding.tick_ms > 0
    assert f"was held for {pause_ms:.0f} ms" in paper.getvalue()


def test_words_that_go_on_take_a_held_reply_back_unseen(tmp_path: Path) -> None:
    assembly, head = tiny_assembly(tmp_path)
    head.state = State.QUERY
    clock, paper = ManualClock(), StringIO()
    console = Console(file=paper, width=200)
    script = Script("", (Line("what is it", word_ms=250),))
    timeline = hold_scripted(assembly, script, console, clock=clock, wait=clock.advance)
    assert [reply.query for reply in timeline.replies] == ["what is it"]
    assert "the held reply is taken back, unseen" in paper.getvalue()
    assert "cut" not in paper.getvalue()
