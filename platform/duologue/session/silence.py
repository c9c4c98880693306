"""How long the user has been silent, and what that is worth."""

from dataclasses import dataclass

from duologue.lane.judging import Patience


@dataclass(frozen=True, slots=True)
class SilenceState:
    """What is kept of it over a checkpoint."""

    since_ms: float
    judged: str | None
    """Name of a patience."""
    is_committed: bool
    has_text_since_commit: bool


@dataclass(slots=True)
class Silence:
    """Each degree of impatience judges an utterance once: silence alone costs no further slices."""

    reconsider_after_ms: float
    decide_after_ms: float
    is_committed: bool = False
    """Whether the caller said that the turn is over."""
    _since_ms: float = 0.0
    _judged: Patience | None = None
    _has_text_since_commit: bool = False

    @property
    def state(self) -> SilenceState:
        return SilenceState(
            since_ms=self._since_ms,
            judged=self._judged.name if self._judged is not None else None,
            is_committed=self.is_committed,
            has_text_since_commit=self._has_text_since_commit,
        )

    def recall(self, state: SilenceState) -> None:
        """Be as it was."""
        self._since_ms = state.since_ms
        self._judged = Patience[state.judged] if state.judged is not None else None
        self.is_committed = state.is_committed
        self._has_text_since_commit = state.has_text_since_commit

    def heard(self, now_ms: float) -> None:
        """The user said something."""
        self._since_ms = now_ms
        self._judged = None
        self._has_text_since_commit = True

    def commit(self) -> None:
        """The caller knows that the turn is over."""
        self.is_committed = True
        self._has_text_since_commit = False

    def judged(self, patience: Patience) -> None:
        """The utterance as it stands is being judged with this patience."""
        self._judged = patience

    def failed(self) -> None:
        """Nothing came of that judgement."""
        self._judged = None

    def decided(self, *, has_rest: bool) -> None:
        """The utterance was decided; with `has_rest`, text came too late for that decision.

        A commit is about all text before it, so that it holds on for a rest that it came after.
        """
        self._judged = None
        self.is_committed = self.is_committed and has_rest and not self._has_text_since_commit

    def patience(self, now_ms: float) -> Patience:
        silent_ms = now_ms - self._since_ms
        if self.is_committed or silent_ms >= self.decide_after_ms:
            return Patience.OUT
        return Patience.LOW if silent_ms >= self.reconsider_after_ms else Patience.NORMAL

    def is_due(self, now_ms: float) -> bool:
        """Whether the utterance is to be judged, though nothing was added since the last slice."""
        return self.patience(now_ms) is not self._judged

    def due_at_ms(self, now_ms: float) -> float | None:
        """From when on it is due, if nothing is said until then; None for never."""
        if self.is_due(now_ms):
            return now_ms
        limits_ms = (self.reconsider_after_ms, self.decide_after_ms)
        ahead = [ms for ms in limits_ms if now_ms - self._since_ms < ms]
        return self._since_ms + min(ahead) if ahead else None
