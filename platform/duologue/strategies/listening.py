"""Reading the state of an utterance, token after look-ahead token."""

from duologue.lane.judging import Judgement, JudgingPatience
from duologue.states import State
from duologue.strategies.base import ForwardOutcome, SliceRun


class Listening:
    """Judges the utterance once its rows are computed, and looks ahead while that is not clear.

    Look-ahead tokens stand in the input channel only while they are needed: they are rolled back
    before the slice acts.
    """

    def __init__(self, run: SliceRun, is_open: bool) -> None:
        self._run = run
        self._num_real = len(run.lane.input)
        self.is_open = is_open and run.lane.is_listening
        if self.is_open and run.lane.input.is_cached:
            run.lane.reread_input()

    @property
    def looks_ahead(self) -> bool:
        """Whether the next forward should predict another token."""
        return self.is_open and self._num_ahead < self._max_ahead

    @property
    def _num_ahead(self) -> int:
        return len(self._run.lane.input) - self._num_real

    @property
    def _max_ahead(self) -> int:
        """None when patience is out: the utterance is decided by what was said."""
        work = self._run.work
        return 0 if work.patience is JudgingPatience.OUT else work.look_ahead_tokens

    def take(self, outcome: ForwardOutcome) -> Judgement | None:
        """What a forward read; returns the judgement when there is one, and then is closed."""
        if not self.is_open or outcome.probabilities is None:
            return None
        run = self._run
        run.evidence.append(outcome.probabilities)
        work = run.work
        state = run.profile.judge.decide(
            outcome.probabilities, work.patience, keeps=work.keeps, was_query=work.was_query
        )
        if state is State.INCOMPLETE and outcome.look_ahead is not None:
            run.lane.input.tokens.append(outcome.look_ahead)
            return None
        telling = run.evidence[0] if state is State.INCOMPLETE else outcome.probabilities
        judgement = Judgement(state, telling, self._num_ahead, run.work.patience)
        self._roll_back()
        return judgement

    def close(self) -> None:
        """If the slice ends before there is a judgement, leave nothing half done."""
        if self.is_open:
            self._roll_back()
            self._run.evidence.clear()

    def _roll_back(self) -> None:
        self._run.lane.cut_look_ahead(self._num_real)
        self.is_open = False
