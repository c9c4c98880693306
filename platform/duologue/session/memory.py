"""What a silent session is besides its tokens."""

from dataclasses import dataclass

from duologue.session.flight import Decision
from duologue.session.response import PastResponse
from duologue.session.silence import SilenceState
from duologue.session.transcript import Entry
from duologue.session_config import SessionConfig
from duologue.text.utterance import PastUtterance
from duologue.usage import Usage


@dataclass(frozen=True, slots=True)
class SessionMemory:
    """All that a session's next step may depend on, but for its setup and its lane.

    Together they are small only while there is nothing to hear and nothing to say.
    """

    num_events: int
    usage: Usage
    changes: SessionConfig
    """What the client has changed of the setup."""
    utterance: PastUtterance
    silence: SilenceState
    last_decision: Decision | None
    """It may still be taken back."""
    retry_at_ms: float
    response: PastResponse | None
    reports_playback: bool
    num_entries: int
    """Length of the transcript, whose last entries follow: those that may still change."""
    entries: tuple[Entry, ...]
