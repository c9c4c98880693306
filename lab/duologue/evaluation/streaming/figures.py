"""The figures of texts said word by word: too early, too late, and how long after the end."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from duologue.evaluation.metrics import Share, Spread
from duologue.evaluation.streaming.course import DecisionAtWord, StreamedText
from duologue.evaluation.streaming.play import Play
from duologue.states import State

NOTHING = "undecided"


@dataclass(frozen=True, slots=True)
class Prematurity:
    """Decisions for one state at words inside unfinished texts."""

    decisions: Sequence[DecisionAtWord]
    num_words: int

    @property
    def share(self) -> Share:
        """Of all words inside, those at which it was decided."""
        return Share(len(self.decisions), self.num_words)

    @property
    def standing(self) -> Share:
        """Of all words inside, those at which it was decided and not taken back."""
        return Share(sum(not each.was_taken_back for each in self.decisions), self.num_words)

    @property
    def taken_back(self) -> Share:
        """Of the decisions, those that the rest of the text took back."""
        return Share.of(each.was_taken_back for each in self.decisions)

    @property
    def spoke(self) -> Share:
        """Of the decisions, those of which the client was shown reply text."""
        return Share.of(each.spoke for each in self.decisions)

    def to_json(self) -> dict[str, Any]:
        return {
            "of_words": self.share.to_json(),
            "of_words_not_taken_back": self.standing.to_json(),
            "taken_back": self.taken_back.to_json(),
            "spoke": self.spoke.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Delay:
    """How long after the end a label's texts were decided rightly."""

    decisions: Sequence[DecisionAtWord]
    word_ms: int

    @property
    def ticks(self) -> Spread:
        return Spread.of(each.delay_ticks for each in self.decisions)

    @property
    def ms(self) -> Spread:
        return Spread.of(each.delay_ms for each in self.decisions)

    @property
    def words(self) -> Spread:
        """Words that would have been said in the meantime, had the user gone on."""
        return Spread.of(each.delay_ms // self.word_ms for each in self.decisions)

    @property
    def at_once(self) -> Share:
        """Decided in the slice that brought the last word."""
        return Share.of(each.delay_ticks == 0 for each in self.decisions)

    def to_json(self) -> dict[str, Any]:
        return {
            "at_once": self.at_once.to_json(),
            "ticks": self.ticks.to_json(),
            "ms": self.ms.to_json(),
            "words": self.words.to_json(),
        }


@dataclass(frozen=True, slots=True)
class StreamingFigures:
    """Everything that is counted over one play."""

    play: Play
    word_ms: int

    @property
    def labels(self) -> tuple[State, ...]:
        return tuple(state for state in State if self._courses(state))

    def premature(self, label: State, decided: State = State.QUERY) -> Prematurity:
        """What was decided inside texts of this label."""
        courses = self._courses(label)
        return Prematurity(
            [each for course in courses for each in course.premature if each.state is decided],
            sum(course.num_inner_words for course in courses),
        )

    @property
    def shown_early(self) -> Share:
        """Queries to a part of which a reply was shown."""
        return Share.of(course.was_shown_early for course in self._courses(State.QUERY))

    def spared(self, label: State) -> Share:
        """Texts of this label inside which nobody was answered."""
        return Share.of(
            all(each.state is not State.QUERY for each in course.premature)
            for course in self._courses(label)
        )

    def ends(self, label: State) -> Counter[str]:
        """What was decided at or after the end of this label's texts."""
        return Counter(
            NOTHING if course.last is None else str(course.last.state)
            for course in self._courses(label)
        )

    def recall(self, label: State) -> Share:
        """Texts that were decided rightly at or after their end."""
        return Share(self.ends(label)[str(label)], len(self._courses(label)))

    def delay(self, label: State) -> Delay:
        ends = [course.last for course in self._courses(label)]
        return Delay([e for e in ends if e is not None and e.state is label], self.word_ms)

    def to_json(self) -> dict[str, Any]:
        """The figures of one look-ahead as report.json holds them."""
        labels = [label for label in self.labels if label is not State.INCOMPLETE]
        return {
            "shown_early": self.shown_early.to_json(),
            "ticks": self.play.num_ticks,
            "forwards": self.play.num_forwards,
            "rows": self.play.num_rows,
            "premature": {
                str(label): {
                    str(decided): self.premature(label, decided).to_json()
                    for decided in State
                    if decided is not State.INCOMPLETE
                }
                for label in self.labels
            },
            "texts_not_answered_early": {
                str(label): self.spared(label).to_json() for label in self.labels
            },
            "end": {
                str(label): {
                    "recall": self.recall(label).to_json(),
                    "decided": dict(self.ends(label).most_common()),
                    "delay": self.delay(label).to_json(),
                }
                for label in labels
            },
        }

    def _courses(self, label: State) -> list[StreamedText]:
        return [course for course in self.play.courses if course.label is label]
