"""A session that can be put away while it is silent, and called back."""

from collections.abc import Sequence

from duologue.lane.lane import Lane
from duologue.lane.steps import Step
from duologue.session.memory import SessionMemory
from duologue.session.response import Response
from duologue.session.session import Session
from duologue.session.setup import SessionSetup
from duologue.session.transcript import place_of_last_utterance


class LastingSession(Session):
    """For conversations of any length: it keeps neither all of its steps nor all of what was said.

    The steps are in the records of its chronicle, what was said is in the store.
    """

    def __init__(self, session_id: str, setup: SessionSetup, *, epoch: int = 1) -> None:
        super().__init__(session_id, setup, epoch=epoch)
        self.num_earlier_entries = 0
        """Entries of the transcript before those that are at hand."""

    @property
    def can_be_remembered(self) -> bool:
        """Whether `memory` says all: the session is silent, and nothing is on its way."""
        return self.is_silent and not self.is_busy and not self.is_closed

    @property
    def memory(self) -> SessionMemory:
        """What the session is besides its setup and its lane, while `can_be_remembered`."""
        assert self.can_be_remembered, "the session is in the midst of something"
        is_open = self._last_decision is not None
        kept = self.transcript[place_of_last_utterance(self.transcript) :] if is_open else []
        return SessionMemory(
            num_events=self._num_events,
            usage=self.usage,
            changes=self._changes,
            utterance=self._utterance.past,
            silence=self._silence.state,
            last_decision=self._last_decision,
            retry_at_ms=self._retry_at_ms,
            response=self._response.past if self._response is not None else None,
            reports_playback=self._reports_playback,
            num_entries=self.num_earlier_entries + len(self.transcript),
            entries=tuple(kept),
        )

    def recall(self, memory: SessionMemory, lane: Lane) -> None:
        """Be the session that this was taken of; this one is new and has the same setup."""
        assert self._num_events == 0, "only a new session can recall another one"
        self.lane = lane
        self.usage = memory.usage
        self._num_events = memory.num_events
        self._change(memory.changes)
        self._utterance.recall(memory.utterance)
        self._silence.recall(memory.silence)
        self._last_decision = memory.last_decision
        self._retry_at_ms = memory.retry_at_ms
        if memory.response is not None:
            self._response = Response.recall(memory.response, self.setup.tokenizer)
        self._reports_playback = memory.reports_playback
        self.transcript = list(memory.entries)
        self.num_earlier_entries = memory.num_entries - len(memory.entries)

    def forget_entries(self) -> None:
        """Let go of the transcript, but for the entries that may still change."""
        num_kept = len(self.memory.entries)
        num_gone = len(self.transcript) - num_kept
        del self.transcript[:num_gone]
        self.num_earlier_entries += num_gone

    def _keep(self, steps: Sequence[Step]) -> None:
        """Who replays the records has the steps."""
