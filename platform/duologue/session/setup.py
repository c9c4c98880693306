"""What a session is set up with, and what follows from it."""

from dataclasses import dataclass, fields, replace

from duologue.forward.sampling_settings import SamplingSettings
from duologue.history import EarlierTurn
from duologue.lane.judging import Judge
from duologue.lane.lane import Lane
from duologue.lane.profile import LaneProfile, max_told_tokens
from duologue.lane.steps import Note, Promotion
from duologue.session.call_text import CallText
from duologue.session.terms import Terms
from duologue.speaker import Speaker
from duologue.strategies.base import Strategy
from duologue.strategies.registry import strategy_named
from duologue.text.chat import ChatFormat
from duologue.text.tokenizer import Tokenizer

RESERVE_TOKENS = 64
"""Room kept in the context beside an utterance: headers, marks, the beginning of a reply."""
MIN_PART_TOKENS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSetup(Terms):
    """A session's terms, and the model's words that it needs to follow them."""

    tokenizer: Tokenizer
    chat: ChatFormat
    history: tuple[EarlierTurn, ...] = ()
    """What a new session's trunk has behind its opening."""

    @property
    def terms(self) -> Terms:
        """Those alone: a plain value."""
        return Terms(**{each.name: getattr(self, each.name) for each in fields(Terms)})

    @property
    def strategy(self) -> Strategy:
        return strategy_named(self.decoding.strategy)

    def under(self, terms: Terms) -> "SessionSetup":
        """The same words under other terms."""
        return replace(self, **{each.name: getattr(terms, each.name) for each in fields(Terms)})

    @property
    def holds_replies(self) -> bool:
        """Whether a reply waits to be shown until the decision behind it is confirmed."""
        return self.strategy.takes_back and self.floor.mode == "confirmed"

    @property
    def opening(self) -> tuple[int, ...]:
        """The tokens that every trunk starts with."""
        return self.chat.opening(self.tokenizer, self.decoding.system_prompt, self.tools)

    @property
    def earlier_notes(self) -> tuple[Note, ...]:
        """The history as steps: turns as they would be if they had been held here."""
        notes: list[Note] = []
        for turn in self.history:
            speaker, tokens = Speaker(turn.role), self.tokenizer.encode(turn.text.strip())
            is_turn = speaker is not Speaker.ASSISTANT or not notes
            notes.append(Note(speaker, tuple(tokens), is_turn))
        return tuple(notes)

    def new_call_text(self) -> CallText | None:
        """What spots the calls of a new reply; None where there is nothing to call."""
        markup = self.chat.tools
        if not self.tools or markup is None:
            return None
        return CallText(markup.call_start, markup.call_start_token)

    def new_lane(self) -> Lane:
        """The lane of a session in which nothing happened yet."""
        return Lane.replay(self.chat, self.opening, self.earlier_notes)

    @property
    def stop_strings(self) -> tuple[str, ...]:
        return (*self.chat.stop_strings, *self.sampling.stop_strings)

    @property
    def context_limit_tokens(self) -> int:
        """Length at which the oldest turns leave."""
        limit = self.decoding.context_limit_tokens or self.max_positions
        return min(limit, self.max_positions)

    def max_part_tokens(self, num_opening_tokens: int) -> int:
        """Tokens of an utterance, or of a part of it, beside which the last turn, a whole reply and
        another part still fit into the context."""
        most = self.decoding.max_reply_tokens
        if not self.strategy.speaks:  # of which a turn may hold several
            most = 2 * self.max_told_tokens(num_opening_tokens)
        room = self.context_limit_tokens - num_opening_tokens - most
        return max(MIN_PART_TOKENS, room // 2 - RESERVE_TOKENS)

    def max_told_tokens(self, num_opening_tokens: int) -> int:
        """Tokens that the trunk keeps of a reply that the caller says."""
        room = self.context_limit_tokens - num_opening_tokens
        return max_told_tokens(self.decoding.max_reply_tokens, room)

    @property
    def profile(self) -> LaneProfile:
        decoding, sampling = self.decoding, self.sampling
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
            context_limit_tokens=self.context_limit_tokens,
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
