"""A lane at one moment, without its history and without cells."""

from dataclasses import dataclass

from duologue.lane.aside import SetAside
from duologue.lane.lane import Lane
from duologue.lane.phase import ReplyPhase
from duologue.lane.tokens import CachedTokens
from duologue.text.chat import ChatFormat


@dataclass(frozen=True, slots=True)
class AsideState:
    """A reply that was set aside."""

    number: int
    phase: ReplyPhase
    tokens: tuple[int, ...]
    start: int
    num_joined: int
    num_kept: int
    num_notes: int = 0


@dataclass(frozen=True, slots=True)
class LaneState:
    """All that a lane is but for its cells: what the steps up to here have made of it.

    The lane that is built from it goes on exactly as the one that it was taken of.
    """

    trunk: tuple[int, ...]
    input: tuple[int, ...]
    output: tuple[int, ...]
    phase: ReplyPhase
    num_replies: int
    reply_number: int
    was_answered: bool
    num_opening_tokens: int
    turn_starts: tuple[int, ...]
    num_last_input_tokens: int
    num_utterance_in_trunk: int
    num_reply_in_trunk: int
    aside: AsideState | None = None

    @classmethod
    def of(cls, lane: Lane) -> "LaneState":
        """The lane as it is now."""
        return cls(
            trunk=tuple(lane.trunk.tokens),
            input=tuple(lane.input.tokens),
            output=tuple(lane.output.tokens),
            phase=lane.phase,
            num_replies=lane.num_replies,
            reply_number=lane.reply_number,
            was_answered=lane.was_answered,
            num_opening_tokens=lane.num_opening_tokens,
            turn_starts=tuple(lane.turn_starts),
            num_last_input_tokens=lane.num_last_input_tokens,
            num_utterance_in_trunk=lane.num_utterance_in_trunk,
            num_reply_in_trunk=lane.num_reply_in_trunk,
            aside=_of_aside(lane.aside),
        )

    def lane(self, chat: ChatFormat) -> Lane:
        """A lane of this state, without cells."""
        lane = Lane(chat, self.trunk[: self.num_opening_tokens])
        lane.trunk = CachedTokens(list(self.trunk))
        lane.input = CachedTokens(list(self.input))
        lane.output = CachedTokens(list(self.output))
        lane.phase = self.phase
        lane.num_replies = self.num_replies
        lane.reply_number = self.reply_number
        lane.was_answered = self.was_answered
        lane.turn_starts = list(self.turn_starts)
        lane.num_last_input_tokens = self.num_last_input_tokens
        lane.num_utterance_in_trunk = self.num_utterance_in_trunk
        lane.num_reply_in_trunk = self.num_reply_in_trunk
        lane.aside = _to_aside(self.aside)
        return lane


def _of_aside(aside: SetAside | None) -> AsideState | None:
    if aside is None:
        return None
    tokens = tuple(aside.reply.tokens)
    place = (aside.start, aside.num_joined, aside.num_kept, aside.num_notes)
    return AsideState(aside.number, aside.phase, tokens, *place)


def _to_aside(state: AsideState | None) -> SetAside | None:
    if state is None:
        return None
    place = (state.start, state.num_joined, state.num_kept, state.num_notes)
    return SetAside(state.number, state.phase, CachedTokens(list(state.tokens)), *place)
