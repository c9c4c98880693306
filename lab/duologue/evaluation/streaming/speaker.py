"""One user who says a text word by word and notes what the session tells."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from duologue.evaluation.rows import Row
from duologue.evaluation.streaming.course import DecisionAtWord, StreamedText, words_of
from duologue.events import Envelope, InputAppend, InputState, ResponseDelta
from duologue.states import State

SEGMENT = "utterance"


class RowSpeaker:
    """Says a row's words at their times, all in one segment.

    It is done when the text has been decided at its end, or nothing came of it for `patience_ms`.
    An incomplete text is done as soon as its last word was judged: what silence then makes of it is
    no mistake.
    """

    def __init__(self, row: Row, start_ms: float, word_ms: float, patience_ms: float) -> None:
        self._row, self._words = row, words_of(row)
        self._start_ms, self._word_ms, self._patience_ms = start_ms, word_ms, patience_ms
        self._num_said = 0
        self._said_ms, self._said_tick = start_ms, 0  # of the last word
        self._decisions: list[DecisionAtWord] = []

    @property
    def has_said_all(self) -> bool:
        return self._num_said == len(self._words)

    @property
    def course(self) -> StreamedText:
        """What has happened so far."""
        return StreamedText(self._row, tuple(self._decisions))

    def dues_ms(self, until_ms: float) -> list[float]:
        """When the next words are to be said, up to a time."""
        numbers = range(self._num_said, len(self._words))
        times = (self._start_ms + number * self._word_ms for number in numbers)
        return list(takewhile(lambda due_ms: due_ms <= until_ms, times))

    def say(self, now_ms: float, tick: int) -> InputAppend:
        """The next word; `tick` is the one that will hear it."""
        word = self._words[self._num_said]
        self._said_ms, self._said_tick = now_ms, tick
        self._num_said += 1
        return InputAppend(SEGMENT, word if self._num_said == 1 else f" {word}")

    def hear(self, envelopes: Sequence[Envelope], now_ms: float) -> None:
        """Note what the session tells."""
        for envelope in envelopes:
            match envelope.event:
                case InputState() as event:
                    self._take_back(len(event.text.split()))
                    if event.state is not State.INCOMPLETE:
                        self._decisions.append(self._decision(event, envelope.tick, now_ms))
                case ResponseDelta() if self._decisions:
                    self._decisions[-1] = replace(self._decisions[-1], spoke=True)
                case _:
                    pass

    def is_done(self, now_ms: float) -> bool:
        """To be asked after a tick."""
        if not self.has_said_all:
            return False
        if self._row.sample.label is State.INCOMPLETE or self.course.last is not None:
            return True
        return now_ms - self._said_ms > self._patience_ms

    def _take_back(self, num_judged: int) -> None:
        """A judgement of the last `num_judged` words: what was decided about any is taken back."""
        first = self._num_said - num_judged
        self._decisions = [
            replace(each, was_taken_back=each.was_taken_back or each.num_words > first)
            for each in self._decisions
        ]

    def _decision(self, event: InputState, tick: int, now_ms: float) -> DecisionAtWord:
        return DecisionAtWord(
            state=event.state,
            num_words=self._num_said,
            delay_ticks=tick - self._said_tick,
            delay_ms=now_ms - self._said_ms,
            look_ahead_tokens=event.look_ahead_tokens,
        )
