"""The course of one text that was said word by word, as its client saw it."""

from dataclasses import dataclass
from typing import Any

from duologue.evaluation.rows import Row
from duologue.states import State


@dataclass(frozen=True, slots=True)
class DecisionAtWord:
    """A state that was acted on, after so many words."""

    state: State
    num_words: int
    """Words that had been said by then."""
    delay_ticks: int
    """From the tick that brought the last of those words; 0 is in that very slice."""
    delay_ms: float
    """From the last of those words."""
    look_ahead_tokens: int
    spoke: bool = False
    """The client was shown reply text before anything else was decided."""
    was_taken_back: bool = False
    """A later judgement was of a text that holds these words again."""

    def to_json(self) -> dict[str, Any]:
        return {
            "state": str(self.state),
            "words": self.num_words,
            "delay_ticks": self.delay_ticks,
            "delay_ms": round(self.delay_ms, 1),
            "look_ahead_tokens": self.look_ahead_tokens,
            "spoke": self.spoke,
            "taken_back": self.was_taken_back,
        }


@dataclass(frozen=True, slots=True)
class StreamedText:
    """A labelled text, and every decision that was made about it or parts of it."""

    row: Row
    decisions: tuple[DecisionAtWord, ...]

    @property
    def label(self) -> State:
        return self.row.sample.label

    @property
    def num_words(self) -> int:
        return len(words_of(self.row))

    @property
    def num_inner_words(self) -> int:
        """Words at which the text was not yet at its end; an incomplete text never is."""
        return self.num_words - (self.label is not State.INCOMPLETE)

    @property
    def premature(self) -> tuple[DecisionAtWord, ...]:
        """What was decided before the end."""
        return tuple(each for each in self.decisions if each.num_words <= self.num_inner_words)

    @property
    def was_shown_early(self) -> bool:
        """Whether a reply to a part of it was shown."""
        return any(each.spoke and each.state is State.QUERY for each in self.premature)

    @property
    def last(self) -> DecisionAtWord | None:
        """The decision that came at or after the end; None when there was none."""
        ends = [each for each in self.decisions if each.num_words > self.num_inner_words]
        return ends[0] if ends else None

    def to_json(self) -> dict[str, Any]:
        """A row of streaming.jsonl."""
        return {
            "line": self.row.line,
            "text": self.row.sample.text,
            "label": str(self.label),
            "category": self.row.sample.category,
            "words": self.num_words,
            "premature": [each.to_json() for each in self.premature],
            "end": None if self.last is None else self.last.to_json(),
        }


def words_of(row: Row) -> list[str]:
    """The words of a row's text as they are said."""
    return row.sample.text.split()
