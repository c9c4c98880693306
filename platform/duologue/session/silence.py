"""How long the user has been silent, and what that is worth."""

from dataclasses import dataclass

from duologue.lane.judging import Patience


@dataclass(slots=True)
class Silence:
    """Each degree of impatience judges an utterance once: silence alone costs no further slices."""

    reconsider_after_ms: float
    decide_after_ms: float
    _since_ms: float = 0.0
    _judged: Patience | None = None
    _is_committed: bool = False

    def heard(self, now_ms: float) -> None:
        """The user said something."""
        self._since_ms = now_ms
        self._judged = None

    def commit(self) -> None:
        """The caller knows that the turn is over."""
        self._is_committed = True

    def judged(self, patience: Patience) -> None:
        """The utterance as it stands was judged with this patience."""
        self._judged = patience

    def reset(self) -> None:
        """The utterance was decided."""
        self._judged = None
        self._is_committed = False

    def patience(self, now_ms: float) -> Patience:
        silent_ms = now_ms - self._since_ms
        if self._is_committed or silent_ms >= self.decide_after_ms:
            return Patience.OUT
        return Patience.LOW if silent_ms >= self.reconsider_after_ms else Patience.NORMAL

    def is_due(self, now_ms: float) -> bool:
        """Whether an undecided utterance is to be judged again, though nothing was added."""
        patience = self.patience(now_ms)
        return patience is not Patience.NORMAL and patience is not self._judged
