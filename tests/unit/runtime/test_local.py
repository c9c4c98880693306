"""Sessions and an engine on one clock, in one process."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from duologue.clock import ManualClock
from duologue.errors import InvalidInput, UnknownSession
from duologue.events import (
    Envelope,
    Error,
    InputAppend,
    InputState,
    ResponseDelta,
    ResponseDone,
    ResponseStarted,
    SessionClose,
    SessionUpdate,
)
from duologue.lane.lane import Lane
from duologue.lane.slices import Slice
from duologue.lane.steps import Say
from duologue.runtime.local import IDLE_AFTER_MS, LocalRuntime
from duologue.session_config import SessionConfig
from duologue.states import State
from tests.unit.talk.worlds import TICK_MS, Theatre, tiny_assembly


@pytest.fixture
def world(tmp_path: Path) -> Theatre:
    assembly, head = tiny_assembly(tmp_path)
    head.state = State.QUERY
    return Theatre(assembly)


def test_a_query_is_answered_in_the_tick_that_hears_it(world: Theatre) -> None:
    world.runtime.send("s", SessionUpdate(SessionConfig(floor="eager")))
    world.runtime.send("s", InputAppend("a", "what is it"))
    world.run_ticks()
    kinds = [type(envelope.event) for envelope in world.told]
    assert kinds == [InputState, ResponseStarted, ResponseDelta]


def test_a_reply_is_computed_at_once_and_shown_when_the_query_is_confirmed(world: Theatre) -> None:
    """At that time, though no tick begins then."""
    world.runtime.send("s", InputAppend("a", "what is it"))
    world.run_ticks(4)
    assert [type(envelope.event) for envelope in world.told] == [InputState]
    assert world.runtime.engine.lane("s").num_reply_tokens == 12
    due_ms = world.runtime.next_due_ms()
    assert due_ms is not None
    assert 4 * TICK_MS < due_ms < 5 * TICK_MS
    assert world.runtime.idle_ms() == due_ms - world.clock.now_ms()
    world.runtime.poll()
    assert len(world.told) == 1
    world.clock.advance(world.runtime.idle_ms())
    world.runtime.poll()
    kinds = [type(envelope.event) for envelope in world.told]
    assert kinds == [InputState, ResponseStarted, ResponseDelta, ResponseDone]
    assert world.runtime.next_due_ms() is None
    world.clock.advance(world.runtime.idle_ms())
    assert world.clock.now_ms() == 5 * TICK_MS


def test_events_are_numbered_and_a_response_ends_once(world: Theatre) -> None:
    world.runtime.send("s", InputAppend("a", "what is it"))
    world.run_ticks(7)
    done = [envelope.event for envelope in world.told if isinstance(envelope.event, ResponseDone)]
    assert [event.response_id for event in done] == [1]
    assert [envelope.server_seq for envelope in world.told] == list(range(1, len(world.told) + 1))


def test_a_silent_session_asks_for_nothing_and_then_gives_up_its_cells(world: Theatre) -> None:
    world.runtime.send("s", InputAppend("a", "what is it"))
    world.run_ticks(8)
    assert world.session.is_silent
    before = world.runtime.engine.num_forwards
    assert world.runtime.engine.memory.num_slots == 1
    world.clock.advance(IDLE_AFTER_MS)
    world.run_ticks(3)
    assert world.runtime.engine.num_forwards == before
    assert world.runtime.engine.memory.num_slots == 0


def test_a_session_that_gave_up_its_cells_goes_on_as_before(tmp_path: Path) -> None:
    replies = []
    for naps in (False, True):
        assembly, head = tiny_assembly(tmp_path / str(naps))
        head.state = State.QUERY
        world = Theatre(assembly)
        world.runtime.send("s", InputAppend("a", "what is it"))
        world.run_ticks(8)
        world.clock.advance(IDLE_AFTER_MS if naps else IDLE_AFTER_MS / 2)
        world.run_ticks(2)
        assert world.runtime.engine.memory.num_slots == (0 if naps else 1)
        world.runtime.send("s", InputAppend("b", "and then"))
        world.run_ticks(8)
        replies.append(world.session.transcript)
    assert replies[0] == replies[1]
    assert len(replies[0]) == 4


def test_the_session_and_the_engine_agree_on_every_token(world: Theatre) -> None:
    for number in range(5):
        world.runtime.send("s", InputAppend(f"a{number}", "how far is the train"))
        world.run_ticks(2)
    engine_lane, session_lane = world.runtime.engine.lane("s"), world.session.lane
    setup = world.session.setup
    replayed = Lane.replay(setup.chat, setup.opening, world.steps)
    for lane in (session_lane, replayed):
        assert lane.trunk.tokens == engine_lane.trunk.tokens
        assert lane.output.tokens == engine_lane.output.tokens
        assert lane.phase is engine_lane.phase


def test_every_forward_is_charged(tmp_path: Path) -> None:
    assembly, head = tiny_assembly(tmp_path)
    head.state = State.QUERY
    charged: list[float] = []
    world = Theatre(assembly, charge=charged.append)
    world.runtime.send("s", InputAppend("a", "what is it"))
    report = world.runtime.run_tick()
    assert len(charged) == report.num_forwards == 4
    assert report.forward_ms == pytest.approx(sum(charged))
    assert report.num_rows == sum(result.num_rows for result in report.results)


def test_what_cannot_be_used_is_answered_by_an_error(world: Theatre) -> None:
    world.runtime.send("s", SessionClose())
    world.runtime.send("s", InputAppend("a", "too late"))
    (error,) = world.events(Error)
    assert isinstance(error, Error)
    assert "closed" in error.message


def test_names_are_checked(world: Theatre) -> None:
    with pytest.raises(InvalidInput, match="open already"):
        world.runtime.open("s", world.session.setup)
    with pytest.raises(UnknownSession, match="nobody"):
        world.runtime.send("nobody", InputAppend("a", "text"))
    world.runtime.close("s")
    assert world.runtime.sessions == []
    assert world.runtime.engine.num_sessions == 0


def test_ticks_follow_the_clock(world: Theatre) -> None:
    assert world.runtime.tick == 0
    world.clock.advance(TICK_MS * 2.5)
    assert world.runtime.tick == 2


def test_a_listener_may_close_a_session_whose_result_is_due(tmp_path: Path) -> None:
    assembly, head = tiny_assembly(tmp_path)
    head.state = State.QUERY
    told: list[str] = []

    def listen(session_id: str, envelopes: Sequence[Envelope], now_ms: float) -> None:
        told.append(session_id)
        if session_id == "a":
            runtime.close("b")

    runtime = LocalRuntime(assembly.engine, ManualClock(), tick_ms=TICK_MS, listener=listen)
    for name in ("a", "b", "c"):
        runtime.open(name, assembly.setup)
        runtime.send(name, InputAppend("x", "what is it"))
    runtime.run_tick()
    assert told == ["a", "c"]
    assert not any(session.is_busy for session in runtime.sessions)


def test_a_session_seated_anew_gets_no_result_of_its_former_life(tmp_path: Path) -> None:
    assembly, head = tiny_assembly(tmp_path)
    head.state = State.QUERY
    engine, setup = assembly.engine, assembly.setup
    lane = Lane(setup.chat, setup.opening)
    engine.open("s", 1, lane, setup.profile, setup.strategy)
    engine.submit(Slice("s", 1, tick=0))
    engine.open("s", 2, Lane(setup.chat, setup.opening), setup.profile, setup.strategy)
    assert engine.run() == []


def test_other_settings_reach_the_engine(world: Theatre) -> None:
    world.runtime.send("s", SessionUpdate(SessionConfig(max_reply_tokens=2)))
    world.runtime.send("s", InputAppend("a", "what is it"))
    world.run_ticks(6)
    said = sum(len(step.tokens) for step in world.steps if isinstance(step, Say))
    assert said == 2


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
