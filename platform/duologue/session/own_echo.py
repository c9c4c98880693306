"""The assistant's own words, when they come back through the user's microphone."""

from duologue.session.response import Response
from duologue.session.setup import SessionSetup
from duologue.session.state import SessionState
from duologue.text.echo import num_echoed_chars

MIN_LONE_CHARS = 6
"""A single word of fewer is said by anybody at any time."""


class OwnEcho:
    """Compares what is heard with what was said just now. Has no state of its own."""

    def __init__(self, state: SessionState, setup: SessionSetup) -> None:
        self._state = state
        self._setup = setup

    def is_sure(self, text: str, now_ms: float) -> bool:
        """Whether all of the text was said by the assistant just now, and it is long enough."""
        return self._is_echo(text, now_ms, self._setup.listening.echo_words)

    def is_likely(self, text: str, now_ms: float) -> bool:
        """The same of a text that is too short to be sure, but of several words."""
        num_words = len(text.split())
        most = self._setup.listening.echo_words
        return num_words > 1 and self._is_echo(text, now_ms, min(num_words, most))

    def is_possible(self, text: str, now_ms: float) -> bool:
        """The same of a single word too, if it is a long one: the next words will tell."""
        is_lone = len(text.split()) == 1 and len(text.strip()) >= MIN_LONE_CHARS
        return self.is_likely(text, now_ms) or (is_lone and self._is_echo(text, now_ms, 1))

    def _is_echo(self, text: str, now_ms: float, min_words: int) -> bool:
        return any(
            num_echoed_chars(text, response.shown_text, min_words=min_words) >= len(text)
            for response in (self._state.response, self._state.cut)
            if response is not None and self._may_echo(response, now_ms)
        )

    def _may_echo(self, response: Response, now_ms: float) -> bool:
        within_ms = self._setup.listening.echo_within_ms
        is_recent = not response.is_done or now_ms - response.active_ms <= within_ms
        return bool(response.response_id) and within_ms > 0 and is_recent
