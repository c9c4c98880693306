"""What a session must know of a model, wherever the model runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from duologue.errors import InvalidSetting
from duologue.lane.room import num_fixed_tokens
from duologue.session.setup import RESERVE_TOKENS, SessionSetup
from duologue.session.terms import UNTRAINED_THRESHOLDS, Terms
from duologue.session_config import SessionConfig
from duologue.settings import Settings
from duologue.states import State
from duologue.text.chat import ChatFormat
from duologue.text.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class ModelWords:
    """A model's vocabulary, its manner of writing a conversation down, and its sizes."""

    model: str
    """Its name."""
    tokenizer: Tokenizer
    chat: ChatFormat
    max_positions: int
    """Tokens that it can hold."""
    thresholds: Mapping[State, float]
    """Of its state head; empty if it has none."""
    digest: str
    """Names the whole description; equal digests are equal descriptions."""
    words_digest: str = ""
    """Names the tokenizer and the chat format: what tokens that were written down mean."""
    confirm_above: float | None = None
    """The probability of a query that its state head was calibrated to be sure from."""

    def setup(self, settings: Settings, config: SessionConfig | None = None) -> SessionSetup:
        """A session's setup: the platform's settings, and what its client wants otherwise.

        Raises InvalidSetting, naming the field as `config.name`, for what this model cannot do.
        """
        config = config or SessionConfig()
        setup = SessionSetup(
            model=config.model_name(settings.model.name),
            tokenizer=self.tokenizer,
            chat=self.chat,
            max_positions=self.max_positions,
            thresholds=self.thresholds or UNTRAINED_THRESHOLDS,
            decoding=config.decoding(settings.decoding),
            sampling=config.sampling(settings.sampling),
            floor=config.floor_settings(settings.floor).calibrated(self.confirm_above),
            listening=settings.listening,
            max_utterance_chars=settings.sessions.max_utterance_chars,
            reports_playback=bool(config.reports_playback),
            knows_languages=True,
            words_digest=self.words_digest,
            history=config.history,
            tools=config.tools,
        )
        self._check(setup)
        return setup

    def under(self, terms: Terms) -> SessionSetup:
        """The setup of a session that goes on under the terms that it began with."""
        setup = SessionSetup(tokenizer=self.tokenizer, chat=self.chat)
        return setup.under(replace(terms, words_digest=self.words_digest))

    def _check(self, setup: SessionSetup) -> None:
        if setup.strategy.judges and not self.thresholds:
            raise InvalidSetting(
                f"must be 'turn' with the model {self.model}, which has no state "
                f"head, not {setup.decoding.strategy!r}",
                field="config.strategy",
            )
        if setup.tools:
            self._check_tools(setup)
        num_tokens, limit = len(setup.opening), setup.profile.context_limit_tokens // 2
        if num_tokens > limit:
            raise InvalidSetting(
                f"must fill at most half of the context, {limit} tokens, "
                f"{'with the tools ' if setup.tools else ''}not {num_tokens}",
                field="config.system_prompt",
            )
        if setup.history:
            _check_history(setup)

    def _check_tools(self, setup: SessionSetup) -> None:
        if self.chat.tools is None:
            raise InvalidSetting(
                f"must be empty with the model {self.model}, whose chat template has no form for "
                f"tools that is known here, not {len(setup.tools)} tools",
                field="config.tools",
            )
        if setup.decoding.strategy not in ("duo", "turn"):
            raise InvalidSetting(
                f"must be empty with the strategy {setup.decoding.strategy!r}; they go with 'duo' "
                "and 'turn'",
                field="config.tools",
            )


def _check_history(setup: SessionSetup) -> None:
    """Beside the history there is room for a reply, and beside its last turn, which stays whatever
    leaves, for an utterance too."""
    lane, most_said = setup.new_lane(), setup.decoding.max_reply_tokens
    num_tokens, room = len(lane.trunk), setup.context_limit_tokens - most_said - RESERVE_TOKENS
    if num_tokens > room:
        raise InvalidSetting(
            f"must leave room for a reply in the context: together with the system "
            f"prompt it must have at most {room} tokens, not {num_tokens}",
            field="config.history",
        )
    num_last = num_fixed_tokens(lane) - lane.num_opening_tokens
    most = setup.max_part_tokens(lane.num_opening_tokens) + most_said
    if num_last > most:
        raise InvalidSetting(
            f"must have at most {most} tokens in its last turn, not {num_last}",
            field="config.history",
        )
