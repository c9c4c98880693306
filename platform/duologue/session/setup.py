"""What a session is set up with, and what follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from duologue.forward.sampling_settings import SamplingSettings
from duologue.lane.judging import Judge
from duologue.lane.profile import LaneProfile
from duologue.lane.steps import Promotion
from duologue.session_config import SessionConfig
from duologue.settings import DecodingSettings, ReplySamplingSettings
from duologue.states import State
from duologue.strategies.base import Strategy
from duologue.strategies.registry import strategy_named
from duologue.text.chat import ChatFormat
from duologue.text.tokenizer import Tokenizer

UNTRAINED_THRESHOLDS: Mapping[State, float] = {State.QUERY: 0.5, State.NON_QUERY: 0.5}
"""For strategies that do not judge."""


@dataclass(frozen=True, slots=True)
class SessionSetup:
    """The model's words and the session's settings; the same for many sessions."""

    tokenizer: Tokenizer
    chat: ChatFormat
    max_positions: int
    """Tokens that the model can hold."""
    thresholds: Mapping[State, float] = field(default_factory=lambda: UNTRAINED_THRESHOLDS)
    decoding: DecodingSettings = field(default_factory=DecodingSettings)
    sampling: ReplySamplingSettings = field(default_factory=ReplySamplingSettings)
    max_utterance_chars: int = 8_000
    """Length of an utterance in progress."""

    @property
    def strategy(self) -> Strategy:
        return strategy_named(self.decoding.strategy)

    def changed(self, config: SessionConfig) -> "SessionSetup":
        """The same with what a client wants in place of it."""
        decoding, sampling = config.decoding(self.decoding), config.sampling(self.sampling)
        return replace(self, decoding=decoding, sampling=sampling)

    @property
    def decide_after_ms(self) -> float:
        """After how much silence an utterance is decided: for those who do not judge, early."""
        decoding = self.decoding
        return decoding.decide_after_ms if self.strategy.judges else decoding.reconsider_after_ms

    @property
    def opening(self) -> tuple[int, ...]:
        """The tokens that every trunk starts with."""
        return self.chat.opening(self.tokenizer, self.decoding.system_prompt)

    @property
    def stop_strings(self) -> tuple[str, ...]:
        return (*self.chat.stop_strings, *self.sampling.stop_strings)

    @property
    def profile(self) -> LaneProfile:
        decoding, sampling = self.decoding, self.sampling
        limit = decoding.context_limit_tokens or self.max_positions
        return LaneProfile(
            judge=Judge(self.thresholds, decoding.reconsider_scale),
            stop_tokens=self.chat.stop_tokens,
            promotion=Promotion(decoding.promotion),
            sampling=SamplingSettings(
                temperature=sampling.temperature,
                top_k=sampling.top_k,
                top_p=sampling.top_p,
                repetition_penalty=sampling.repetition_penalty,
                seed=sampling.seed,
            ),
            max_reply_tokens=decoding.max_reply_tokens,
            context_limit_tokens=min(limit, self.max_positions),
            idle_token=self.idle_token,
        )

    @property
    def idle_token(self) -> int | None:
        """A special token that the chat format leaves unused: silence, in time division.

        The last one: reserved tokens follow those that mean something, such as the end of a text.
        """
        chat = self.chat
        pieces = (chat.bare_opening, chat.system_header, chat.user_header, chat.user_end)
        used = {*chat.stop_tokens, *chat.reply_header, *chat.reply_end}.union(*pieces)
        return max(self.tokenizer.special_tokens - used, default=None)
