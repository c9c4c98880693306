"""Whether what a session sends can be meant for this model.

A token that the model does not have would stop the forward of everybody, so it is found here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from duologue.errors import InvalidInput
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice
from duologue.lane.state import LaneState
from duologue.strategies.base import Strategy

MAX_SLICE_TOKENS = 64
"""Reply tokens, and look-ahead tokens, that one slice may ask for."""


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """The limits of a model; every check raises InvalidInput, naming the field."""

    vocab_size: int
    max_positions: int
    can_judge: bool
    """Whether the model has a state head."""

    def check_strategy(self, strategy: Strategy) -> None:
        """The strategy of a seat."""
        if strategy.judges and not self.can_judge:
            raise InvalidInput(
                f"must be one that does not judge, such as 'turn', not "
                f"'{strategy.name}': the model has no state head",
                field="take_seat.strategy",
            )

    def check_lane(self, lane: LaneState) -> None:
        """A lane that a seat is taken with."""
        self._check_tokens("lane.trunk", lane.trunk)
        self._check_tokens("lane.input", lane.input)
        self._check_tokens("lane.output", lane.output)
        if lane.aside is not None:
            self._check_tokens("lane.aside.tokens", lane.aside.tokens)
        num_tokens = len(lane.trunk) + len(lane.input) + len(lane.output)
        if num_tokens > self.max_positions:
            raise InvalidInput(
                f"has {num_tokens} tokens; the model can hold {self.max_positions}", field="lane"
            )

    def check_profile(self, profile: LaneProfile) -> None:
        """The ways of a session."""
        if profile.context_limit_tokens > self.max_positions:
            raise InvalidInput(
                f"must be at most {self.max_positions}, which the "
                f"model can hold, not {profile.context_limit_tokens}",
                field="profile.context_limit_tokens",
            )
        if profile.idle_token is not None:
            self._check_tokens("profile.idle_token", (profile.idle_token,))

    def check_slice(self, work: Slice) -> None:
        """A slice; whether it fits its lane is for the engine to say."""
        if work.edit is not None:
            self._check_tokens("slice.edit.append", work.edit.append)
        if work.heard is not None:
            self._check_tokens("slice.heard.tail", work.heard.tail)
        if work.amends is not None:
            self._check_tokens("slice.amends.tail", work.amends.tail)
        _check_count("slice.reply_tokens", work.reply_tokens)
        _check_count("slice.look_ahead_tokens", work.look_ahead_tokens)

    def _check_tokens(self, field: str, tokens: Sequence[int]) -> None:
        highest, lowest = max(tokens, default=0), min(tokens, default=0)
        if lowest < 0 or highest >= self.vocab_size:
            wrong = lowest if lowest < 0 else highest
            raise InvalidInput(
                f"must hold tokens from 0 to {self.vocab_size - 1}, not {wrong}", field=field
            )


def _check_count(field: str, tokens: int) -> None:
    if not 0 <= tokens <= MAX_SLICE_TOKENS:
        raise InvalidInput(f"must be from 0 to {MAX_SLICE_TOKENS}, not {tokens}", field=field)
