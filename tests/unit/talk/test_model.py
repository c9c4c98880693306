"""What a chat shows follows from what is told."""

from io import StringIO

import pytest
from rich.console import Console

from duologue.events import (
    Envelope,
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
    ServerEvent,
    SessionClosed,
)
from duologue.lane.steps import EndReason
from duologue.notices import GoAway, Notice, NoticeEvent, SessionMoved, SessionReady
from duologue.session.transcript import Entry, Outcome, Role
from duologue.states import State
from duologue.talk.model import ChatModel, ConnectionState, percentile
from duologue.talk.picture import draw
from duologue.told import ConnectionLost


class Stage:
    """Tells a model one thing after another."""

    def __init__(self) -> None:
        self.model = ChatModel()
        self._seq = 0

    def tell(self, *events: ServerEvent, now_ms: float = 0.0) -> None:
        for event in events:
            self._seq += 1
            self.model.told(Envelope(self._seq, 0, 1, event), now_ms)

    def notice(self, event: NoticeEvent) -> None:
        self.model.told(Notice(0, 1, event), 0.0)

    def picture(self, typed: str = "", *, width: int = 100, height: int = 30) -> str:
        paper = StringIO()
        console = Console(file=paper, width=width, height=height)
        console.print(draw(self.model, typed, width=width, height=height))
        return paper.getvalue()


@pytest.fixture
def stage() -> Stage:
    return Stage()


def judged(state: State, text: str, *segments: str) -> InputState:
    return InputState(state, {State.QUERY: 0.75, State.INCOMPLETE: 0.25}, text, segments)


def test_a_reply_streams_while_one_types(stage: Stage) -> None:
    stage.tell(judged(State.QUERY, "Why?", "a"), ResponseStarted(1), ResponseDelta(1, "Because"))
    shown = stage.picture("and then")
    assert "Because" in shown
    assert "and then▏" in shown
    assert "a query: it is answered  query █████████···" in shown
    stage.tell(ResponseDelta(1, " so."), ResponseDone(1, EndReason.STOP))
    assert list(stage.model.past) == [
        Entry(Role.USER, "Why?", Outcome.ANSWERED),
        Entry(Role.ASSISTANT, "Because so.", Outcome.COMPLETE, 1),
    ]


def test_an_interruption_keeps_what_was_heard(stage: Stage) -> None:
    stage.tell(ResponseStarted(1), ResponseDelta(1, "A long story"), Interrupted(1, 6))
    stage.tell(ResponseDone(1, EndReason.INTERRUPTED))
    assert stage.model.past[-1] == Entry(Role.ASSISTANT, "A long", Outcome.CUT, 1)
    assert "interrupted: 6 characters" in stage.picture()


def test_a_reply_that_was_cut_stands_before_what_cut_it(stage: Stage) -> None:
    stage.tell(judged(State.QUERY, "Tell me all", "a"), ResponseStarted(1))
    stage.tell(ResponseDelta(1, "All of it"), judged(State.QUERY, "Wait, what?", "b"))
    stage.tell(Interrupted(1, 3), ResponseDone(1, EndReason.INTERRUPTED), ResponseStarted(2))
    assert [entry.text for entry in stage.model.past] == ["Tell me all", "All", "Wait, what?"]


def test_long_entries_take_one_line_each(stage: Stage) -> None:
    for number in range(3):
        stage.tell(judged(State.QUERY, f"{number} " + "long words " * 40, str(number)))
    shown = [line for line in stage.picture().splitlines() if "user" in line]
    assert len(shown) == 3
    assert all("…" in line for line in shown)


def test_what_is_no_query_is_shown_as_such(stage: Stage) -> None:
    stage.tell(judged(State.NON_QUERY, "uh-huh", "a"), ResponseResumed(1, 0))
    shown = stage.picture()
    assert "not a query: carry on" in shown
    assert "uh-huh  (ignored)" in shown
    stage.tell(judged(State.HOLD, "be quiet", "b"))
    assert "hold: it keeps silent" in stage.picture()


def test_a_query_that_went_on_is_shown_once(stage: Stage) -> None:
    stage.tell(judged(State.QUERY, "What is", "a"), ResponseStarted(1))
    stage.tell(Interrupted(1, 0), ResponseDone(1, EndReason.INTERRUPTED))
    stage.tell(judged(State.QUERY, "What is it?", "a"))
    assert list(stage.model.past) == [Entry(Role.USER, "What is it?", Outcome.ANSWERED)]


def test_a_query_that_went_on_in_another_segment_is_shown_once(stage: Stage) -> None:
    stage.tell(judged(State.QUERY, "What is", "a"), judged(State.QUERY, "What is it?", "a", "b"))
    assert list(stage.model.past) == [Entry(Role.USER, "What is it?", Outcome.ANSWERED)]


