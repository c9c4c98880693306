"""Follows what a platform tells one person, and writes it down. Pure."""

from dataclasses import dataclass

from benchmarks.crowd.notes import Notes, Reply, Turn
from duologue.client import (
    Error,
    Event,
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
    StateReason,
)
from duologue.lane.steps import EndReason
from duologue.states import State


@dataclass(frozen=True, slots=True)
class Sent:
    """A turn's text up to a word, which nobody has judged yet."""

    segment_id: str
    text: str
    due_ms: float


class Ear:
    """Knows which reply is to which turn, and who has the floor."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self._query: Turn | None = None
        """The turn that was decided to be a query last."""
        self._sent: list[Sent] = []
        self._decided: dict[str, str] = {}
        """Of each turn what was decided: what follows it may be judged without it."""

    @property
    def running(self) -> Reply | None:
        """The reply in progress; not one that is silent until the person lets it go on."""
        going = (each for each in reversed(self.notes.replies) if each.ended_ms is None)
        return next((reply for reply in going if not reply.is_paused), None)

    def sent(self, segment_id: str, text: str, due_ms: float) -> None:
        """Another word was sent; `text` is the turn's up to it."""
        self._sent.append(Sent(segment_id, text.strip(), due_ms))
        self.notes.num_unjudged = len(self._sent)

    def told(self, event: Event, now_ms: float) -> None:
        """Take an event at the time it was read."""
        match event:
            case InputState():
                self._judged(event, now_ms)
            case ResponseStarted(response_id):
                self.notes.replies.append(Reply(response_id, now_ms, self._query))
            case ResponseDelta(response_id, text):
                self._text(response_id, text, now_ms)
            case ResponsePaused(response_id):
                self._reply(response_id).is_paused = True
                self._fell_silent(response_id, now_ms)
            case ResponseResumed(response_id, from_chars):
                self._reply(response_id).resume(from_chars)
                self._went_on(response_id)
            case Interrupted(response_id):
                self._fell_silent(response_id, now_ms)
            case ResponseDone(response_id, reason):
                reply = self._reply(response_id)
                reply.ended_ms, reply.is_paused = now_ms, False
                reply.is_complete = reason in (EndReason.STOP, EndReason.LENGTH)
            case Error(code, message):
                self.notes.errors.append(f"{code}: {message}")
            case _:
                pass

    def has_answered(self, turn: Turn) -> bool:
        """Whether what follows from a turn is there, as far as its text goes."""
        return turn.first_text_ms is not None or turn.decision in (State.NON_QUERY, State.HOLD)

    def _judged(self, event: InputState, now_ms: float) -> None:
        self._note_words(event, now_ms)
        turns = [turn for turn in self.notes.turns[-8:] if turn.segment_id in event.segment_ids]
        if not turns:
            return
        last = turns[-1]
        if event.state is State.INCOMPLETE:
            is_whole = last.sent_end_ms is not None and event.text.strip().endswith(last.text)
            last.num_undecided += is_whole
            if event.reason is StateReason.JUDGED:
                for turn in turns:  # what was decided of them was taken back
                    turn.decided_ms = turn.decision = turn.first_text_ms = None
            return
        for turn in turns:
            turn.decided_ms, turn.decision = now_ms, event.state
        if event.state is State.QUERY:
            last.first_text_ms = None
            self._query = last

    def _note_words(self, event: InputState, now_ms: float) -> None:
        """All words that stand in the text that was judged."""
        waiting = []
        for word in self._sent:
            rest = word.text.removeprefix(self._decided.get(word.segment_id, "")).strip()
            is_in = word.text in event.text or (bool(rest) and rest in event.text)
            if word.segment_id not in event.segment_ids or not is_in:
                waiting.append(word)
                continue
            self.notes.judged_ms.append((word.due_ms, now_ms - word.due_ms))
            if event.state is not State.INCOMPLETE:
                self._decided[word.segment_id] = word.text
        self._sent = waiting
        self.notes.num_unjudged = len(waiting)

    def _text(self, response_id: int, text: str, now_ms: float) -> None:
        reply = self._reply(response_id)
        reply.text += text
        if reply.first_text_ms is None:
            reply.first_text_ms = now_ms
            if reply.turn is not None:
                reply.turn.first_text_ms = now_ms
        elif reply.last_text_ms is not None:
            self.notes.gaps_ms.append((now_ms, now_ms - reply.last_text_ms))
        reply.last_text_ms = now_ms

    def _fell_silent(self, response_id: int, now_ms: float) -> None:
        for turn in self.notes.turns:
            if turn.interrupts == response_id and turn.cut_ms is None:
                turn.cut_ms = now_ms

    def _went_on(self, response_id: int) -> None:
        for turn in self.notes.turns:
            if turn.interrupts == response_id:
                turn.cut_ms = None

    def _reply(self, response_id: int) -> Reply:
        return next(r for r in reversed(self.notes.replies) if r.response_id == response_id)
