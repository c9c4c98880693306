"""The lane: a conversation's trunk and its two channels, token by token."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import Enum, auto

from duologue.kv.channel import Channel
from duologue.lane.cells import Cells, NoCells
from duologue.lane.steps import (
    Conclude,
    Finish,
    Hear,
    Ignore,
    Pause,
    Promote,
    Promotion,
    Reopen,
    Resume,
    Say,
    Step,
    Trim,
)
from duologue.lane.tokens import CachedTokens
from duologue.text.chat import ChatFormat


class ReplyPhase(Enum):
    """Where the reply in the output channel stands."""

    NONE = auto()
    SPEAKING = auto()
    FINISHED = auto()
    """Generated to its end, kept in its channel until it was heard."""
    PAUSED = auto()
    """Time division: what was said is in the trunk, and more will follow."""


class Lane:
    """One conversation: a trunk that both channels continue, and what each channel adds.

    The trunk is `opening`, then turn after turn. The input channel is `user_header` and the
    utterance in progress, the output channel `reply_header` and the reply in progress; both start
    at the position behind the trunk. Whoever changes a lane does so by `apply`.
    """

    def __init__(self, chat: ChatFormat, opening: Sequence[int]) -> None:
        self.chat = _with_reply_header(chat)
        self.trunk = CachedTokens(list(opening))
        self.input = CachedTokens()
        self.output = CachedTokens()
        self.phase = ReplyPhase.NONE
        self.num_replies = 0
        self.was_answered = False
        """Whether a reply was begun to the last utterance in the trunk."""
        self.cells: Cells = NoCells()
        self.num_opening_tokens = len(opening)
        self.turn_starts: list[int] = []
        """Places in the trunk at which its turns start."""
        self.num_last_input_tokens = 0  # length of the input channel when it joined the trunk
        # Time division puts parts of an utterance and of a reply into the trunk before their end.
        self.num_utterance_in_trunk = 0
        self.num_reply_in_trunk = 0

    @classmethod
    def replay(cls, chat: ChatFormat, opening: Sequence[int], steps: Iterable[Step]) -> "Lane":
        """The lane that these steps lead to; it has no cells."""
        lane = cls(chat, opening)
        for step in steps:
            lane.apply(step)
        return lane

    @property
    def utterance(self) -> list[int]:
        """The user's tokens in progress, without their header."""
        return self.input.tokens[len(self.chat.user_header) :]

    @property
    def num_utterance_tokens(self) -> int:
        """Tokens of the utterance so far, wherever they stand."""
        return self.num_utterance_in_trunk + len(self.utterance)

    @property
    def reply(self) -> list[int]:
        """The reply's tokens so far, without their header."""
        return self.output.tokens[len(self.chat.reply_header) :]

    @property
    def num_reply_tokens(self) -> int:
        """Tokens of the reply so far, wherever they stand."""
        return self.num_reply_in_trunk + len(self.reply)

    @property
    def is_listening(self) -> bool:
        return bool(self.input.tokens)

    @property
    def is_speaking(self) -> bool:
        return self.phase is ReplyPhase.SPEAKING

    @property
    def num_turns(self) -> int:
        """Turns in the trunk."""
        return len(self.turn_starts)

    @property
    def num_tokens(self) -> int:
        """Tokens of trunk and channels together: what a slot must hold."""
        return len(self.trunk) + len(self.input) + len(self.output)

    @property
    def num_fixed_tokens(self) -> int:
        """Tokens that stay whatever is trimmed: the opening, the last turn, the reply."""
        last_turn = self.turn_starts[-1] if self.turn_starts else len(self.trunk)
        return self.num_opening_tokens + len(self.trunk) - last_turn + len(self.output)

    @property
    def can_reopen(self) -> bool:
        """Whether the last utterance can return from the trunk: there is one, and no new one."""
        return bool(self.num_last_input_tokens) and not self.is_listening

    def channel(self, owner: Channel) -> CachedTokens:
        return (self.trunk, self.input, self.output)[owner]

    def first_position(self, owner: Channel) -> int:
        """Position of the first token of a channel: both branch off where the trunk ends."""
        return 0 if owner is Channel.TRUNK else len(self.trunk)

    def labelled_cells(self) -> Iterator[tuple[Channel, list[tuple[int, int]]]]:
        """Per channel its cells with their positions: what the memory must show."""
        for owner in Channel:
            start = self.first_position(owner)
            cells = self.channel(owner).cells
            yield owner, [(cell, start + offset) for offset, cell in enumerate(cells)]

    def apply(self, step: Step) -> None:
        """Change the lane by one step; cells that are no longer right are given up."""
        match step:
            case Hear():
                self._hear(step)
            case Ignore():
                self.cells.free(self.input.cut(0))
                self.num_utterance_in_trunk = 0
            case Promote():
                self._promote(step)
            case Reopen():
                self._reopen()
            case Say():
                assert self.is_speaking, self.phase
                self.output.tokens.extend(step.tokens)
            case Finish():
                assert self.is_speaking, self.phase
                self.phase = ReplyPhase.FINISHED
            case Conclude():
                self._conclude(step.keep, step.tail)
            case Trim():
                self._trim(step.turns)
            case Pause():
                self._pause()
            case Resume():
                self._resume(step.is_decided)

    def cut_look_ahead(self, length: int) -> None:
        """Roll back what was predicted behind the first `length` tokens of the input channel."""
        self.cells.free(self.input.cut(length))

    def reread_input(self) -> None:
        """Give up the last cell of the input, so that the next forward reads its state again."""
        self.cells.free(self.input.uncache(len(self.input) - 1))

    def drop_cells(self) -> None:
        """Give up every cell; they are computed again when they are needed."""
        for owner in Channel:
            self.cells.free(self.channel(owner).uncache())

    def turns_over(self, max_tokens: int) -> int:
        """How many of the oldest turns must leave for the lane to have at most `max_tokens`.

        The last turn stays in any case.
        """
        excess = self.num_tokens - max_tokens
        if excess <= 0 or self.num_turns < 2:
            return 0
        for turns, start in enumerate(self.turn_starts[1:], start=1):
            if start - self.num_opening_tokens >= excess:
                return turns
        return self.num_turns - 1

    def _hear(self, step: Hear) -> None:
        header = self.chat.user_header
        if not self.input.tokens:
            self.input.tokens.extend(header)
        keep = max(0, step.keep - self.num_utterance_in_trunk)
        assert keep <= len(self.utterance), (step, len(self.utterance))
        self.cells.free(self.input.cut(len(header) + keep))
        self.input.tokens.extend(step.append)
        if not self.utterance:
            self.cells.free(self.input.cut(0))

    def _promote(self, step: Promote) -> None:
        """The utterance joins the trunk, behind what is kept of a reply that it cuts."""
        assert self.is_listening, "there is no utterance to promote"
        if self.phase in (ReplyPhase.SPEAKING, ReplyPhase.FINISHED):
            kept = step.policy is Promotion.REBASE
            self._conclude(step.keep if kept else 0, step.tail if kept else ())
        self._utterance_joins_trunk()
        self.num_utterance_in_trunk = 0
        self.num_reply_in_trunk = 0
        self.phase = ReplyPhase.NONE
        self.was_answered = step.answer
        if step.answer:
            self.output.tokens.extend(self.chat.reply_header)
            self.phase = ReplyPhase.SPEAKING
            self.num_replies += 1

    def _reopen(self) -> None:
        assert self.can_reopen, "there is no utterance to reopen"
        start, length = self.turn_starts.pop(), self.num_last_input_tokens
        self.input.tokens = self.trunk.tokens[start : start + length]
        if self.cells.fit(Channel.TRUNK, Channel.INPUT):
            self.input.cells = self.trunk.cells[start : start + length]
            del self.trunk.cells[start : start + length]
            self.cells.relabel(self.input.cells, Channel.INPUT)
        self.cells.free(self.trunk.cut(start))
        self.cells.free(self.output.cut(0))
        self.phase = ReplyPhase.NONE
        self.num_last_input_tokens = 0

    def _utterance_joins_trunk(self) -> None:
        self.turn_starts.append(len(self.trunk))
        self.num_last_input_tokens = len(self.input)
        self._join_trunk(self.input, Channel.INPUT, len(self.input))
        self.trunk.tokens.extend(self.chat.user_end)

    def _conclude(self, keep: int, tail: Sequence[int]) -> None:
        """The reply leaves its channel; what is kept of it joins the trunk.

        An utterance in progress then follows another trunk, so that its cells are wrong.
        """
        assert self.phase is not ReplyPhase.NONE, "there is no reply to conclude"
        assert 0 <= keep <= self.num_reply_tokens, (keep, self.num_reply_tokens)
        if keep < self.num_reply_in_trunk:
            keep, tail = self.num_reply_in_trunk, ()  # time division cannot take back
        keep -= self.num_reply_in_trunk
        if keep or tail:
            self._join_trunk(self.output, Channel.OUTPUT, len(self.chat.reply_header) + keep)
            self.trunk.tokens.extend((*tail, *self.chat.reply_end))
            self.cells.free(self.input.uncache())
        self.cells.free(self.output.cut(0))
        self.num_reply_in_trunk = 0
        self.phase = ReplyPhase.NONE

    def _join_trunk(self, channel: CachedTokens, owner: Channel, length: int) -> None:
        """Move the first `length` tokens of a channel to the trunk, with their cells if these fit.

        They fit when the whole trunk has cells: then they stand right behind it, at the positions
        and with the past that they were computed with. Cells of an adapted input never do.
        """
        moved = channel.tokens[:length]
        fit = self.trunk.is_cached and self.cells.fit(owner, Channel.TRUNK)
        cells = channel.cells[:length] if fit else []
        del channel.cells[: len(cells)]
        self.cells.relabel(cells, Channel.TRUNK)
        self.cells.free(channel.cut(0))
        self.trunk.tokens.extend(moved)
        self.trunk.cells.extend(cells)

    def _pause(self) -> None:
        assert self.is_speaking, self.phase
        num_said = self.num_reply_tokens
        self._conclude(num_said, ())
        self.num_reply_in_trunk = num_said
        self.phase = ReplyPhase.PAUSED

    def _resume(self, is_decided: bool) -> None:
        assert self.phase is ReplyPhase.PAUSED, self.phase
        self.num_utterance_in_trunk = 0 if is_decided else self.num_utterance_tokens
        if self.is_listening:
            self._utterance_joins_trunk()
        self.output.tokens.extend(self.chat.reply_header)
        self.phase = ReplyPhase.SPEAKING

    def _trim(self, turns: int) -> None:
        """Drop the oldest turns; what follows them moves to other positions and loses its cells."""
        assert 0 < turns < self.num_turns, (turns, self.num_turns)
        start, end = self.num_opening_tokens, self.turn_starts[turns]
        self.cells.free(self.trunk.uncache(start))
        del self.trunk.tokens[start:end]
        self.turn_starts = [begin - (end - start) for begin in self.turn_starts[turns:]]
        for channel in (self.input, self.output):
            self.cells.free(channel.uncache())


def _with_reply_header(chat: ChatFormat) -> ChatFormat:
    """The same format with something to compute in the output channel before the first token.

    In some templates the end of the user's turn is all that asks for a reply.
    """
    if chat.reply_header:
        return chat
    assert chat.user_end, "a chat format must mark where a reply begins"
    return replace(chat, user_end=chat.user_end[:-1], reply_header=chat.user_end[-1:])