def test_a_reply_that_is_held_or_paused_is_shown_as_such(stage: Stage) -> None:
    stage.tell(judged(State.QUERY, "Why?", "a"))
    assert "a reply is held" in stage.picture()
    stage.tell(ResponseStarted(1), ResponseDelta(1, "Because"))
    assert "held" not in stage.picture()
    stage.tell(judged(State.QUERY, "And", "b"), ResponsePaused(1))
    shown = stage.picture()
    assert "paused · a reply is held" in shown
    assert "Because" in shown
    stage.tell(judged(State.NON_QUERY, "And so on", "b"), ResponseResumed(1, 7))
    shown = stage.picture()
    assert "paused" not in shown
    assert "held" not in shown


def test_a_reply_that_was_cut_and_comes_back_is_one_reply(stage: Stage) -> None:
    """The decision that cut it is taken back: what was cut off is given again."""
    stage.tell(judged(State.QUERY, "Tell me all", "a"), ResponseStarted(1))
    stage.tell(ResponseDelta(1, "All of it"), judged(State.QUERY, "Wait", "b"))
    stage.tell(Interrupted(1, 3), ResponseDone(1, EndReason.INTERRUPTED))
    stage.tell(ResponseStarted(2), ResponseDelta(2, "Yes?"))
    stage.tell(Interrupted(2, 0), ResponseDone(2, EndReason.INTERRUPTED), ResponseResumed(1, 3))
    stage.tell(judged(State.NON_QUERY, "Wait a bit", "b"), ResponseDelta(1, " of this."))
    assert "All of this." in stage.picture()
    stage.tell(ResponseDone(1, EndReason.STOP))
    assert list(stage.model.past) == [
        Entry(Role.USER, "Tell me all", Outcome.ANSWERED),
        Entry(Role.USER, "Wait a bit", Outcome.IGNORED),
        Entry(Role.ASSISTANT, "All of this.", Outcome.COMPLETE, 1),
    ]


def test_latency_is_from_the_last_key_to_the_first_text(stage: Stage) -> None:
    for number, wait_ms in enumerate((120, 80, 300), start=1):
        stage.model.typed(1_000 * number)
        stage.tell(judged(State.QUERY, "Why?"), now_ms=1_000 * number + 10)
        told_ms = 1_000 * number + wait_ms
        stage.tell(ResponseStarted(number), ResponseDelta(number, "So"), now_ms=told_ms)
    assert stage.model.latencies_ms == [120, 80, 300]
    assert "last 300 ms, p50 120 ms, p95 300 ms (3)" in stage.picture()


def test_the_connections_state_is_always_there(stage: Stage) -> None:
    assert "connecting" in stage.picture()
    stage.model.queued(3)
    assert "queued" in (shown := stage.picture())
    assert "3 before you" in shown
    stage.notice(SessionReady("ses_1", "token", 160, 0, 0, "duo"))
    assert "● live  ses_1" in stage.picture()
    stage.model.told(ConnectionLost("cut"), 0.0)
    assert "● resuming" in (shown := stage.picture())
    assert "connection lost: cut" in shown
    stage.notice(SessionReady("ses_1", "token", 160, 0, 0, "duo"))
    assert "● live" in stage.picture()
    stage.notice(SessionMoved("its node went down"))
    assert "moved: its node went down" in stage.picture()
    stage.notice(GoAway(5_000))
    assert "moving to another gateway" in stage.picture()
    stage.tell(SessionClosed())
    assert stage.model.link is ConnectionState.CLOSED


def test_a_pasted_text_stays_in_its_row(stage: Stage) -> None:
    shown = stage.picture("one\ntwo 天气 👩‍👧", width=40)
    assert "one⏎two 天气 👩‍👧▏" in shown
    (row,) = [line for line in stage.picture("天\n" * 100, width=40).splitlines() if "天" in line]
    assert row.rstrip(" │").endswith("天⏎▏")
    assert row.count("天") >= 11


def test_what_did_not_fit_is_said(stage: Stage) -> None:
    paper = StringIO()
    console = Console(file=paper, width=80, height=30)
    console.print(draw(stage.model, "x", num_lost=1_234, width=80, height=30))
    assert "1,234 characters did not fit" in paper.getvalue()


@pytest.mark.parametrize(("width", "height"), [(20, 8), (80, 24), (200, 60)])
def test_the_picture_fits_the_terminal(stage: Stage, width: int, height: int) -> None:
    stage.tell(judged(State.QUERY, "long " * 200, "a"), ResponseStarted(1))
    stage.tell(ResponseDelta(1, "words\n" * 400))
    lines = stage.picture("typed " * 100, width=width, height=height).splitlines()
    assert all(len(line) <= width for line in lines)
    assert len(lines) <= max(height, 17)


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([], 0.5) is None
    assert percentile([5], 0.95) == 5
    assert percentile([4, 1, 3, 2], 0.5) == 2
    assert percentile(range(1, 101), 0.95) == 95
