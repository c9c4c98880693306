"""The terms of a session: the settings that it is held by, whatever they are elsewhere today."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from duologue.floor_settings import FloorSettings, ListeningSettings
from duologue.session_config import SessionConfig
from duologue.settings import DecodingSettings, ReplySamplingSettings
from duologue.states import State
from duologue.tools import Tool

UNTRAINED_THRESHOLDS: Mapping[State, float] = {State.QUERY: 0.5, State.NON_QUERY: 0.5}
"""For strategies that do not judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A plain value that the session keeps from its beginning on. Its client may change it.

    Played again under other terms, a journal would tell another story.
    """

    model: str = ""
    """The name of the model that holds it; empty where any with the same words may."""
    words_digest: str = ""
    """Names the tokenizer and the chat format that its tokens are of."""
    max_positions: int = 8192
    """Tokens that the model can hold."""
    thresholds: Mapping[State, float] = field(default_factory=lambda: UNTRAINED_THRESHOLDS)
    decoding: DecodingSettings = field(default_factory=DecodingSettings)
    sampling: ReplySamplingSettings = field(default_factory=ReplySamplingSettings)
    floor: FloorSettings = field(default_factory=FloorSettings)
    listening: ListeningSettings = field(default_factory=ListeningSettings)
    max_utterance_chars: int = 8_000
    """Length of an utterance in progress, or of a part of it."""
    reports_playback: bool = False
    """Whether the client reports what of a reply was heard."""

    tools: tuple[Tool, ...] = ()
    """What the model may call."""

    knows_languages: bool = False
    """Whether `listening.foreign` holds. Sessions go on as they began: of those that began before
    languages were told apart, nothing is known of theirs."""

    @property
    def waits_for_foreign(self) -> bool:
        """Whether marks and silence tell the end of what is not English."""
        return self.knows_languages and self.listening.foreign == "wait"

    def changed(self, config: SessionConfig) -> Self:
        """The same with what a client wants in place of it."""
        reports = config.reports_playback
        return replace(
            self,
            decoding=config.decoding(self.decoding),
            sampling=config.sampling(self.sampling),
            floor=config.floor_settings(self.floor),
            reports_playback=self.reports_playback if reports is None else reports,
        )
