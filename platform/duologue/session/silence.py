"""How long the user has been silent, at what pace they speak, and what that is worth."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from duologue.lane.judging import JudgingPatience
from duologue.session.terms import Terms
from duologue.states import State
from duologue.strategies.registry import strategy_named
from duologue.text.endings import Ending, asks_in_greek, ending_of
from duologue.text.language import has_english, is_foreign
from duologue.text.phrases import is_foreign_backchannel

MAX_WORD_GAP_MS = 1_500.0
"""What takes longer is a pause, and says nothing about the pace."""
USUAL_WORD_GAP_MS = 350.0
GAP_WEIGHT = 0.4
"""Of the newest gap between two words, in the average of all."""
SURELY_UNFINISHED = 0.95
"""From this probability on, more will be dictated. Whole numbers hardly reach it."""


@dataclass(slots=True)
class Silence:
    """What is known of the user's silence. A plain value.

    Each degree of impatience judges an utterance once: silence alone costs no further slices.
    """

    since_ms: float = 0.0
    """When the last text came."""
    is_segment_over: bool = False
    """Whether a segment ended with it."""
    word_gap_ms: float = USUAL_WORD_GAP_MS
    """Between two words of this speaker, on average."""
    knows_pace: bool = False
    """Whether there was such a gap; before, the average is a guess."""
    last_gap_ms: float = 0.0
    """Between the last two words of an utterance, unless that was a pause; kept while it is decided
    and more of it may follow."""
    num_words: int = 0
    """Of the utterance so far."""
    judged: JudgingPatience | None = None
    is_committed: bool = False
    """Whether the caller said that the turn is over."""
    has_text_since_commit: bool = False
    probabilities: Mapping[State, float] = field(default_factory=dict)
    """What was read of the utterance as it stands."""

    was_foreign: bool = False
    """Whether the utterance before was in another language than English."""
    was_query: bool = False
    """Whether what was heard so far was taken for a query before, which cut no reply."""

    def heard(self, text: str, now_ms: float, *, is_final: bool) -> None:
        """The user said something; `text` is the utterance as it stands."""
        num_words = len(text.split())
        if self.num_words == 0:
            self.last_gap_ms, self.was_query = 0.0, False
        self._pace(num_words - self.num_words, now_ms)
        self.num_words, self.since_ms, self.is_segment_over = num_words, now_ms, is_final
        self.judged = None
        self.has_text_since_commit = True
        self.probabilities = {}

    def went_on(self, text: str, decided: str, decided_text_ms: float) -> None:
        """What was heard last goes on with what was decided, whose last text came then: it is now
        the text.

        A slow speaker's words may be decided one by one, so the gap between them counts where it is
        longer than usual. That segments follow each other fast says nothing.
        """
        num_words = len(text.split())
        num_new_words = num_words - len(decided.split())
        gap_ms = self.since_ms - decided_text_ms
        if gap_ms > num_new_words * self.word_gap_ms:
            self._note_gap(num_new_words, gap_ms)
        self.num_words = num_words

    def segment_ended(self) -> None:
        """The last text was the end of its segment."""
        self.is_segment_over = True

    def commit(self) -> None:
        """The caller knows that the turn is over."""
        self.is_committed = True
        self.has_text_since_commit = False

    def failed(self) -> None:
        """Nothing came of the last judgement."""
        self.judged = None

    def is_foreign(self, text: str, terms: Terms) -> bool:
        """Whether marks and silence tell the end of the text: it is not English.

        Behind a foreign utterance, so is one that has no English word: a name, "ja", the first word
        of another.
        """
        if not terms.waits_for_foreign or not text:
            return False
        return is_foreign(text) or (self.was_foreign and not has_english(text))

    def note_language(self, text: str, terms: Terms) -> None:
        """The text was decided; a mere "okay" says nothing of the language that is spoken."""
        if not (self.was_foreign and is_foreign_backchannel(text)):
            self.was_foreign = self.is_foreign(text, terms)

    def decided(self, *, has_rest: bool) -> None:
        """The utterance was decided; with `has_rest`, text came too late for that decision.

        A commit is about all text before it, so that it holds on for a rest that it came after.
        """
        self.judged = None
        self.probabilities = {}
        self.num_words = 0
        self.was_query = False
        self.is_committed = self.is_committed and has_rest and not self.has_text_since_commit

    def patience(self, text: str, terms: Terms, now_ms: float) -> JudgingPatience:
        """How long to wait for more of the text."""
        low_ms, out_ms = self._limits_ms(text, terms)
        silent_ms = now_ms - self.since_ms
        if self.is_committed or silent_ms >= out_ms:
            return JudgingPatience.OUT
        return JudgingPatience.LOW if silent_ms >= low_ms else JudgingPatience.NORMAL

    def due_at_ms(self, text: str, terms: Terms, now_ms: float) -> float | None:
        """From when on the text is to be judged again, though nothing was added; None for never."""
        if self.patience(text, terms, now_ms) is not self.judged:
            return now_ms
        ahead = [ms for ms in self._limits_ms(text, terms) if now_ms - self.since_ms < ms]
        return self.since_ms + min(ahead) if ahead else None

    def confirms_at_ms(self, text: str, terms: Terms, probability: float = 1.0) -> float:
        """When the pause behind a text, so probably a query, says that nothing more follows."""
        floor, listening = terms.floor, terms.listening
        pause_ms = floor.confirm_word_gaps * max(self.word_gap_ms, self.last_gap_ms)
        if probability < floor.confirm_soon_above:
            pause_ms = max(pause_ms, floor.confirm_after_ms)
        pause_ms = min(pause_ms, max(floor.confirm_slow_ms, floor.confirm_after_ms))
        if not self.knows_pace and len(text.split()) == 1:
            pause_ms = max(pause_ms, floor.confirm_first_word_ms)
        pause_ms *= floor.confirm_final_scale if self.is_segment_over else 1.0
        match self._ending(text, terms):
            case Ending.OPEN:
                pause_ms = max(pause_ms, listening.open_after_ms)
            case Ending.DICTATION:
                pause_ms = max(pause_ms, listening.dictation_after_ms)
        return self.since_ms + pause_ms

    def left_at_ms(self, text: str, terms: Terms) -> float | None:
        """When a text leaves that nobody finished while a reply went on over it, instead of being
        decided: when the last limit would decide what sounds unfinished, or when patience runs out
        with what is most likely unfinished and otherwise nothing to act on, unless it is not
        English, so that nobody has read it. None for others."""
        last_ms = max(terms.decoding.decide_after_ms, terms.listening.last_limit_ms)
        _, out_ms = self._limits_ms(text, terms)
        is_last = out_ms == last_ms > terms.decoding.decide_after_ms
        is_nothing = self._asks_for_nothing and not self.is_foreign(text, terms)
        return self.since_ms + out_ms if is_last or is_nothing else None

    @property
    def _asks_for_nothing(self) -> bool:
        read = self.probabilities
        ranked = sorted(read, key=lambda state: read[state], reverse=True)
        return ranked[:2] == [State.INCOMPLETE, State.NON_QUERY]

    def pace_pause_ms(self, terms: Terms) -> float:
        """A silence that is longer than this speaker's gap between two words."""
        floor = terms.floor
        return min(floor.confirm_word_gaps * self.word_gap_ms, floor.confirm_after_ms)

    def _limits_ms(self, text: str, terms: Terms) -> tuple[float, float]:
        """The silences from which on patience is low, and out. They follow what was heard."""
        low_ms, out_ms = terms.decoding.reconsider_after_ms, terms.decoding.decide_after_ms
        if not strategy_named(terms.decoding.strategy).judges:
            return low_ms, low_ms
        last_ms = max(out_ms, terms.listening.last_limit_ms)
        ending = self._ending(text, terms)
        unfinished = self.probabilities.get(State.INCOMPLETE, 0.0)
        if ending is Ending.OPEN:
            return last_ms, last_ms
        if ending is Ending.DICTATION:
            between_ms = max(out_ms, terms.listening.dictation_after_ms)
            between_ms = last_ms if unfinished >= SURELY_UNFINISHED else between_ms
            return between_ms, between_ms
        if self.is_foreign(text, terms):
            return low_ms, low_ms if ending is Ending.FINISHED else out_ms
        sounds_unfinished = unfinished >= terms.listening.unfinished_above
        return low_ms, last_ms if sounds_unfinished and ending is Ending.PLAIN else out_ms

    def _ending(self, text: str, terms: Terms) -> Ending:
        if asks_in_greek(text) and self.is_foreign(text, terms):
            return Ending.FINISHED
        return ending_of(text)

    def _pace(self, num_new_words: int, now_ms: float) -> None:
        if self.num_words > 0:
            self._note_gap(num_new_words, now_ms - self.since_ms)

    def _note_gap(self, num_new_words: int, gap_ms: float) -> None:
        if num_new_words > 0 and gap_ms <= MAX_WORD_GAP_MS:
            gap_ms /= num_new_words
            self.last_gap_ms, self.knows_pace = gap_ms, True
            self.word_gap_ms += GAP_WEIGHT * (gap_ms - self.word_gap_ms)
