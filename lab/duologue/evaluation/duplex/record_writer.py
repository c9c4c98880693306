"""Writes down what a client is told, as it is told it."""

from collections.abc import Sequence

from duologue.evaluation.duplex.player import Player
from duologue.evaluation.duplex.record import Record, RecordedDecision, RecordedReply
from duologue.events import (
    Error,
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
    ServerEvent,
    StateReason,
)
from duologue.session.transcript import Entry
from duologue.states import State


class RecordWriter:
    """From events to a record; a player, if there is one, plays what is told."""

    def __init__(self, record: Record, player: Player | None) -> None:
        self._record = record
        self._player = player

    def write(self, event: ServerEvent, now_ms: float) -> None:
        """Take one event at the time at which it was told."""
        record = self._record
        match event:
            case InputState() if event.state is not State.INCOMPLETE:
                record.decisions.append(_decision(event, now_ms))
            case ResponseStarted(number):
                record.replies.append(RecordedReply(number, now_ms))
            case ResponseDelta(number, text):
                self._add(self._reply(number), text, now_ms)
            case ResponseDone(number, reason):
                self._settle(now_ms)
                self._reply(number).finish(now_ms, reason)
            case Interrupted(number, heard_chars):
                reply = self._reply(number)
                self._fall_silent(reply, now_ms)
                reply.told_heard_chars = heard_chars
            case ResponsePaused(number):
                self._fall_silent(self._reply(number), now_ms)
            case ResponseResumed(number, from_chars):
                self._go_on(self._reply(number), now_ms, from_chars)
            case Error(code, message):
                record.errors.append(f"{code}: {message}")
            case _:
                pass

    def close(self, transcript: Sequence[Entry], now_ms: float) -> None:
        """The scenario is over; what was taken back is not in the transcript."""
        self._settle(now_ms)
        record = self._record
        record.end_ms, record.transcript = now_ms, tuple(transcript)
        kept = {entry.response_id for entry in transcript}
        for reply in record.replies:
            reply.is_taken_back = reply.told_heard_chars == 0 and reply.number not in kept

    def _add(self, reply: RecordedReply, text: str, now_ms: float) -> None:
        self._settle(now_ms)
        if reply.first_text_ms is None:
            reply.first_text_ms = now_ms
            if self._player is not None:
                self._player.begin(reply, now_ms)
        reply.text += text

    def _fall_silent(self, reply: RecordedReply, now_ms: float) -> None:
        reply.fall_silent(now_ms)
        if self._player is not None:
            self._player.fall_silent(now_ms)

    def _go_on(self, reply: RecordedReply, now_ms: float, from_chars: int) -> None:
        self._settle(now_ms)
        reply.go_on(now_ms, from_chars)
        if self._player is not None:
            self._player.go_on(reply, now_ms, from_chars)

    def _settle(self, now_ms: float) -> None:
        if self._player is not None:
            self._player.settle(now_ms)

    def _reply(self, number: int) -> RecordedReply:
        return next(each for each in self._record.replies if each.number == number)


def _decision(told: InputState, now_ms: float) -> RecordedDecision:
    reason = "" if told.reason is StateReason.JUDGED else str(told.reason)
    return RecordedDecision(now_ms, told.state, told.text, told.probabilities, reason)
