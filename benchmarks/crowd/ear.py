"""Follows what a platform tells one person, and writes it down. Pure."""

from benchmarks.crowd.notes import Notes, Reply, Turn
from duologue.client import (
    Error,
    Event,
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponseStarted,
)
from duologue.lane.steps import EndReason
from duologue.states import State


class Ear:
    """Knows which reply is to which turn, and who has the floor."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self._query: Turn | None = None
        """The turn that was decided to be a query last."""

    @property
    def running(self) -> Reply | None:
        """The reply in progress."""
        last = self.notes.replies[-1] if self.notes.replies else None
        return last if last is not None and last.ended_ms is None else None

    def told(self, event: Event, now_ms: float) -> None:
        """Take an event at the time it was read."""
        match event:
            case InputState():
                self._judged(event, now_ms)
            case ResponseStarted(response_id):
                self.notes.replies.append(Reply(response_id, now_ms, self._query))
            case ResponseDelta(response_id, text):
                self._text(response_id, text, now_ms)
            case Interrupted(response_id):
                self._cut(response_id, now_ms)
            case ResponseDone(response_id, reason):
                reply = self._reply(response_id)
                reply.ended_ms = now_ms
                reply.is_complete = reason in (EndReason.STOP, EndReason.LENGTH)
            case Error(code, message):
                self.notes.errors.append(f"{code}: {message}")
            case _:
                pass

    def has_answered(self, turn: Turn) -> bool:
        """Whether what follows from a turn is there, as far as its text goes."""
        return turn.first_text_ms is not None or turn.decision in (State.NON_QUERY, State.HOLD)

    def _judged(self, event: InputState, now_ms: float) -> None:
        turns = [turn for turn in self.notes.turns[-8:] if turn.segment_id in event.segment_ids]
        if not turns:
            return
        last = turns[-1]
        if event.state is State.INCOMPLETE:
            is_whole = last.sent_end_ms is not None and event.text.strip().endswith(last.text)
            last.num_undecided += is_whole
            return
        for turn in turns:
            turn.decided_ms, turn.decision = now_ms, event.state
        if event.state is State.QUERY:
            last.first_text_ms = None
            self._query = last

    def _text(self, response_id: int, text: str, now_ms: float) -> None:
        reply = self._reply(response_id)
        reply.text += text
        if reply.first_text_ms is None:
            reply.first_text_ms = now_ms
            if reply.turn is not None:
                reply.turn.first_text_ms = now_ms
        else:
            assert reply.last_text_ms is not None
            self.notes.gaps_ms.append((now_ms, now_ms - reply.last_text_ms))
        reply.last_text_ms = now_ms

    def _cut(self, response_id: int, now_ms: float) -> None:
        for turn in self.notes.turns:
            if turn.interrupts == response_id and turn.cut_ms is None:
                turn.cut_ms = now_ms

    def _reply(self, response_id: int) -> Reply:
        return next(r for r in reversed(self.notes.replies) if r.response_id == response_id)
